//! How many requests are worked on at once.

use std::sync::Arc;

use axum::body::{Body, HttpBody};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use mpanel_authz::OpCx;
use mpanel_kernel::network::Network;
use tokio::sync::Semaphore;

use crate::body::{self, is_json};
use crate::{Caller, Slots, too_many};

/// Many times the database's connections: more would only wait for those, and hold memory meanwhile.
const KNOWN: usize = 128;
/// Of strangers: most of what they ask costs a password's hash, of which few are made at once.
const STRANGERS: usize = 64;
/// Of these, so many from one network.
const STRANGERS_OF_ONE: u32 = 16;

/// Places for requests that are worked on. The rest wait, in the order in which they came.
#[derive(Clone)]
pub struct Crowd {
    places: Arc<Semaphore>,
    /// Bounds what one network has under way, waiting or not.
    networks: Option<Arc<Slots<Network>>>,
}

impl Crowd {
    /// Of those who were admitted.
    #[must_use]
    pub fn known() -> Self {
        Self::of(KNOWN, None)
    }

    /// Of all others, who have places of their own: those who are known must not wait for them.
    #[must_use]
    pub fn strangers() -> Self {
        Self::of(STRANGERS, Some(STRANGERS_OF_ONE))
    }

    pub(crate) fn of(places: usize, of_one: Option<u32>) -> Self {
        Self {
            places: Arc::new(Semaphore::new(places)),
            networks: of_one.map(Slots::new),
        }
    }
}

/// The layer behind [`admit`](crate::admit), or around what strangers may ask: bounds what many requests at once hold in
/// memory. A place is taken when a body of JSON has arrived, or those who send slowly would keep all others out; uploads
/// take none, since they have places of their own.
pub async fn limit_crowd(State(crowd): State<Crowd>, request: Request, next: Next) -> Response {
    let address = request.extensions().get::<Caller>().and_then(|caller| caller.address);
    let _slot = match (&crowd.networks, address) {
        (Some(networks), Some(address)) => match networks.take(Network::of(address)) {
            Some(slot) => Some(slot),
            None => {
                let detail = "your network has too many requests under way; wait for their answers";
                return too_many("request.too_many_at_once", detail).into_response();
            }
        },
        _ => None,
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
    // It is never closed.
    let _place = crowd.places.acquire().await;
    next.run(request).await
}
