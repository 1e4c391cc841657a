//! How many requests are worked on at once.

use std::sync::Arc;

use axum::body::{Body, HttpBody};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::Extensions;
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

    /// What a stranger's network has of it, waiting or not; nothing of a process of this machine, which has no address.
    ///
    /// # Errors
    /// 429 when it has as much under way as it may.
    fn of_network(&self, request: &Request) -> Result<Option<Slot<Network>>, Problem> {
        let address = request.extensions().get::<Caller>().and_then(|caller| caller.address);
        let (Shares::Strangers(networks), Some(address)) = (&self.shares, address) else {
            return Ok(None);
        };
        let slot = networks.take(Network::of(address));
        let detail = "your network has too many requests under way; wait for their answers";
        Ok(Some(slot.ok_or_else(|| refused("network_at_once", detail))?))
    }

    /// What the actor and the tenant have of it, whose turn it is when this answers.
    ///
    /// # Errors
    /// 429 when one of them has as much under way as they may.
    async fn turn(&self, extensions: &Extensions) -> Result<Option<Turn>, Problem> {
        let Shares::Known { actors, tenants } = &self.shares else {
            return Ok(None);
        };
        let cx = extensions.get::<OpCx>().ok_or_else(|| missing("OpCx"))?;
        let detail = "this person or token has too many requests under way; wait for their answers";
        let actor = actors.take(cx.actor().reference());
        let actor = actor.ok_or_else(|| refused("actor_at_once", detail))?;
        let detail = "too many requests for this tenant are under way; wait for their answers";
        let tenant = tenants.take(cx.tenant());
        let tenant = tenant.ok_or_else(|| refused("tenant_at_once", detail))?;
        // Always in this order: nobody who has the tenant's turn waits for an actor's.
        let turns = [actor.turn().await, tenant.turn().await];
        Ok(Some(Turn {
            _turns: turns,
            _slots: (actor, tenant),
        }))
    }
}

/// Somebody's turn, until this is dropped.
struct Turn {
    _turns: [Option<OwnedSemaphorePermit>; 2],
    _slots: (Slot<String>, Slot<TenantId>),
}

fn refused(limit: &'static str, detail: &'static str) -> Problem {
    count_refused(limit);
    too_many("request.too_many_at_once", detail)
}

/// The layer behind [`admit`](crate::admit), or around what strangers may ask: bounds what many requests at once hold in
/// memory. A place is taken when a body of JSON has arrived, or those who send slowly would keep all others out; uploads
/// take none, since they have places of their own.
pub async fn limit_crowd(State(crowd): State<Crowd>, request: Request, next: Next) -> Response {
    let _slot = match crowd.of_network(&request) {
        Ok(slot) => slot,
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
    let _turn = match crowd.turn(request.extensions()).await {
        Ok(turn) => turn,
        Err(problem) => return problem.into_response(),
    };
    // It is never closed.
    let _place = crowd.places.acquire().await;
    next.run(request).await
}
