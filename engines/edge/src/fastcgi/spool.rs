//! Bodies on their way to a program. CGI announces a length, so a body that comes without one is held until its end:
//! small in memory, else in a file without a name.

use std::future::poll_fn;
use std::io::{self, Write as _};
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http_body::Body as _;

use crate::files::FileBody;
use crate::proxy::RequestBody;

/// Held in memory up to this, and written in pieces of it.
const MEMORY: usize = 64 * 1024;

/// Where the rest of a request's body comes from.
pub(super) enum Source {
    Client(RequestBody),
    Memory(Bytes),
    Disk { file: FileBody, _reserved: Reserved },
    Done,
}

/// Why a body does not get to the program.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refused {
    #[error("the request's body is too large")]
    TooLarge,
    #[error("all held bodies together are too large at present")]
    Full,
    #[error("the request's body broke off: {0}")]
    Client(hyper::Error),
    #[error("cannot hold the request's body: {0}")]
    Disk(io::Error),
}

/// Bytes of the common allowance for spooled bodies; given back when dropped.
pub(super) struct Reserved {
    of: Arc<AtomicU64>,
    bytes: u64,
}

impl Reserved {
    fn more(&mut self, bytes: u64, limit: u64) -> Result<(), Refused> {
        let add = |used: u64| Some(used + bytes).filter(|sum| *sum <= limit);
        match self.of.fetch_update(Relaxed, Relaxed, add) {
            Ok(_) => {
                self.bytes += bytes;
                Ok(())
            }
            Err(_) => Err(Refused::Full),
        }
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        self.of.fetch_sub(self.bytes, Relaxed);
    }
}

impl Source {
    /// The next piece of the body, `None` at its end.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Refused>>> {
        let next = match self {
            Self::Done => return Poll::Ready(None),
            Self::Memory(bytes) => {
                let bytes = std::mem::take(bytes);
                *self = Self::Done;
                return Poll::Ready(Some(Ok(bytes)));
            }
            Self::Disk { file, .. } => match file.poll_chunk(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(chunk) => chunk.map(|chunk| chunk.map_err(Refused::Disk)),
            },
            Self::Client(body) => loop {
                match Pin::new(&mut *body).poll_frame(cx) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(Some(Ok(frame))) => {
                        // A program has no use for trailers.
                        if let Ok(data) = frame.into_data() {
                            break Some(Ok(data));
                        }
                    }
                    Poll::Ready(Some(Err(error))) => break Some(Err(Refused::Client(error))),
                    Poll::Ready(None) => break None,
                }
            },
        };
        if next.is_none() {
            *self = Self::Done;
        }
        Poll::Ready(next)
    }
}

/// Takes a body of unknown length to its end, and says how long it is.
pub(super) async fn hold(
    body: RequestBody,
    folder: &Path,
    limit: u64,
    used: &Arc<AtomicU64>,
    all: u64,
) -> Result<(Source, u64), Refused> {
    let mut source = Source::Client(body);
    let mut reserved = Reserved {
        of: Arc::clone(used),
        bytes: 0,
    };
    let (mut held, mut file, mut length) = (BytesMut::new(), None, 0u64);
    while let Some(piece) = poll_fn(|cx| source.poll(cx)).await {
        let piece = piece?;
        length += piece.len() as u64;
        if length > limit {
            return Err(Refused::TooLarge);
        }
        held.extend_from_slice(&piece);
        if held.len() >= MEMORY {
            reserved.more(held.len() as u64, all)?;
            file = Some(
                append(file, folder, held.split().freeze())
                    .await
                    .map_err(Refused::Disk)?,
            );
        }
    }
    let source = match file {
        None if held.is_empty() => Source::Done,
        None => Source::Memory(held.freeze()),
        Some(file) => {
            let file = append(Some(file), folder, held.freeze()).await.map_err(Refused::Disk)?;
            Source::Disk {
                file: FileBody::new(file, 0, length),
                _reserved: reserved,
            }
        }
    };
    Ok((source, length))
}

async fn append(file: Option<std::fs::File>, folder: &Path, bytes: Bytes) -> io::Result<std::fs::File> {
    let folder = folder.to_owned();
    let write = move || {
        let mut file = match file {
            Some(file) => file,
            None => tempfile::tempfile_in(folder)?,
        };
        file.write_all(&bytes)?;
        Ok(file)
    };
    tokio::task::spawn_blocking(write).await.map_err(io::Error::other)?
}
