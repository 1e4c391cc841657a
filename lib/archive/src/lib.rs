//! The archive of an installation: what `mpanel backup self` writes and `mpanel restore` reads.
//!
//! A tar file of regular files and folders, compressed by zstd and, when asked, sealed by [age](https://age-encryption.org/v1):
//! `age -d FILE | zstd -d | tar x` and `sha256sum -c SHA256SUMS` open and check one without this program.
//!
//! | member | what |
//! |---|---|
//! | `mpanel-backup.json` | the first: [`Head`] |
//! | any others | files and folders, each path once; a stream of unknown length comes as numbered pieces |
//! | `SHA256SUMS` | the sum of every file before it, in their order |
//! | `end.json` | the last: sums up what went before; without it the archive is half of one |
//!
//! It is written as a stream, in one pass and in little memory. It is read without trust: names are plain relative paths, nothing
//! but files and folders exists, lengths are counted, and what is read back is compared with its sum.
#![forbid(unsafe_code)]

mod error;
mod header;
mod manifest;
mod path;
mod reader;
mod seal;
mod sums;
mod writer;

pub use error::Error;
pub use manifest::{FORMAT, Head, KeyNote, Missing, Origin};
pub use path::MemberPath;
pub use reader::{Summary, Visitor, head, read};
pub use seal::{Opening, Protection, is_sealed};
pub use writer::Writer;

/// Longest piece of a stream, in bytes.
pub const PIECE: usize = 4 << 20;

/// Whose a member is. Numbers mean something on one machine only: only sites' users keep theirs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner {
    /// Of a site's user; 0 for everything that belongs to one of mPanel's own accounts.
    pub uid: u32,
    /// Permission bits and the setgid bit.
    pub mode: u32,
}

/// What a member is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Folder,
    /// Its length in bytes.
    File(u64),
}

/// One member, as its header says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    pub path: MemberPath,
    pub kind: Kind,
    pub owner: Owner,
}

#[cfg(test)]
mod tests;
