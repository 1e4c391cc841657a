//! The children's log files. Children write to the file itself, so that they survive the supervisor; a file that grew too large is
//! copied away and cut, which appending writers do not notice.

use std::fs::File;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Size at which a file is turned over.
const LARGEST: u64 = 10 << 20;
/// Old files kept: `.1` is the newest.
const KEPT: u32 = 3;

/// `DATA/logs/<process>.log`.
pub fn path(data: &Path, process: &str) -> PathBuf {
    data.join("logs").join(format!("{process}.log"))
}

/// Opens a log for appending.
///
/// # Errors
/// When it cannot be made.
pub fn open(data: &Path, process: &str) -> std::io::Result<File> {
    File::options()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path(data, process))
}

/// Turns over every log that has grown too large.
pub fn rotate(data: &Path) {
    rotate_larger_than(data, LARGEST);
}

pub(super) fn rotate_larger_than(data: &Path, largest: u64) {
    let Ok(entries) = std::fs::read_dir(data.join("logs")) else {
        return;
    };
    for entry in entries.flatten() {
        let path = entry.path();
        let too_large = entry
            .metadata()
            .is_ok_and(|metadata| metadata.is_file() && metadata.len() > largest);
        if too_large
            && path.extension().is_some_and(|extension| extension == "log")
            && let Err(error) = turn_over(&path)
        {
            tracing::warn!(path = %path.display(), %error, "cannot rotate a log");
        }
    }
}

fn turn_over(path: &Path) -> std::io::Result<()> {
    let old = |number: u32| PathBuf::from(format!("{}.{number}", path.display()));
    for number in (1..KEPT).rev() {
        if old(number).exists() {
            std::fs::rename(old(number), old(number + 1))?;
        }
    }
    // Lines written between the copy and the cut are lost: the price of not holding the children's output in our hands. A disk too
    // full for the copy must still be relieved.
    let copied = std::fs::copy(path, old(1)).map(|_| ());
    File::options().write(true).open(path)?.set_len(0)?;
    copied
}
