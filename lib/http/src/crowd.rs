//! How many requests are worked on at once.

use std::sync::Arc;

use axum::body::{Body, HttpBody};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use mpanel_authz::OpCx;
use tokio::sync::Semaphore;

use crate::body::{self, is_json};

/// Many times the database's connections: more would only wait for those, and hold memory meanwhile.
const AT_ONCE: usize = 128;

/// Places for requests that are worked on. The rest wait, in the order in which they came.
#[derive(Clone)]
pub struct Crowd(Arc<Semaphore>);

impl Default for Crowd {
    fn default() -> Self {
        Self::of(AT_ONCE)
    }
}

impl Crowd {
    pub(crate) fn of(places: usize) -> Self {
        Self(Arc::new(Semaphore::new(places)))
    }
}

/// The layer behind [`admit`](crate::admit): bounds what many requests at once hold in memory. A place is taken when a
/// body of JSON has arrived, or those who send slowly would keep all others out; uploads take none, since they have
/// places of their own.
pub async fn limit_crowd(State(crowd): State<Crowd>, request: Request, next: Next) -> Response {
    let request = match (request.body().is_end_stream(), is_json(request.headers())) {
        (true, _) => request,
        (false, false) => return next.run(request).await,
        (false, true) => {
            let most = body::most(request.extensions().get::<OpCx>());
            let (parts, body) = request.into_parts();
            match body::read(body, most).await {
                Ok(bytes) => Request::from_parts(parts, Body::from(bytes)),
                Err(problem) => return problem.into_response(),
            }
        }
    };
    // It is never closed.
    let _place = crowd.0.acquire().await;
    next.run(request).await
}
