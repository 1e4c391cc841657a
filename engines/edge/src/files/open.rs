//! Opening files inside a site. The kernel resolves every path below the site's root and refuses symbolic links,
//! so nothing a customer puts into a release can lead out of it.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{CWD, FileType, Mode, OFlags, ResolveFlags, fstat, openat, openat2};
use rustix::io::Errno;

const CONFINED: ResolveFlags = ResolveFlags::BENEATH
    .union(ResolveFlags::NO_SYMLINKS)
    .union(ResolveFlags::NO_MAGICLINKS);

/// A site's root directory, opened without the right to read it.
pub(crate) struct SiteRoot(OwnedFd);

impl SiteRoot {
    /// Opens `root` below `sites_dir`. Only `sites_dir` itself may be reached through symbolic links.
    pub(crate) fn open(sites_dir: &Path, root: &str) -> io::Result<Self> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let sites = openat(CWD, sites_dir, flags, Mode::empty())?;
        Ok(Self(confined(&sites, root, flags)?))
    }

    /// What is at a path, without opening it; `None` when nothing is, or nothing of the site's.
    pub(crate) fn kind(&self, relative: &str) -> io::Result<Option<FileType>> {
        match confined(&self.0, relative, OFlags::PATH | OFlags::CLOEXEC) {
            Ok(file) => Ok(Some(FileType::from_raw_mode(fstat(&file)?.st_mode))),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Opens anything for reading. Non-blocking, so that a FIFO cannot hold the thread.
    pub(crate) fn open_file(&self, relative: &str) -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        confined(&self.0, relative, flags).map(File::from)
    }
}

fn confined(base: impl AsFd, relative: &str, flags: OFlags) -> io::Result<OwnedFd> {
    // The kernel answers EAGAIN when a rename elsewhere races with a confined look-up.
    for _ in 0..8 {
        match openat2(base.as_fd(), relative, flags, Mode::empty(), CONFINED) {
            Err(Errno::AGAIN | Errno::INTR) => {}
            result => return result.map_err(io::Error::from),
        }
    }
    Err(Errno::AGAIN.into())
}

/// Whether an error means that the name does not lead to a file of the site, as opposed to the disk failing.
pub(crate) fn is_absent(error: &io::Error) -> bool {
    matches!(
        Errno::from_io_error(error),
        Some(
            Errno::NOENT
                | Errno::NOTDIR
                | Errno::LOOP
                | Errno::XDEV
                | Errno::NAMETOOLONG
                | Errno::ACCESS
                | Errno::PERM
                | Errno::ISDIR
                | Errno::NXIO
                | Errno::INVAL
                | Errno::ILSEQ
        )
    )
}
