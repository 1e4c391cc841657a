//! The body of a server's answer on its way to the client.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep, sleep};

use crate::body::BodyError;
use crate::upstream::InFlight;

/// Read only as fast as the client takes it, and counted as open until its end.
pub(crate) struct AnswerBody {
    body: Incoming,
    _in_flight: InFlight,
    patience: Duration,
    /// Set once the server has had to be waited for.
    timer: Option<Pin<Box<Sleep>>>,
    moved: bool,
}

impl AnswerBody {
    pub(super) fn new(body: Incoming, in_flight: InFlight, patience: Duration) -> Self {
        Self {
            body,
            _in_flight: in_flight,
            patience,
            timer: None,
            moved: false,
        }
    }

    pub(crate) fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            self.moved = true;
            return Poll::Ready(frame.map(|frame| frame.map_err(BodyError::from)));
        }
        if self.patience == Duration::MAX {
            return Poll::Pending;
        }
        let patience = self.patience;
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(patience)));
        if std::mem::take(&mut self.moved) {
            timer.as_mut().reset(Instant::now() + patience);
        }
        ready!(timer.as_mut().poll(cx));
        let error = io::Error::new(io::ErrorKind::TimedOut, "the server went silent");
        Poll::Ready(Some(Err(error.into())))
    }

    pub(crate) fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    pub(crate) fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
