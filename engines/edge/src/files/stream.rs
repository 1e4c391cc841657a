//! Sending a large file in chunks. What the page cache holds is read at once; only a read that would wait for the disk
//! goes to a blocking thread.

use std::fs::File;
use std::future::Future;
use std::io::{self, IoSliceMut};
use std::os::unix::fs::FileExt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use rustix::io::{Errno, ReadWriteFlags, preadv2};
use tokio::task::JoinHandle;

const CHUNK: u64 = 64 * 1024;

/// The rest of a file, or of a part of it.
pub(crate) struct FileBody {
    file: Arc<File>,
    offset: u64,
    remaining: u64,
    reading: Option<JoinHandle<io::Result<Vec<u8>>>>,
}

impl FileBody {
    pub(crate) fn new(file: File, offset: u64, remaining: u64) -> Self {
        Self {
            file: Arc::new(file),
            offset,
            remaining,
            reading: None,
        }
    }

    pub(crate) fn remaining(&self) -> u64 {
        self.remaining
    }

    /// The next chunk; `None` at the end.
    pub(crate) fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        if self.remaining == 0 {
            return Poll::Ready(None);
        }
        if self.reading.is_none() {
            match self.read_cached() {
                Ok(Some(chunk)) => return Poll::Ready(Some(self.advance(chunk))),
                Ok(None) => self.read_in_background(),
                Err(error) => return Poll::Ready(Some(Err(error))),
            }
        }
        let Some(reading) = self.reading.as_mut() else {
            return Poll::Pending;
        };
        match Pin::new(reading).poll(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(result) => {
                self.reading = None;
                let chunk = result.map_err(io::Error::other).and_then(|chunk| chunk);
                Poll::Ready(Some(chunk.and_then(|chunk| self.advance(chunk))))
            }
        }
    }

    fn buffer(&self) -> Vec<u8> {
        vec![0; usize::try_from(self.remaining.min(CHUNK)).unwrap_or(0)]
    }

    /// `None` when the disk would have to be waited for.
    fn read_cached(&self) -> io::Result<Option<Vec<u8>>> {
        let mut buffer = self.buffer();
        match preadv2(
            &self.file,
            &mut [IoSliceMut::new(&mut buffer)],
            self.offset,
            ReadWriteFlags::NOWAIT,
        ) {
            Ok(read) => {
                buffer.truncate(read);
                Ok(Some(buffer))
            }
            Err(Errno::AGAIN | Errno::OPNOTSUPP | Errno::INTR | Errno::NOSYS) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn read_in_background(&mut self) {
        let (file, offset, mut buffer) = (Arc::clone(&self.file), self.offset, self.buffer());
        self.reading = Some(tokio::task::spawn_blocking(move || {
            let read = file.read_at(&mut buffer, offset)?;
            buffer.truncate(read);
            Ok(buffer)
        }));
    }

    fn advance(&mut self, chunk: Vec<u8>) -> io::Result<Bytes> {
        if chunk.is_empty() {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "file became shorter while it was sent",
            ));
        }
        self.offset += chunk.len() as u64;
        self.remaining -= chunk.len() as u64;
        Ok(Bytes::from(chunk))
    }
}
