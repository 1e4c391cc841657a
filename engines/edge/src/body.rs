//! Bodies: what answers carry, and the meter around them.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use crate::access::{AccessLog, AccessRecord};
use crate::counters::Counters;
use crate::files::FileBody;
use crate::server::OpenRequest;

/// Why a body broke off; hyper then breaks the connection or resets the stream.
pub(crate) type BodyError = Box<dyn std::error::Error + Send + Sync>;

/// What an answer carries.
pub(crate) enum Payload {
    Empty,
    /// Taken on the first poll.
    Full(Bytes),
    File(FileBody),
    Upstream(Incoming),
}

impl Payload {
    pub(crate) fn full(bytes: Bytes) -> Self {
        if bytes.is_empty() {
            Self::Empty
        } else {
            Self::Full(bytes)
        }
    }

    pub(crate) fn exact_length(&self) -> Option<u64> {
        match self {
            Self::Empty => Some(0),
            Self::Full(bytes) => Some(bytes.len() as u64),
            Self::File(file) => Some(file.remaining()),
            Self::Upstream(body) => body.size_hint().exact(),
        }
    }
}

/// An access record in the making, with where it goes.
pub(crate) struct Logged {
    pub(crate) log: Arc<dyn AccessLog>,
    pub(crate) record: AccessRecord,
    pub(crate) started: Instant,
}

/// The body of every answer: says for whom bytes leave, and ends the request when it is dropped.
pub(crate) struct EdgeBody {
    payload: Payload,
    counters: Arc<Counters>,
    logged: Option<Box<Logged>>,
    open: OpenRequest,
}

impl EdgeBody {
    pub(crate) fn new(
        payload: Payload,
        counters: Arc<Counters>,
        logged: Option<Box<Logged>>,
        open: OpenRequest,
    ) -> Self {
        Self {
            payload,
            counters,
            logged,
            open,
        }
    }
}

impl Body for EdgeBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let frame = match &mut self.payload {
            Payload::Empty => return Poll::Ready(None),
            Payload::Full(bytes) => {
                let bytes = std::mem::take(bytes);
                self.payload = Payload::Empty;
                Some(Ok(Frame::data(bytes)))
            }
            Payload::File(file) => match file.poll_chunk(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(chunk) => {
                    chunk.map(|chunk| chunk.map(Frame::data).map_err(|error| Box::new(error) as BodyError))
                }
            },
            Payload::Upstream(body) => match Pin::new(body).poll_frame(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(frame) => frame.map(|frame| frame.map_err(|error| Box::new(error) as BodyError)),
            },
        };
        if let Some(Ok(frame)) = &frame
            && let Some(data) = frame.data_ref()
        {
            let bytes = data.len() as u64;
            self.open.charge(&self.counters);
            if let Some(logged) = &mut self.logged {
                logged.record.bytes += bytes;
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        match &self.payload {
            Payload::Empty => true,
            Payload::Full(_) => false,
            Payload::File(file) => file.remaining() == 0,
            Payload::Upstream(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.payload {
            Payload::Upstream(body) => body.size_hint(),
            other => other.exact_length().map(SizeHint::with_exact).unwrap_or_default(),
        }
    }
}

impl Drop for EdgeBody {
    fn drop(&mut self) {
        if let Some(mut logged) = self.logged.take() {
            logged.record.took = logged.started.elapsed();
            logged.log.record(&logged.record);
        }
    }
}
