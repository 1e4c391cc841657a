//! Which archives become a release, and how they are read.
//!
//! The readers are our own and strict: an archive that two unpackers could read differently is refused
//! rather than guessed at, and each refusal names its entry. They do no file system work; a [`Sink`] does,
//! the agent's below a directory descriptor, the fake's in memory, so both accept exactly the same.
//!
//! Rules beyond "files and folders only":
//! - Names are UTF-8 without control characters and backslashes, relative, without `..`. `.` and empty
//!   parts are dropped. Names that differ only in case are different files, as they are for the edge.
//! - The same file twice is refused (which one counts is each reader's own idea); the same folder twice is not.
//! - `__MACOSX`, `.DS_Store` and AppleDouble `._*` entries are checked like others, then left out.
//! - When the top holds one folder and nothing else, and that folder holds `index.html`, the folder is taken
//!   off, once ([`Outcome::strip`]).
//! - Modes, owners and times are not taken over; extended attributes and ACLs are ignored.

mod listing;
mod meter;
mod name;
mod pack;
mod source;
mod tar;
mod unpacker;
mod zip;

use std::io;

pub use listing::Outcome;
pub use name::{EntryPath, MAX_DEPTH, MAX_NAME};
pub use pack::Packer;
pub use source::Source;

use crate::protocol::{ArchiveFormat, Progress, Rejection, UnpackLimits};

/// Where the entries go. Paths are already checked.
pub trait Sink {
    /// Makes the folder and those above it; answers how many were made.
    ///
    /// # Errors
    /// [`SinkError::TypeConflict`] when a part of the path is a file.
    fn directory(&mut self, path: &EntryPath) -> Result<u32, SinkError>;

    /// Makes the folders above and opens the file for [`write`](Self::write); answers how many folders were made.
    ///
    /// # Errors
    /// [`SinkError::Duplicate`] when the file exists, [`SinkError::TypeConflict`] as for folders or when it is one.
    fn begin(&mut self, path: &EntryPath) -> Result<u32, SinkError>;

    /// Appends to the open file.
    ///
    /// # Errors
    /// The storage's own.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// The open file is complete.
    ///
    /// # Errors
    /// The storage's own.
    fn end(&mut self) -> io::Result<()>;
}

/// Why a sink did not take an entry.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    #[error("the file is there already")]
    Duplicate,
    #[error("a file and a folder have the same path")]
    TypeConflict,
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Why an unpacking stopped.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    #[error(transparent)]
    Rejected(#[from] RejectedError),
    /// Reading the archive or writing the tree failed; a full disk is among these.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// [`Rejection`] as an error.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct RejectedError(pub Rejection);

impl From<Rejection> for UnpackError {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(RejectedError(rejection))
    }
}

/// Called at most every 100 ms; an error stops the unpacking with it.
pub type OnProgress<'a> = &'a mut dyn FnMut(Progress) -> io::Result<()>;

/// Reads the whole archive into `sink`.
///
/// # Errors
/// [`UnpackError`]; what the sink got until then is for the caller to discard.
pub fn unpack<S: Source + ?Sized>(
    source: &S,
    format: ArchiveFormat,
    limits: &UnpackLimits,
    sink: &mut dyn Sink,
    progress: OnProgress<'_>,
) -> Result<Outcome, UnpackError> {
    let size = source.size()?;
    let mut unpacker = unpacker::Unpacker::new(sink, meter::Meter::new(*limits, size, progress));
    match format {
        ArchiveFormat::Zip => zip::read(source, size, &mut unpacker)?,
        ArchiveFormat::TarGz => tar::read(source, &mut unpacker)?,
    }
    unpacker.finish()
}
