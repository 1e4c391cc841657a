//! Making an archive of a release.

use std::ffi::{CStr, OsStr};
use std::fs::File;
use std::io::{self, BufWriter, Read};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use mpanel_agent_protocol::archive::{OnProgress, Packer};
use mpanel_agent_protocol::protocol::{Failure, Packed, Progress};
use mpanel_kernel::ids::ReleaseId;
use rustix::fs::{AtFlags, Dir, FileType, Stat, fstat, readlinkat, statat};
use rustix::io::Errno;

use super::names::{self, RELEASES};
use super::{at, failed};

/// Deeper than any release can be; what lies below is an error rather than left out.
const MAX_DEPTH: usize = 100;
/// Whoever waits knows by it that the work goes on.
const PROGRESS_EVERY: Duration = Duration::from_secs(1);

/// Writes a finished release into `blob`, in the order of its names: the same bytes each time.
///
/// # Errors
/// [`Failure::NoRelease`] when there is none, [`Failure::NoSpace`] when the archive would be larger than `max_bytes` or the
/// disk is full, [`Failure::Internal`].
pub(super) fn pack(
    site: &OwnedFd,
    release: ReleaseId,
    max_bytes: u64,
    blob: File,
    progress: OnProgress<'_>,
) -> Result<Packed, Failure> {
    let root = at::directory(site, RELEASES).and_then(|releases| at::directory(releases, names::finished(release)));
    let root = match root {
        Ok(root) => root,
        Err(Errno::NOENT) => return Err(Failure::NoRelease {}),
        Err(error) => return Err(failed("open the release", &error.into())),
    };
    let mut packer = Packer::new(BufWriter::new(blob), max_bytes);
    let mut life = Life {
        progress: Progress::default(),
        reported: Instant::now(),
        report: progress,
    };
    let packed = walk(&root, Path::new(""), 0, &mut packer, &mut life).and_then(|()| packer.finish());
    packed.map_err(|error| match error.kind() {
        io::ErrorKind::FileTooLarge => Failure::NoSpace {},
        _ => failed("pack the release", &error),
    })
}

type Archive = Packer<BufWriter<File>>;

fn walk(dir: &OwnedFd, below: &Path, depth: usize, packer: &mut Archive, life: &mut Life<'_>) -> io::Result<()> {
    if depth >= MAX_DEPTH {
        return Err(Errno::NAMETOOLONG.into());
    }
    let mut found = Vec::new();
    for item in Dir::read_from(dir)? {
        let item = item?;
        let name = item.file_name();
        if name != c"." && name != c".." {
            found.push(name.to_owned());
        }
    }
    found.sort_unstable();
    for name in &found {
        let path = below.join(OsStr::from_bytes(name.to_bytes()));
        let stat = statat(dir, name, AtFlags::SYMLINK_NOFOLLOW)?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => {
                packer.folder(&path, time(&stat))?;
                walk(&at::directory(dir, &**name)?, &path, depth + 1, packer, life)?;
            }
            FileType::RegularFile => file(dir, name, &path, packer, life)?,
            FileType::Symlink => {
                let target = readlinkat(dir, name, Vec::new())?;
                let target = PathBuf::from(OsStr::from_bytes(target.to_bytes()));
                packer.link(&path, &target, time(&stat))?;
            }
            // Neither is part of what was published, and reading one could hold us up.
            _ => {}
        }
    }
    Ok(())
}

fn file(dir: &OwnedFd, name: &CStr, path: &Path, packer: &mut Archive, life: &mut Life<'_>) -> io::Result<()> {
    let opened = at::read_file(dir, name)?;
    let stat = fstat(&opened)?;
    // It may be another one than was looked at.
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(Errno::STALE.into());
    }
    let size = u64::try_from(stat.st_size).unwrap_or(0);
    let content = Heard {
        file: File::from(opened),
        life,
    };
    packer.file(path, (size, time(&stat)), content)?;
    life.progress.files += 1;
    Ok(())
}

fn time(stat: &Stat) -> u64 {
    u64::try_from(stat.st_mtime).unwrap_or(0)
}

/// Tells now and then how far it is.
struct Life<'a> {
    progress: Progress,
    reported: Instant,
    report: OnProgress<'a>,
}

/// A file whose reading shows.
struct Heard<'a, 'b> {
    file: File,
    life: &'a mut Life<'b>,
}

impl Read for Heard<'_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.file.read(buffer)?;
        let life = &mut *self.life;
        life.progress.bytes += n as u64;
        if life.reported.elapsed() >= PROGRESS_EVERY {
            life.reported = Instant::now();
            (life.report)(life.progress)?;
        }
        Ok(n)
    }
}
