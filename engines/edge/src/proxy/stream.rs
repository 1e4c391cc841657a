//! A request's body on its way to the panel's server.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::Instant;

use crate::server::Watch;

/// Where a request's body stands.
pub(crate) struct Progress {
    last: Cell<Instant>,
    waiting_for_client: Cell<bool>,
}

impl Default for Progress {
    fn default() -> Self {
        Self {
            last: Cell::new(Instant::now()),
            waiting_for_client: Cell::new(false),
        }
    }
}

impl Progress {
    /// When the server behind has been silent for too long, unless something moves before.
    pub(crate) fn deadline(&self, limit: Duration) -> Instant {
        let start = if self.waiting_for_client.get() {
            Instant::now()
        } else {
            self.last.get()
        };
        start + limit
    }
}

/// The client's body, watched so that a client which stops sending is noticed.
pub(crate) struct RequestBody {
    /// `None` for a request that has none and is sent once more, or is the edge's own.
    body: Option<Incoming>,
    watch: Rc<Watch>,
    progress: Rc<Progress>,
}

impl RequestBody {
    pub(crate) fn new(body: Option<Incoming>, watch: Rc<Watch>, progress: Rc<Progress>) -> Self {
        Self { body, watch, progress }
    }

    /// No body, in place of `other`.
    pub(crate) fn none(other: &Self) -> Self {
        Self {
            body: None,
            watch: Rc::clone(&other.watch),
            progress: Rc::clone(&other.progress),
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Some(body) = &mut self.body else {
            return Poll::Ready(None);
        };
        let polled = Pin::new(body).poll_frame(cx);
        self.watch.body_wait(polled.is_pending());
        self.progress.waiting_for_client.set(polled.is_pending());
        if polled.is_ready() {
            self.progress.last.set(Instant::now());
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body
            .as_ref()
            .map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        self.watch.body_wait(false);
        self.progress.waiting_for_client.set(false);
    }
}
