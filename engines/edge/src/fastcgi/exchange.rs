//! One request on one connection: what is still to be sent goes out and what comes is read whenever the client can take
//! more, so that neither side is ever held for the other.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::AsyncWrite as _;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, Sleep, sleep};
use tokio_util::io::poll_read_buf;

use super::record::{ABORT, Decoder, Malformed, Piece, put_stdin, put_stdin_end};
use super::spool::{Refused, Source};
use super::{Idle, PhpRoute};
use crate::net::Stream;

/// Room for one read.
const READ: usize = 16 * 1024;
/// Of a request's messages for the log.
const MESSAGES: usize = 8 * 1024;

/// Why there is no answer, or no more of it.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("all of its processes are busy")]
    Full,
    #[error("cannot connect: {0}")]
    Unreachable(io::Error),
    /// The connection ended or made no sense.
    #[error("broke off: {0}")]
    Broken(io::Error),
    #[error("silent for too long")]
    Slow,
    /// `FCGI_OVERLOADED` and its like.
    #[error("refuses for want of a process")]
    Overloaded,
    #[error(transparent)]
    Body(Refused),
}

impl From<Malformed> for Failure {
    fn from(error: Malformed) -> Self {
        Self::Broken(io::Error::new(io::ErrorKind::InvalidData, error))
    }
}

pub(super) struct Exchange {
    /// `None` once it has been given back.
    stream: Option<Stream>,
    idle: Rc<Idle>,
    route: Arc<PhpRoute>,
    pub(super) place: Option<OwnedSemaphorePermit>,
    out: BytesMut,
    body: Source,
    /// The end of the body has been written to `out`, or the program does not want the rest.
    sent: bool,
    /// It has closed before that.
    refused: bool,
    waits_for_client: bool,
    input: BytesMut,
    decoder: Decoder,
    /// Whether the program has said anything.
    pub(super) answered: bool,
    ended: bool,
    messages: Vec<u8>,
    timer: Pin<Box<Sleep>>,
    patience: Duration,
}

impl Exchange {
    pub(super) fn new(
        stream: Stream,
        idle: Rc<Idle>,
        route: Arc<PhpRoute>,
        place: Option<OwnedSemaphorePermit>,
        begin: BytesMut,
        body: Source,
    ) -> Self {
        let patience = route.response_timeout;
        Self {
            stream: Some(stream),
            idle,
            route,
            place,
            out: begin,
            body,
            sent: false,
            refused: false,
            waits_for_client: false,
            input: BytesMut::new(),
            decoder: Decoder::default(),
            answered: false,
            ended: false,
            messages: Vec::new(),
            timer: Box::pin(sleep(patience)),
            patience,
        }
    }

    /// The next piece of the program's answer, `None` at its end.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Failure>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        if let Err(failure) = self.write(cx) {
            return Poll::Ready(Some(Err(failure)));
        }
        loop {
            match self.decoder.next(&mut self.input) {
                Err(error) => return Poll::Ready(Some(Err(error.into()))),
                Ok(Some(Piece::Stdout(bytes))) => return Poll::Ready(Some(Ok(bytes))),
                Ok(Some(Piece::Stderr(bytes))) => {
                    let room = MESSAGES.saturating_sub(self.messages.len());
                    self.messages.extend_from_slice(&bytes[..bytes.len().min(room)]);
                }
                Ok(Some(Piece::End { protocol: 0, .. })) => {
                    self.end();
                    return Poll::Ready(None);
                }
                Ok(Some(Piece::End { .. })) => return Poll::Ready(Some(Err(Failure::Overloaded))),
                Ok(None) => match self.read(cx) {
                    Poll::Pending => return self.wait(cx),
                    Poll::Ready(Ok(0)) => {
                        let error = io::ErrorKind::UnexpectedEof.into();
                        return Poll::Ready(Some(Err(Failure::Broken(error))));
                    }
                    Poll::Ready(Ok(_)) => self.moved(),
                    Poll::Ready(Err(error)) => return Poll::Ready(Some(Err(Failure::Broken(error)))),
                },
            }
        }
    }

    fn moved(&mut self) {
        let until = Instant::now() + self.patience;
        self.timer.as_mut().reset(until);
    }

    /// While the client owes bytes, its own limits apply.
    fn wait(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Failure>>> {
        if self.waits_for_client {
            self.moved();
            return Poll::Pending;
        }
        ready!(self.timer.as_mut().poll(cx));
        Poll::Ready(Some(Err(Failure::Slow)))
    }

    fn read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let Some(stream) = &mut self.stream else {
            return Poll::Ready(Ok(0));
        };
        self.input.reserve(READ);
        let read = ready!(poll_read_buf(Pin::new(stream), cx, &mut self.input))?;
        self.answered |= read > 0;
        Poll::Ready(Ok(read))
    }

    /// Sends as much as the program takes now.
    fn write(&mut self, cx: &mut Context<'_>) -> Result<(), Failure> {
        let Some(stream) = &mut self.stream else { return Ok(()) };
        self.waits_for_client = false;
        loop {
            if self.out.is_empty() {
                if self.sent {
                    return Ok(());
                }
                match self.body.poll(cx) {
                    Poll::Pending => {
                        self.waits_for_client = true;
                        return Ok(());
                    }
                    Poll::Ready(Some(Ok(bytes))) => put_stdin(&mut self.out, &bytes),
                    Poll::Ready(Some(Err(refused))) => return Err(Failure::Body(refused)),
                    Poll::Ready(None) => {
                        put_stdin_end(&mut self.out);
                        self.sent = true;
                    }
                }
                continue;
            }
            match Pin::new(&mut *stream).poll_write(cx, &self.out) {
                Poll::Pending => return Ok(()),
                Poll::Ready(Ok(written)) => {
                    self.out.advance(written);
                    let until = Instant::now() + self.patience;
                    self.timer.as_mut().reset(until);
                }
                // It may have answered without reading everything; what it said says so.
                Poll::Ready(Err(_)) => {
                    self.out.clear();
                    self.body = Source::Done;
                    self.sent = true;
                    self.refused = true;
                }
            }
        }
    }

    fn end(&mut self) {
        self.ended = true;
        let clean =
            self.sent && !self.refused && self.out.is_empty() && self.input.is_empty() && self.decoder.is_between();
        if let Some(stream) = self.stream.take()
            && clean
        {
            self.idle.give_back(&self.route, stream);
        }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if !self.messages.is_empty() {
            self.route.log(&self.messages);
        }
        // The client is gone, or does not want the rest.
        if let Some(stream) = &self.stream
            && !self.ended
            && self.out.is_empty()
        {
            stream.try_write(&ABORT);
        }
    }
}
