//! The files of a backup, held still: hard links to uploads and releases, in a folder that only their owner enters.
//!
//! Releases and finished uploads are never changed, only removed, and a file that is removed lives on in its links. So a backup
//! takes as long as it wants, and nobody waits for it. Links take no space but their names. They lie beside what they link, in
//! `sites/.backup` and `blobs/.backup`: a link cannot leave its file system, and either may be one of its own.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use mpanel_kernel::ids::{ReleaseId, SiteId};
use rustix::fs::{
    AtFlags, CWD, Dir, FileType, Gid, Mode, OFlags, RenameFlags, Uid, fchmod, fchown, fstat, linkat, mkdirat, openat,
    renameat_with, statat,
};
use rustix::io::Errno;

use super::layout::id;

const DIRECTORY: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

/// The links of one backup; they go with the value.
pub struct Farm {
    data: PathBuf,
    /// Bytes of all files linked.
    pub bytes: u64,
    _lock: File,
}

/// `DATA/backup`: the lock of backups.
fn folder(data: &Path) -> PathBuf {
    data.join("backup")
}

/// The lock of this folder's backups; `None` while one is at work.
fn lock(data: &Path) -> anyhow::Result<Option<File>> {
    let folder = folder(data);
    match std::fs::DirBuilder::new().mode(0o700).create(&folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            return Err(error).with_context(|| format!("making {}", folder.display()));
        }
        _ => {}
    }
    let file = File::create(folder.join("lock")).with_context(|| format!("opening {}/lock", folder.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(std::fs::TryLockError::WouldBlock) => Ok(None),
        Err(std::fs::TryLockError::Error(error)) => Err(error).context("locking backups"),
    }
}

/// Removes what a killed backup left; one at work is left alone.
///
/// # Errors
/// When it cannot be removed.
pub fn clear(data: &Path) -> anyhow::Result<()> {
    if !folder(data).exists() {
        return Ok(());
    }
    match lock(data)? {
        Some(_lock) => remove(data),
        None => Ok(()),
    }
}

fn uploads(data: &Path) -> PathBuf {
    data.join("blobs/.backup")
}

fn sites(data: &Path) -> PathBuf {
    data.join("sites/.backup")
}

fn remove(data: &Path) -> anyhow::Result<()> {
    // The last is where earlier versions had them.
    for links in [uploads(data), sites(data), folder(data).join("links")] {
        match std::fs::remove_dir_all(&links) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("removing {}", links.display()));
            }
            _ => {}
        }
    }
    Ok(())
}

impl Farm {
    /// # Errors
    /// When another backup is at work, or the folder cannot be made.
    pub fn new(data: &Path) -> anyhow::Result<Self> {
        let Some(lock) = lock(data)? else {
            bail!("another backup of {} is at work", data.display());
        };
        remove(data)?;
        for folder in [uploads(data), sites(data)] {
            std::fs::DirBuilder::new()
                .mode(0o700)
                .create(&folder)
                .with_context(|| format!("making {}", folder.display()))?;
        }
        Ok(Self {
            data: data.to_owned(),
            bytes: 0,
            _lock: lock,
        })
    }

    /// The folder of the uploads' links.
    pub fn uploads(&self) -> PathBuf {
        uploads(&self.data)
    }

    /// The folder of the sites' links.
    pub fn sites(&self) -> PathBuf {
        sites(&self.data)
    }

    /// Whether the release's tree is here.
    pub fn has(&self, site: SiteId, release: ReleaseId) -> bool {
        self.sites().join(format!("{site}/releases/{release}")).is_dir()
    }

    /// Links everything that is not here yet. What goes away meanwhile is left out.
    ///
    /// # Errors
    /// When something cannot be linked.
    pub fn gather(&mut self) -> anyhow::Result<()> {
        let open = |path: PathBuf| {
            openat(CWD, &path, DIRECTORY, Mode::empty()).with_context(|| format!("opening {}", path.display()))
        };
        let (uploads, kept) = (open(self.data.join("blobs/uploads"))?, open(self.uploads())?);
        ensure!(
            fstat(&uploads)?.st_dev == fstat(&kept)?.st_dev,
            "blobs/uploads is a file system of its own, which links cannot leave: mount it at blobs instead"
        );
        for name in names(&uploads).context("reading blobs/uploads")? {
            if id(&name, "upl_") {
                self.bytes += file(&uploads, &kept, &name).with_context(|| format!("linking the upload {name}"))?;
            }
        }
        let (sites, kept) = (open(self.data.join("sites"))?, open(self.sites())?);
        for name in names(&sites).context("reading sites")? {
            if id(&name, "site_") {
                self.site(&sites, &kept, &name)
                    .with_context(|| format!("linking the site {name}"))?;
            }
        }
        Ok(())
    }

