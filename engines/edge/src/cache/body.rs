//! The body of an answer from the cache, or a part of it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::fill::{Next, Ticket};
use super::object::Object;

/// Why a body ended early: its origin broke off.
#[derive(Debug, thiserror::Error)]
#[error("the origin broke off")]
pub(crate) struct BrokenOff;

/// Bytes from memory, as they are or as they come.
#[derive(Debug)]
pub(crate) struct CacheBody {
    source: Source,
    /// Bytes before the part, and bytes of the part that are left; `None` while nobody knows.
    skip: u64,
    left: Option<u64>,
}

#[derive(Debug)]
enum Source {
    Whole { object: Arc<Object>, piece: usize },
    Flowing(Ticket),
    Over,
}

impl CacheBody {
    pub(crate) fn whole(object: Arc<Object>, first: u64, length: u64) -> Self {
        let mut body = Self {
            source: Source::Over,
            skip: first,
            left: Some(length),
        };
        body.continue_in(object);
        body
    }

    pub(crate) fn flowing(ticket: Ticket, first: u64, length: Option<u64>) -> Self {
        Self {
            source: Source::Flowing(ticket),
            skip: first,
            left: length,
        }
    }

    /// Goes on in the whole, of which `skip` bytes are not wanted.
    fn continue_in(&mut self, object: Arc<Object>) {
        let mut piece = 0;
        while let Some(bytes) = object.pieces.get(piece)
            && self.skip >= bytes.len() as u64
        {
            self.skip -= bytes.len() as u64;
            piece += 1;
        }
        self.source = Source::Whole { object, piece };
    }

    /// The wanted part of a piece.
    fn cut(&mut self, piece: &Bytes) -> Bytes {
        let length = piece.len() as u64;
        let first = self.skip.min(length);
        self.skip -= first;
        let wanted = (length - first).min(self.left.unwrap_or(u64::MAX));
        if let Some(left) = &mut self.left {
            *left -= wanted;
        }
        let at = |bytes: u64| usize::try_from(bytes).unwrap_or(piece.len());
        piece.slice(at(first)..at(first + wanted))
    }

    pub(crate) fn is_over(&self) -> bool {
        self.left == Some(0) || matches!(self.source, Source::Over)
    }

    /// How many bytes are to come, if that is known.
    pub(crate) fn exact(&self) -> Option<u64> {
        match self.source {
            Source::Over => Some(0),
            _ => self.left,
        }
    }
}

impl Body for CacheBody {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        let this = self.get_mut();
        loop {
            if this.is_over() {
                this.source = Source::Over;
                return Poll::Ready(None);
            }
            let piece = match &mut this.source {
                Source::Over => return Poll::Ready(None),
                Source::Whole { object, piece } => match object.pieces.get(*piece) {
                    Some(bytes) => {
                        *piece += 1;
                        bytes.clone()
                    }
                    None => {
                        this.source = Source::Over;
                        continue;
                    }
                },
                Source::Flowing(ticket) => match ticket.poll_next(cx) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(Next::Piece(piece)) => piece,
                    Poll::Ready(Next::Whole(object, offset)) => {
                        // What was read of it counts from its beginning again.
                        this.skip += offset;
                        this.continue_in(object);
                        continue;
                    }
                    Poll::Ready(Next::End) => {
                        this.source = Source::Over;
                        continue;
                    }
                    Poll::Ready(Next::Broken) => {
                        this.source = Source::Over;
                        return Poll::Ready(Some(Err(BrokenOff)));
                    }
                },
            };
            let part = this.cut(&piece);
            if !part.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(part))));
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.is_over()
    }

    fn size_hint(&self) -> SizeHint {
        self.exact().map(SizeHint::with_exact).unwrap_or_default()
    }
}
