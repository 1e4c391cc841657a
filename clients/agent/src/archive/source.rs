//! Reading an archive by position.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;

/// Bytes that can be read at any place, without a shared cursor.
pub trait Source {
    /// # Errors
    /// The storage's own.
    fn size(&self) -> io::Result<u64>;

    /// Reads up to `buffer.len()` bytes; 0 at the end.
    ///
    /// # Errors
    /// The storage's own.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;
}

impl Source for File {
    fn size(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        FileExt::read_at(self, buffer, offset)
    }
}

impl Source for [u8] {
    fn size(&self) -> io::Result<u64> {
        Ok(self.len() as u64)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let Some(rest) = usize::try_from(offset).ok().and_then(|at| self.get(at..)) else {
            return Ok(0);
        };
        let len = rest.len().min(buffer.len());
        buffer[..len].copy_from_slice(&rest[..len]);
        Ok(len)
    }
}

/// Fills the buffer, or reports the end as `UnexpectedEof`.
pub(super) fn read_exact_at<S: Source + ?Sized>(source: &S, mut buffer: &mut [u8], mut offset: u64) -> io::Result<()> {
    while !buffer.is_empty() {
        match source.read_at(buffer, offset) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(n) => {
                buffer = &mut buffer[n..];
                offset += n as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// A part of a source as a stream.
pub(super) struct Section<'a, S: ?Sized> {
    source: &'a S,
    position: u64,
    end: u64,
}

impl<'a, S: Source + ?Sized> Section<'a, S> {
    pub(super) const fn new(source: &'a S, start: u64, end: u64) -> Self {
        Self {
            source,
            position: start,
            end,
        }
    }

    pub(super) const fn position(&self) -> u64 {
        self.position
    }
}

impl<S: Source + ?Sized> Read for Section<'_, S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end.saturating_sub(self.position)).unwrap_or(usize::MAX);
        let len = left.min(buffer.len());
        let n = self.source.read_at(&mut buffer[..len], self.position)?;
        self.position += n as u64;
        Ok(n)
    }
}