    fn site(&mut self, sites: &OwnedFd, kept: &OwnedFd, name: &str) -> Result<(), Errno> {
        let Some((from, to)) = both(sites, kept, name)? else {
            return Ok(());
        };
        if let Some((manifests, to)) = both(&from, &to, "manifests")? {
            for name in names(&manifests)? {
                self.bytes += file(&manifests, &to, &name)?;
            }
        }
        let Some((releases, to)) = both(&from, &to, "releases")? else {
            return Ok(());
        };
        for name in names(&releases)? {
            // Hidden ones are being made or removed.
            if !id(&name, "rel_") || statat(&to, &name, AtFlags::SYMLINK_NOFOLLOW).is_ok() {
                continue;
            }
            let partial = format!(".{name}");
            match copy(&releases, &name, &to, &partial) {
                Ok(bytes) => {
                    renameat_with(&to, &*partial, &to, &*name, RenameFlags::NOREPLACE)?;
                    self.bytes += bytes;
                }
                // It was removed while it was linked, or is being: half of it is nothing.
                Err(Errno::NOENT) => {
                    let half = self.sites().join(site_of(&to)?).join(&partial);
                    let _gone = std::fs::remove_dir_all(half);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// `site_…/releases` of an open folder below the farm, for removing by path what is ours alone.
fn site_of(releases: &OwnedFd) -> Result<PathBuf, Errno> {
    use std::os::fd::AsRawFd as _;
    let path = std::fs::read_link(format!("/proc/self/fd/{}", releases.as_raw_fd())).map_err(|_| Errno::NOENT)?;
    let mut parts = path.components().rev();
    let (releases, site) = (parts.next(), parts.next());
    match (site, releases) {
        (Some(site), Some(releases)) => Ok(Path::new(site.as_os_str()).join(releases.as_os_str())),
        _ => Err(Errno::NOENT),
    }
}

impl Drop for Farm {
    fn drop(&mut self) {
        if let Err(error) = remove(&self.data) {
            eprintln!("mpanel: {error:#}");
        }
    }
}

/// The folder of this name in both, made in the second with the owner and mode of the first; `None` when there is none.
fn both(from: impl AsFd, to: impl AsFd, name: &str) -> Result<Option<(OwnedFd, OwnedFd)>, Errno> {
    let from = match openat(from, name, DIRECTORY, Mode::empty()) {
        Ok(folder) => folder,
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return Ok(None),
        Err(error) => return Err(error),
    };
    match mkdirat(&to, name, Mode::RWXU) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(error) => return Err(error),
    }
    let made = openat(&to, name, DIRECTORY, Mode::empty())?;
    let stat = fstat(&from)?;
    if rustix::process::geteuid().is_root() {
        fchown(
            &made,
            Some(Uid::from_raw(stat.st_uid)),
            Some(Gid::from_raw(stat.st_gid)),
        )?;
    }
    fchmod(&made, Mode::from_raw_mode(stat.st_mode & 0o7777))?;
    Ok(Some((from, made)))
}

/// Links a whole tree; says its bytes. Only files and folders are kept: nothing else is ever unpacked.
fn copy(from: impl AsFd, name: &str, to: impl AsFd, kept_name: &str) -> Result<u64, Errno> {
    let source = openat(from, name, DIRECTORY, Mode::empty())?;
    mkdirat(&to, kept_name, Mode::RWXU)?;
    let target = openat(&to, kept_name, DIRECTORY, Mode::empty())?;
    let stat = fstat(&source)?;
    if rustix::process::geteuid().is_root() {
        fchown(
            &target,
            Some(Uid::from_raw(stat.st_uid)),
            Some(Gid::from_raw(stat.st_gid)),
        )?;
    }
    fchmod(&target, Mode::from_raw_mode(stat.st_mode & 0o7777))?;
    let mut bytes = 0;
    for name in names(&source)? {
        let stat = statat(&source, &name, AtFlags::SYMLINK_NOFOLLOW)?;
        bytes += match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => copy(&source, &name, &target, &name)?,
            FileType::RegularFile => file(&source, &target, &name)?,
            _ => 0,
        };
    }
    Ok(bytes)
}

/// Links a file that is not there yet; says its bytes. One that is gone has none.
fn file(from: impl AsFd, to: impl AsFd, name: &str) -> Result<u64, Errno> {
    match linkat(&from, name, &to, name, AtFlags::empty()) {
        Ok(()) => {}
        Err(Errno::EXIST | Errno::NOENT) => return Ok(0),
        Err(error) => return Err(error),
    }
    let stat = statat(&to, name, AtFlags::SYMLINK_NOFOLLOW)?;
    Ok(u64::try_from(stat.st_size).unwrap_or(0))
}

fn names(folder: impl AsFd) -> Result<Vec<String>, Errno> {
    let mut names = Vec::new();
    for entry in Dir::read_from(folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name != "." && name != ".." {
            names.push(name);
        }
    }
    names.sort_unstable();
    Ok(names)
}
