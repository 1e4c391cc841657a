//! How many requests are worked on at once.

use std::sync::Arc;

use axum::body::{Body, HttpBody};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use mpanel_authz::OpCx;
use mpanel_kernel::ids::TenantId;
use mpanel_kernel::network::Network;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::body::{self, is_json};
use crate::caller::missing;
use crate::rate::count_refused;
use crate::{Caller, Problem, Slot, Slots, too_many};

/// Many times the database's connections: more would only wait for those, and hold memory meanwhile.
const KNOWN: usize = 128;
/// Of strangers: most of what they ask costs a password's hash, of which few are made at once.
const STRANGERS: usize = 64;
/// Of these, so many from one network.
const STRANGERS_OF_ONE: u32 = 16;
/// Of those who are known, so many for one tenant, and by one person or program: about half of the database's connections, so
/// that the slowest of requests leave others theirs.
const AT_ONCE: usize = 8;
/// What one tenant has under way, worked on or waiting.
const OF_TENANT: usize = 128;
/// What one person or program has.
const OF_ACTOR: usize = 64;

/// Places for requests that are worked on. The rest wait, in the order in which they came.
#[derive(Clone)]
pub struct Crowd {
    places: Arc<Semaphore>,
    shares: Shares,
}

/// What bounds each one's part of the places.
#[derive(Clone)]
enum Shares {
    Known {
        actors: Arc<Slots<String>>,
        tenants: Arc<Slots<TenantId>>,
    },
    Strangers(Arc<Slots<Network>>),
}

/// The part that a request has.
enum Share {
    Known(Slot<String>, Slot<TenantId>),
    Stranger {
        _slot: Slot<Network>,
    },
    /// Of a process of this machine, which has no address.
    Unbounded,
}

impl Crowd {
    /// Of those who were admitted.
    #[must_use]
    pub fn known() -> Self {
        Self::of_known(KNOWN, AT_ONCE, (OF_ACTOR, OF_TENANT))
    }

    /// Of all others, who have places of their own: those who are known must not wait for them.
    #[must_use]
    pub fn strangers() -> Self {
        Self::of_strangers(STRANGERS, STRANGERS_OF_ONE)
    }

    pub(crate) fn of_known(places: usize, at_once: usize, (actor, tenant): (usize, usize)) -> Self {
        Self {
            places: Arc::new(Semaphore::new(places)),
            shares: Shares::Known {
                actors: Slots::in_turns(actor, at_once),
                tenants: Slots::in_turns(tenant, at_once),
            },
        }
    }

    pub(crate) fn of_strangers(places: usize, of_one: u32) -> Self {
        Self {
            places: Arc::new(Semaphore::new(places)),
            shares: Shares::Strangers(Slots::new(of_one)),
        }
    }

    /// # Errors
    /// 429 when whoever asks has as much under way as they may.
    fn share(&self, request: &Request) -> Result<Share, Problem> {
        let refuse = |limit, detail| {
            count_refused(limit);
            too_many("request.too_many_at_once", detail)
        };
        match &self.shares {
            Shares::Strangers(networks) => {
                let address = request.extensions().get::<Caller>().and_then(|caller| caller.address);
                let Some(address) = address else {
                    return Ok(Share::Unbounded);
                };
                let detail = "your network has too many requests under way; wait for their answers";
                let slot = networks.take(Network::of(address));
                let slot = slot.ok_or_else(|| refuse("network_at_once", detail))?;
                Ok(Share::Stranger { _slot: slot })
            }
            Shares::Known { actors, tenants } => {
                let cx = request.extensions().get::<OpCx>().ok_or_else(|| missing("OpCx"))?;
                let detail = "this person or token has too many requests under way; wait for their answers";
                let actor = actors.take(cx.actor().reference());
                let actor = actor.ok_or_else(|| refuse("actor_at_once", detail))?;
                let detail = "too many requests for this tenant are under way; wait for their answers";
                let tenant = tenants.take(cx.tenant());
                let tenant = tenant.ok_or_else(|| refuse("tenant_at_once", detail))?;
                Ok(Share::Known(actor, tenant))
            }
        }
    }
}

impl Share {
    /// Waits until it is the request's turn among those of the same actor, and then of the same tenant: always in this order.
    async fn turn(&self) -> Option<[OwnedSemaphorePermit; 2]> {
        match self {
            Self::Known(actor, tenant) => Some([actor.turn().await?, tenant.turn().await?]),
            Self::Stranger { .. } | Self::Unbounded => None,
        }
    }
}

/// The layer behind [`admit`](crate::admit), or around what strangers may ask: bounds what many requests at once hold in
/// memory. A place is taken when a body of JSON has arrived, or those who send slowly would keep all others out; uploads
/// take none, since they have places of their own.
pub async fn limit_crowd(State(crowd): State<Crowd>, request: Request, next: Next) -> Response {
    let share = match crowd.share(&request) {
        Ok(share) => share,
        Err(problem) => return problem.into_response(),
    };
    let request = match (request.body().is_end_stream(), is_json(request.headers())) {
        (true, _) => request,
        (false, false) => return next.run(request).await,
        (false, true) => {
            let (parts, body) = request.into_parts();
            match body::read(body, parts.extensions.get::<OpCx>()).await {
                Ok(bytes) => Request::from_parts(parts, Body::from(bytes)),
                Err(problem) => return problem.into_response(),
            }
        }
    };
    // Only who has a turn waits for a place: those who wait for their own keep nobody else out.
    let _turn = share.turn().await;
    // It is never closed.
    let _place = crowd.places.acquire().await;
    next.run(request).await
}
