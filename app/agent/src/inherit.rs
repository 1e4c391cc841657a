//! Descriptors that the process was started with.

use std::io;
use std::os::fd::{FromRawFd as _, OwnedFd};

use rustix::io::{FdFlags, fcntl_setfd};

/// Takes over an inherited descriptor and keeps it from children. Call once for a number, before other
/// descriptors are opened.
///
/// # Errors
/// `NotFound` when the number is not open, `InvalidInput` for standard streams.
pub(crate) fn take(number: i32) -> io::Result<OwnedFd> {
    if number < 3 {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    std::fs::symlink_metadata(format!("/proc/self/fd/{number}"))?;
    // SAFETY: the number was open a moment ago and no other thread runs yet. It came from the parent by
    // number, so nothing in this process owns it; callers take each number once.
    #[allow(unsafe_code, reason = "std has no safe way to take over a descriptor by number")]
    let fd = unsafe { OwnedFd::from_raw_fd(number) };
    fcntl_setfd(&fd, FdFlags::CLOEXEC)?;
    Ok(fd)
}
