//! The server's message file: what it said since a mark, for errors that an operator reads.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::Error;
use super::error::Context;

/// How much of the end of a failed start is quoted.
const QUOTED: u64 = 2048;

/// Opens the file for appending; the mark is its length now.
pub(super) fn open(path: &Path) -> Result<(File, u64), Error> {
    let open = || {
        let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
        let length = file.metadata()?.len();
        Ok::<_, std::io::Error>((file, length))
    };
    open().context(|| format!("opening {}", path.display()))
}

/// The last lines written after `mark`.
pub(super) fn since(path: &Path, mark: u64) -> String {
    let read = || {
        let mut file = File::open(path)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(mark.max(length.saturating_sub(QUOTED)).min(length)))?;
        let mut bytes = Vec::new();
        file.take(QUOTED).read_to_end(&mut bytes)?;
        Ok::<_, std::io::Error>(String::from_utf8_lossy(&bytes).trim().to_owned())
    };
    match read() {
        Ok(text) if !text.is_empty() => text,
        _ => format!("no message; see {}", path.display()),
    }
}

/// PostgreSQL's own words for `ENOSPC` (messages are in the C locale).
pub(super) fn says_disk_full(text: &str) -> bool {
    text.contains("No space left on device") || text.contains("Disk quota exceeded")
}
