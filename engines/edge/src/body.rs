//! Bodies: what answers carry, and the meter around them.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use crate::access::{AccessLog, AccessRecord};
use crate::cache::CacheBody;
use crate::counters::Counters;
use crate::fastcgi::ProgramBody;
use crate::files::FileBody;
use crate::proxy::AnswerBody;
use crate::server::OpenRequest;

/// Why a body broke off; hyper then breaks the connection or resets the stream.
pub(crate) type BodyError = Box<dyn std::error::Error + Send + Sync>;

/// What an answer carries.
pub(crate) enum Payload {
    Empty,
    /// Taken on the first poll.
    Full(Bytes),
    File(FileBody),
    Upstream(AnswerBody),
    Program(Box<ProgramBody>),
    Cached(Box<CacheBody>),
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
            Self::Program(body) => body.length(),
            Self::Cached(body) => body.exact(),
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

impl Body for Payload {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match &mut *self {
            Self::Empty => Poll::Ready(None),
            Self::Full(bytes) => {
                let bytes = std::mem::take(bytes);
                *self = Self::Empty;
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            Self::File(file) => file
                .poll_chunk(cx)
                .map(|chunk| chunk.map(|chunk| chunk.map(Frame::data).map_err(|error| Box::new(error) as BodyError))),
            Self::Program(body) => body
                .poll_chunk(cx)
                .map(|chunk| chunk.map(|chunk| chunk.map(Frame::data))),
            Self::Upstream(body) => body.poll_frame(cx),
            Self::Cached(body) => Pin::new(&mut **body)
                .poll_frame(cx)
                .map(|frame| frame.map(|frame| frame.map_err(|error| Box::new(error) as BodyError))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Full(_) => false,
            Self::File(file) => file.remaining() == 0,
            Self::Upstream(body) => body.is_end_stream(),
            Self::Program(body) => body.is_done(),
            Self::Cached(body) => body.is_over(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Upstream(body) => body.size_hint(),
            other => other.exact_length().map(SizeHint::with_exact).unwrap_or_default(),
        }
    }
}

impl Body for EdgeBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let polled = Pin::new(&mut self.payload).poll_frame(cx);
        if let Poll::Ready(Some(Ok(frame))) = &polled
            && let Some(data) = frame.data_ref()
        {
            let bytes = data.len() as u64;
            self.open.charge(&self.counters);
            if let Some(logged) = &mut self.logged {
                logged.record.bytes += bytes;
            }
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.payload.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.payload.size_hint()
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
