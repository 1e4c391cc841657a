//! How a server that was asked to stop leaves those that keep connections to it: one that closes without a word takes a request with
//! it that is just being sent, and nobody knows then whether it was done.

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderValue, Version, header};
use axum::response::Response;

/// How long answers say that their connection closes, before those that nobody uses are closed.
const FAREWELL: Duration = Duration::from_millis(500);

/// Whether a stop was asked for.
#[derive(Debug, Clone, Default)]
pub(super) struct Leaving(Arc<AtomicBool>);

impl Leaving {
    /// From now on every answer ends its connection; ends once those in use had time to get one.
    pub(super) async fn begin(&self) {
        self.0.store(true, Ordering::Relaxed);
        tokio::time::sleep(FAREWELL).await;
    }
}

/// Says with an answer that its connection closes, when it does.
pub(super) async fn tell(State(leaving): State<Leaving>, mut response: Response) -> Response {
    if leaving.0.load(Ordering::Relaxed) && response.version() < Version::HTTP_2 {
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(header::CONNECTION, close);
    }
    response
}
