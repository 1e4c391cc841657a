//! What a site's folder takes.

use std::collections::HashSet;
use std::os::fd::OwnedFd;

use mpanel_agent_protocol::protocol::{Failure, Usage};
use rustix::fs::{AtFlags, Dir, FileType, Stat, fstat, statat};
use rustix::io::Errno;

use super::{at, failed};

/// Deeper than any release can be; what lies below is an error rather than free of charge.
const MAX_DEPTH: usize = 160;

/// # Errors
/// [`Failure::Internal`]; entries that vanish meanwhile are no error.
pub(super) fn measure(site: &OwnedFd) -> Result<Usage, Failure> {
    let mut sum = Sum::default();
    let walk = || -> Result<(), Errno> {
        let root = at::directory(site, ".")?;
        let stat = fstat(&root)?;
        sum.add(&stat);
        sum.walk(&root, 0)
    };
    let mut walk = walk;
    walk().map_err(|error| failed("measure", &error.into()))?;
    Ok(sum.usage)
}

#[derive(Default)]
struct Sum {
    usage: Usage,
    /// Files with several names count once.
    linked: HashSet<(u64, u64)>,
}

impl Sum {
    fn add(&mut self, stat: &Stat) {
        let kind = FileType::from_raw_mode(stat.st_mode);
        if kind == FileType::Directory {
            self.usage.directories += 1;
        } else {
            if stat.st_nlink > 1 && !self.linked.insert((stat.st_dev, stat.st_ino)) {
                return;
            }
            self.usage.files += 1;
        }
        self.usage.bytes += u64::try_from(stat.st_blocks).unwrap_or(0) * 512;
        if kind == FileType::RegularFile {
            self.usage.apparent_bytes += u64::try_from(stat.st_size).unwrap_or(0);
        }
    }

    fn walk(&mut self, dir: &OwnedFd, depth: usize) -> Result<(), Errno> {
        if depth >= MAX_DEPTH {
            return Err(Errno::NAMETOOLONG);
        }
        for item in Dir::read_from(dir)? {
            let item = item?;
            let name = item.file_name();
            if name == c"." || name == c".." {
                continue;
            }
            let stat = match statat(dir, name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => stat,
                Err(Errno::NOENT) => continue,
                Err(error) => return Err(error),
            };
            self.add(&stat);
            if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
                match at::directory(dir, name) {
                    Ok(inner) => self.walk(&inner, depth + 1)?,
                    Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(())
    }
}
