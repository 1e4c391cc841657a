//! Removing trees by descriptors, whatever a tenant has made of them.

use std::ffi::{CStr, CString};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};

use mpanel_agent_protocol::protocol::Failure;
use mpanel_kernel::ids::ReleaseId;
use rustix::fs::{AtFlags, Dir, Mode, RenameFlags, chmodat, fsync, renameat, renameat_with, unlinkat};
use rustix::io::Errno;

use super::unpack::Place;
use super::{at, failed, names};

/// Folders open above one another; deeper ones are moved up first.
const MAX_OPEN: usize = 32;
/// Passes over a folder that somebody keeps filling, or that deeper ones are moved up to.
const MAX_PASSES: usize = 100_000;
/// Numbers for the names of what is moved up.
static LIFTED: AtomicU64 = AtomicU64::new(0);

/// Removes an interrupted unpacking.
pub(super) fn discard(site: &OwnedFd, release: ReleaseId) -> Result<(), Failure> {
    let place = Place::open(site)?;
    tree(&place.releases, &names::partial(release)).map_err(fail)
}

/// Removes a release in any state. It disappears at once and is then taken apart, so that a kill in between
/// leaves no half release under its name.
pub(super) fn release(site: &OwnedFd, release: ReleaseId) -> Result<(), Failure> {
    let place = Place::open(site)?;
    let deleting = names::deleting(release);
    tree(&place.releases, &deleting).map_err(fail)?;
    match renameat(&place.releases, names::finished(release), &place.releases, &deleting) {
        Ok(()) => fsync(&place.releases).map_err(fail)?,
        Err(Errno::NOENT) => {}
        Err(error) => return Err(fail(error)),
    }
    tree(&place.manifests, &names::manifest(release)).map_err(fail)?;
    for leftover in [&deleting, &names::partial(release)] {
        tree(&place.releases, leftover).map_err(fail)?;
    }
    fsync(&place.releases).map_err(fail)
}

/// Removes all that is in the site's folder.
pub(super) fn everything(site: &OwnedFd) -> Result<(), Failure> {
    // Held to the end; the locked folder itself is removed under it.
    let _place = Place::open(site)?;
    let root = at::directory(site, ".").map_err(fail)?;
    empty(&root, &root, 0).map_err(fail)
}

fn fail(error: Errno) -> Failure {
    failed("remove", &error.into())
}

/// Removes a file, link or folder with all in it. One that is not there is removed already.
pub(super) fn tree(parent: &OwnedFd, name: &str) -> Result<(), Errno> {
    let name = CString::new(name).map_err(|_| Errno::INVAL)?;
    entry(parent.as_fd(), parent.as_fd(), &name, 0)
}

/// `top`: where folders that lie too deep are moved to; on the same file system and about to be emptied, or
/// the parent of what is removed.
fn entry(top: BorrowedFd<'_>, parent: BorrowedFd<'_>, name: &CStr, depth: usize) -> Result<(), Errno> {
    // Never follows a link: unlinkat removes the link itself, at::directory refuses it.
    match unlinkat(parent, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => return Ok(()),
        Err(Errno::ISDIR | Errno::PERM) => {}
        Err(error) => return Err(error),
    }
    if depth >= MAX_OPEN {
        // The next pass over `top` finds it there.
        return lift(top, parent, name);
    }
    for _ in 0..MAX_PASSES {
        match open(parent, name) {
            Ok(dir) => {
                let next = if depth == 0 { dir.as_fd() } else { top };
                empty_into(next, &dir, depth + 1)?;
            }
            Err(Errno::NOENT) => return Ok(()),
            Err(error) => return Err(error),
        }
        match unlinkat(parent, name, AtFlags::REMOVEDIR) {
            Err(Errno::NOTEMPTY | Errno::EXIST) => {}
            Err(Errno::NOENT) => return Ok(()),
            other => return other,
        }
    }
    Err(Errno::BUSY)
}

/// Opens a folder even if its owner, whom we are, has forbidden that to himself.
fn open(parent: BorrowedFd<'_>, name: &CStr) -> Result<OwnedFd, Errno> {
    match at::directory(parent, name) {
        Err(Errno::ACCESS) => {
            chmodat(parent, name, Mode::RWXU, AtFlags::empty())?;
            at::directory(parent, name)
        }
        Ok(dir) => {
            // Without write permission its entries could not be removed.
            rustix::fs::fchmod(&dir, Mode::RWXU)?;
            Ok(dir)
        }
        other => other,
    }
}

fn empty(top: &OwnedFd, dir: &OwnedFd, depth: usize) -> Result<(), Errno> {
    for _ in 0..MAX_PASSES {
        if !empty_into(top.as_fd(), dir, depth)? {
            return Ok(());
        }
    }
    Err(Errno::BUSY)
}

/// One pass; whether there was anything.
fn empty_into(top: BorrowedFd<'_>, dir: &OwnedFd, depth: usize) -> Result<bool, Errno> {
    let mut any = false;
    for item in Dir::read_from(dir)? {
        let item = item?;
        let name = item.file_name();
        if name == c"." || name == c".." {
            continue;
        }
        any = true;
        entry(top, dir.as_fd(), name, depth)?;
    }
    Ok(any)
}

/// Moves a folder up to `top` under a free name.
fn lift(top: BorrowedFd<'_>, parent: BorrowedFd<'_>, name: &CStr) -> Result<(), Errno> {
    let mut opened = false;
    loop {
        let free = format!(".lifted-{}", LIFTED.fetch_add(1, Ordering::Relaxed));
        match renameat_with(parent, name, top, free, RenameFlags::NOREPLACE) {
            Err(Errno::EXIST) => {}
            // Moving a folder writes its `..`.
            Err(Errno::ACCESS) if !opened => {
                chmodat(parent, name, Mode::RWXU, AtFlags::empty())?;
                opened = true;
            }
            Err(Errno::NOENT) => return Ok(()),
            other => return other,
        }
    }
}
