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
pub(super) struct Progress {
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
    pub(super) fn deadline(&self, limit: Duration) -> Instant {
        let start = if self.waiting_for_client.get() {
            Instant::now()
        } else {
            self.last.get()
        };
        start + limit
    }
}

/// The client's body, watched so that a client which stops sending is noticed.
pub(super) struct RequestBody {
    body: Incoming,
    watch: Rc<Watch>,
    progress: Rc<Progress>,
}

impl RequestBody {
    pub(super) fn new(body: Incoming, watch: Rc<Watch>, progress: Rc<Progress>) -> Self {
        Self { body, watch, progress }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        self.watch.body_wait(polled.is_pending());
        self.progress.waiting_for_client.set(polled.is_pending());
        if polled.is_ready() {
            self.progress.last.set(Instant::now());
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        self.watch.body_wait(false);
        self.progress.waiting_for_client.set(false);
    }
}
