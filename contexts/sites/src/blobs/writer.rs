//! One file that is being written.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use super::{CHUNK, Hashing, off};
use crate::error::Error;

/// A file that nobody else writes. Its lock ends with it.
pub struct Claimed(File);

impl Claimed {
    pub(super) const fn new(file: File) -> Self {
        Self(file)
    }

    /// Writes from `at` on; `hashing` is of what lies before.
    ///
    /// # Errors
    /// [`Error::UploadLost`] when the file is shorter than that.
    pub fn writer(self, at: u64, hashing: Hashing) -> Result<Writer, Error> {
        if self.0.metadata()?.len() < at {
            return Err(Error::UploadLost);
        }
        Ok(Writer {
            file: Arc::new(self.0),
            at,
            hashing,
            buffer: Vec::new(),
        })
    }
}

/// Writes one file from some place on, and takes its hash on the way. Its lock ends with it.
pub struct Writer {
    file: Arc<File>,
    /// Where the next byte goes that is not in the buffer.
    at: u64,
    /// Of everything before `at`.
    hashing: Hashing,
    buffer: Vec<u8>,
}

impl Writer {
    /// How far it is, with what is not written yet.
    pub fn position(&self) -> u64 {
        self.at + self.buffer.len() as u64
    }

    pub async fn push(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= CHUNK {
            self.flush().await
        } else {
            Ok(())
        }
    }

    async fn flush(&mut self) -> Result<(), Error> {
        let (file, buffer, at) = (self.file.clone(), std::mem::take(&mut self.buffer), self.at);
        // What cannot be written is not hashed either.
        let mut hashing = self.hashing.clone();
        let (mut buffer, hashing) = off(move || {
            file.write_all_at(&buffer, at)?;
            hashing.update(&buffer);
            Ok((buffer, hashing))
        })
        .await?;
        self.at += buffer.len() as u64;
        self.hashing = hashing;
        buffer.clear();
        self.buffer = buffer;
        Ok(())
    }

    /// Returns when everything up to the returned place is certainly on disk, with the hash of it on its way.
    pub async fn sync(&mut self) -> Result<(u64, Hashing), Error> {
        self.flush().await?;
        let file = self.file.clone();
        off(move || file.sync_data()).await?;
        Ok((self.at, self.hashing.clone()))
    }
}
