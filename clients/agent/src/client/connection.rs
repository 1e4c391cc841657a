//! One connection: handshake, one request, its answers.

use std::fs::File;
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::AsFd;
use std::path::Path;
use std::time::Duration;

use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest};
use tokio::net::UnixStream;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use super::Error;
use crate::protocol::{FrameError, Hello, MAX_FRAME, PROTOCOL, Request, Response, decode, encode};

/// Between two tries to connect.
const RETRY: Duration = Duration::from_millis(50);

pub(super) struct Connection {
    stream: UnixStream,
}

impl Connection {
    /// Connects, again and again while nobody listens or the other end breaks off, and shakes hands.
    pub(super) async fn open(socket: &Path, wait: Duration) -> Result<Self, Error> {
        let deadline = Instant::now() + wait;
        loop {
            let attempt = timeout_at(deadline, Self::attempt(socket))
                .await
                .map_err(|_| Error::TimedOut(wait))?;
            match attempt {
                Err(Error::Unreachable(_)) if Instant::now() + RETRY < deadline => {
                    sleep_until(Instant::now() + RETRY).await
                }
                other => return other,
            }
        }
    }

    async fn attempt(socket: &Path) -> Result<Self, Error> {
        let mut connection = Self {
            stream: UnixStream::connect(socket).await.map_err(Error::Unreachable)?,
        };
        connection.write(&Hello { protocol: PROTOCOL }, None).await?;
        match connection.read().await? {
            Response::Welcome(info) if info.protocol == PROTOCOL => Ok(connection),
            Response::Failed(failure) => Err(failure.into()),
            other => Err(Error::Protocol(format!("unexpected greeting {other:?}"))),
        }
    }

    pub(super) async fn send(&mut self, request: &Request, blob: Option<&File>, wait: Duration) -> Result<(), Error> {
        timeout(wait, self.write(request, blob))
            .await
            .map_err(|_| Error::TimedOut(wait))?
    }

    /// The next answer; a failure is an error.
    pub(super) async fn receive(&mut self, wait: Duration) -> Result<Response, Error> {
        match timeout(wait, self.read()).await.map_err(|_| Error::TimedOut(wait))?? {
            Response::Failed(failure) => Err(failure.into()),
            other => Ok(other),
        }
    }

    async fn write<T: Serialize>(&mut self, value: &T, blob: Option<&File>) -> Result<(), Error> {
        let bytes = encode(value).map_err(broken)?;
        let sent = match blob {
            Some(blob) => {
                self.stream
                    .async_io(Interest::WRITABLE, || send_with(&self.stream, &bytes, blob))
                    .await
            }
            None => Ok(0),
        };
        let sent = sent.map_err(Error::Unreachable)?;
        self.stream.write_all(&bytes[sent..]).await.map_err(Error::Unreachable)
    }

    async fn read<T: DeserializeOwned>(&mut self) -> Result<T, Error> {
        let len = self.stream.read_u32().await.map_err(Error::Unreachable)? as usize;
        if len > MAX_FRAME {
            return Err(broken(FrameError::TooLong(len)));
        }
        let mut json = vec![0; len];
        self.stream.read_exact(&mut json).await.map_err(Error::Unreachable)?;
        decode(&json).map_err(broken)
    }
}

/// The descriptor travels with the first of the bytes sent here.
fn send_with(stream: &UnixStream, bytes: &[u8], blob: &File) -> io::Result<usize> {
    let fds = [blob.as_fd()];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !control.push(SendAncillaryMessage::ScmRights(&fds)) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    Ok(rustix::net::sendmsg(
        stream,
        &[IoSlice::new(bytes)],
        &mut control,
        SendFlags::NOSIGNAL,
    )?)
}

fn broken(error: FrameError) -> Error {
    match error {
        FrameError::Io(error) => Error::Unreachable(error),
        other => Error::Protocol(other.to_string()),
    }
}
