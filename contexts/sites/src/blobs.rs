//! The folder of uploads' files. A file is named by its upload's id and nothing that a caller sends;
//! it is readable by this process alone.

mod hashing;
mod writer;

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use mpanel_kernel::ids::UploadId;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep};

use crate::error::Error;

pub use hashing::Hashing;
pub use writer::{Claimed, Writer};

/// Bytes that are collected before they are written.
const CHUNK: usize = 1024 * 1024;
/// How long a request waits for the one before it to let go of the file: one that broke off is still
/// keeping what it got when the next one comes.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Clone)]
pub struct Blobs {
    dir: Arc<Path>,
}

/// Runs file work off the threads that serve requests. The threads are few and passwords are checked on them as
/// well, so each piece of work is short.
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

    /// Opens the file, which is made when it is `new`, and keeps others from writing it.
    ///
    /// # Errors
    /// [`Error::UploadBusy`], [`Error::UploadLost`] and those of the disk.
    pub async fn claim(&self, id: UploadId, new: bool) -> Result<Claimed, Error> {
        let (dir, path) = (self.dir.clone(), self.path(id));
        let file = off(move || {
            let file = OpenOptions::new().create(new).write(true).mode(0o600).open(path)?;
            if new {
                // The name must survive a crash as well as the bytes.
                File::open(dir)?.sync_all()?;
            }
            Ok(file)
        })
        .await
        .map_err(|error| match error {
            Error::Io(error) if error.kind() == io::ErrorKind::NotFound => Error::UploadLost,
            error => error,
        })?;
        let patience = Instant::now() + PATIENCE;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Claimed::new(file)),
                Err(TryLockError::WouldBlock) if Instant::now() < patience => sleep(Duration::from_millis(20)).await,
                Err(TryLockError::WouldBlock) => return Err(Error::UploadBusy),
                Err(TryLockError::Error(error)) => return Err(Error::Io(error)),
            }
        }
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

    /// SHA-256 of an open file of `size` bytes, in hexadecimal. Reads piece by piece, so that who drops this stops it;
    /// `seen` is told how far it is.
    pub async fn hash(&self, file: &File, size: u64, seen: impl Fn(u64)) -> Result<String, Error> {
        let file = Arc::new(file.try_clone()?);
        let (mut hashing, mut buffer, mut at) = (Hashing::default(), vec![0; CHUNK], 0);
        while at < size {
            let want = usize::try_from(size - at).unwrap_or(CHUNK).min(CHUNK);
            let file = file.clone();
            (hashing, buffer) = off(move || {
                file.read_exact_at(&mut buffer[..want], at)?;
                hashing.update(&buffer[..want]);
                Ok((hashing, buffer))
            })
            .await?;
            at += want as u64;
            seen(at);
        }
        Ok(hashing.finish())
    }

    /// Uploads whose files nobody has written to since `then`.
    pub async fn untouched_since(&self, then: Timestamp) -> Result<Vec<UploadId>, Error> {
        let (dir, then) = (self.dir.clone(), SystemTime::from(then));
        off(move || {
            let mut found = Vec::new();
            for entry in std::fs::read_dir(&*dir)? {
                let entry = entry?;
                let id = entry
                    .file_name()
                    .to_str()
                    .and_then(|name| name.parse::<UploadId>().ok());
                let modified = match entry.metadata() {
                    Ok(metadata) => metadata.modified()?,
                    Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                    Err(error) => return Err(error),
                };
                found.extend(id.filter(|_| modified < then));
            }
            Ok(found)
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
