//! The folder of uploads' files. A file is named by its upload's id and nothing that a caller sends;
//! it is readable by this process alone.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{Context, SHA256};
use mpanel_kernel::ids::UploadId;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep};

use crate::domain::hex;
use crate::error::Error;

/// Bytes that are collected before they are written.
const CHUNK: usize = 1024 * 1024;
/// How long a request waits for the one before it to let go of the file: one that broke off is still
/// keeping what it got when the next one comes.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Clone)]
pub struct Blobs {
    dir: Arc<Path>,
}

/// Runs file work off the threads that serve requests.
async fn off<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> Result<T, Error> {
    match spawn_blocking(work).await {
        Ok(result) => result.map_err(Error::file),
        Err(error) => Err(Error::Io(io::Error::other(error))),
    }
}

impl Blobs {
    pub fn new(dir: PathBuf) -> Self {
        Self { dir: dir.into() }
    }

    fn path(&self, id: UploadId) -> PathBuf {
        self.dir.join(id.to_string())
    }

    /// Bytes that can still be written.
    pub async fn free(&self) -> Result<u64, Error> {
        let dir = self.dir.clone();
        off(move || {
            let stat = rustix::fs::statvfs(&*dir)?;
            Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
        })
        .await
    }

    /// Opens the file for writing from `at` on, and keeps others from writing it.
    pub async fn write(&self, id: UploadId, at: u64) -> Result<Writer, Error> {
        let (dir, path) = (self.dir.clone(), self.path(id));
        let file = off(move || {
            let file = OpenOptions::new()
                .create(true)
                .truncate(false)
                .write(true)
                .mode(0o600)
                .open(path)?;
            if at == 0 {
                // The name must survive a crash as well as the bytes.
                File::open(dir)?.sync_all()?;
            }
            Ok(file)
        })
        .await?;
        let patience = Instant::now() + PATIENCE;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if Instant::now() < patience => sleep(Duration::from_millis(20)).await,
                Err(TryLockError::WouldBlock) => return Err(Error::UploadBusy),
                Err(TryLockError::Error(error)) => return Err(Error::Io(error)),
            }
        }
        if file.metadata()?.len() < at {
            return Err(Error::Stored(format!(
                "the file of {id} is shorter than its {at} bytes"
            )));
        }
        Ok(Writer {
            file: Arc::new(file),
            at,
            buffer: Vec::new(),
        })
    }

    /// For reading, with its size.
    pub async fn open(&self, id: UploadId) -> Result<(File, u64), Error> {
        let path = self.path(id);
        off(move || {
            let file = File::open(path)?;
            let size = file.metadata()?.len();
            Ok((file, size))
        })
        .await
    }

    /// SHA-256 of the first `size` bytes, in hexadecimal.
    pub async fn hash(&self, id: UploadId, size: u64) -> Result<String, Error> {
        let (file, _) = self.open(id).await?;
        off(move || {
            let mut context = Context::new(&SHA256);
            let mut buffer = vec![0; CHUNK];
            let mut at = 0;
            while at < size {
                let want = usize::try_from(size - at).unwrap_or(CHUNK).min(CHUNK);
                let got = file.read_at(&mut buffer[..want], at)?;
                if got == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                context.update(&buffer[..got]);
                at += got as u64;
            }
            Ok(hex(context.finish().as_ref()))
        })
        .await
    }

    /// Removes the file; one that is not there is no error.
    pub async fn remove(&self, id: UploadId) -> Result<(), Error> {
        let path = self.path(id);
        off(move || match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        })
        .await
    }
}

/// Writes one file from some place on. Its lock ends with it.
pub struct Writer {
    file: Arc<File>,
    /// Where the next byte goes that is not in the buffer.
    at: u64,
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
        let mut buffer = off(move || {
            file.write_all_at(&buffer, at)?;
            Ok(buffer)
        })
        .await?;
        self.at += buffer.len() as u64;
        buffer.clear();
        self.buffer = buffer;
        Ok(())
    }

    /// Returns when everything up to the returned place is certainly on disk.
    pub async fn sync(&mut self) -> Result<u64, Error> {
        self.flush().await?;
        let file = self.file.clone();
        off(move || file.sync_data()).await?;
        Ok(self.at)
    }
}
