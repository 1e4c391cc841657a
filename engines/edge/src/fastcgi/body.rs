//! The body of a program's answer on its way to the client.

use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll, ready};

use bytes::Bytes;

use super::exchange::{Exchange, Failure};
use crate::body::BodyError;

/// Reads from the program only as fast as the client takes it.
pub(crate) struct ProgramBody {
    /// What came together with the head.
    first: Bytes,
    /// `None` once the rest is read for nobody.
    exchange: Option<Exchange>,
    /// What the program has announced and not sent.
    remaining: Option<u64>,
    done: bool,
}

impl ProgramBody {
    pub(super) fn new(first: Bytes, exchange: Exchange, length: Option<u64>) -> Self {
        Self {
            first,
            exchange: Some(exchange),
            remaining: length,
            done: false,
        }
    }

    pub(crate) fn length(&self) -> Option<u64> {
        self.remaining
    }

    pub(crate) fn is_done(&self) -> bool {
        self.done
    }

    pub(crate) fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyError>>> {
        if self.done {
            return Poll::Ready(None);
        }
        let chunk = if self.first.is_empty() {
            let Some(exchange) = &mut self.exchange else {
                return Poll::Ready(None);
            };
            ready!(exchange.poll(cx))
        } else {
            Some(Ok(std::mem::take(&mut self.first)))
        };
        let broken = |text: &str| Poll::Ready(Some(Err(BodyError::from(io::Error::other(text.to_owned())))));
        match (chunk, &mut self.remaining) {
            (Some(Ok(chunk)), None) => Poll::Ready(Some(Ok(chunk))),
            (Some(Ok(mut chunk)), Some(remaining)) => {
                // What is beyond the announced length would be read as the next answer.
                let whole = usize::try_from(*remaining).unwrap_or(usize::MAX);
                chunk.truncate(whole);
                *remaining -= chunk.len() as u64;
                if *remaining == 0 {
                    self.done = true;
                    // Nobody asks for more, but the program has its end to come to.
                    if let Some(exchange) = self.exchange.take() {
                        tokio::task::spawn_local(finish(exchange));
                    }
                }
                Poll::Ready(Some(Ok(chunk)))
            }
            (None, Some(1..)) => broken("the program sent less than it announced"),
            (None, _) => {
                self.done = true;
                Poll::Ready(None)
            }
            (Some(Err(failure)), _) => {
                let what = match failure {
                    Failure::Slow => "the program went silent",
                    Failure::Body(_) => "the request's body broke off",
                    _ => "the program broke off",
                };
                self.done = true;
                broken(what)
            }
        }
    }

    /// Reads the rest for nobody, so that the program comes to its end and the connection may be used again.
    pub(super) fn finish(mut self) {
        if let Some(exchange) = self.exchange.take() {
            tokio::task::spawn_local(finish(exchange));
        }
    }
}

async fn finish(mut exchange: Exchange) {
    while let Some(Ok(_)) = poll_fn(|cx| exchange.poll(cx)).await {}
}
