//! One supervisor per data folder.

use std::fs::File;
use std::io::{Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::Context;

/// Held until dropped; the kernel also releases it when the process dies.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// Takes the lock and notes our pid in it, for the message of the next one who tries.
///
/// # Errors
/// When another supervisor holds it, with its pid.
pub fn take(data: &Path) -> anyhow::Result<Lock> {
    if let Some(lock) = try_take(data)? {
        return Ok(lock);
    }
    let pid = std::fs::read_to_string(data.join("lock")).unwrap_or_default();
    anyhow::bail!(
        "mPanel is already running on {} (pid {}): stop it first, or choose another folder with --data or MPANEL_DATA",
        data.display(),
        pid.trim()
    );
}

/// The same; `None` when it is held.
///
/// # Errors
/// When it cannot be opened.
pub fn try_take(data: &Path) -> anyhow::Result<Option<Lock>> {
    let path = data.join("lock");
    let opened = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path);
    let mut file = opened.with_context(|| format!("opening {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(std::fs::TryLockError::WouldBlock) => return Ok(None),
        Err(std::fs::TryLockError::Error(error)) => {
            return Err(error).with_context(|| format!("locking {}", path.display()));
        }
    }
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())?;
    Ok(Some(Lock { _file: file }))
}
