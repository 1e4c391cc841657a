//! The only ways paths are opened here.

use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{Mode, OFlags, ResolveFlags, mkdirat, openat2};
use rustix::io::Errno;
use rustix::path::Arg;

const BENEATH: ResolveFlags = ResolveFlags::BENEATH
    .union(ResolveFlags::NO_SYMLINKS)
    .union(ResolveFlags::NO_MAGICLINKS);
const DIRECTORY_MODE: Mode = Mode::from_raw_mode(0o750);
const FILE_MODE: Mode = Mode::from_raw_mode(0o640);

fn open(dir: impl AsFd, path: impl Arg, flags: OFlags, mode: Mode) -> Result<OwnedFd, Errno> {
    let path = path.as_cow_c_str()?;
    loop {
        // AGAIN: something was renamed meanwhile, so that the kernel cannot tell whether we stayed beneath.
        match openat2(&dir, &*path, flags | OFlags::NOFOLLOW | OFlags::CLOEXEC, mode, BENEATH) {
            Err(Errno::AGAIN | Errno::INTR) => {}
            other => return other,
        }
    }
}

pub(super) fn directory(dir: impl AsFd, path: impl Arg) -> Result<OwnedFd, Errno> {
    open(dir, path, OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty())
}

/// Makes one folder if needed; whether it was. The parent's setgid bit hands down group and bit.
pub(super) fn make_directory(dir: impl AsFd, name: &str) -> Result<(OwnedFd, bool), Errno> {
    let made = match mkdirat(&dir, name, DIRECTORY_MODE) {
        Ok(()) => true,
        Err(Errno::EXIST) => false,
        Err(error) => return Err(error),
    };
    Ok((directory(dir, name)?, made))
}

pub(super) fn create_file(dir: impl AsFd, name: &str) -> Result<OwnedFd, Errno> {
    open(dir, name, OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL, FILE_MODE)
}

/// `NONBLOCK`, so that a pipe somebody put there does not hold us up.
pub(super) fn read_file(dir: impl AsFd, name: impl Arg) -> Result<OwnedFd, Errno> {
    open(dir, name, OFlags::RDONLY | OFlags::NONBLOCK, Mode::empty())
}
