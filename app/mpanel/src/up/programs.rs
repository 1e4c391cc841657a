//! The programs of a version, kept in the data folder: every process is started from there, so that what a package manager puts in
//! the place of a program changes nothing by itself, and the version before is there when the next one does not work.

use std::fs::{File, FileTimes, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use mpanel_process::account;
use serde::{Deserialize, Serialize};

use crate::pretence;

/// Both are one version: they talk to each other.
const NAMES: [&str; 2] = ["mpanel", "mpanel-agent"];

/// Below the data folder.
pub const FOLDER: &str = "programs";

/// Which programs. Two with the same name may be different builds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// As `mpanel --version` says it.
    pub name: String,
    /// The name with the files' sizes and times: another one after every installation of something else.
    pub id: String,
}

impl Version {
    /// The version of the programs in a folder, of which the running one is `mpanel`.
    ///
    /// # Errors
    /// When one is missing.
    pub fn of(folder: &Path) -> io::Result<Self> {
        let name = pretence::version();
        let mut id = name.clone();
        for program in NAMES {
            let file = std::fs::metadata(folder.join(program)).map_err(|error| {
                io::Error::new(error.kind(), format!("{}: {error}", folder.join(program).display()))
            })?;
            id += &format!("-{:x}.{:x}.{:x}", file.size(), file.mtime(), file.mtime_nsec());
        }
        id += &pretence::mark(folder);
        Ok(Self { name, id })
    }

    /// Where its programs are kept.
    pub fn folder(&self, data: &Path) -> PathBuf {
        data.join(FOLDER).join(&self.id)
    }

    /// Whether the kept programs are all there and unchanged.
    pub fn is_kept(&self, data: &Path) -> bool {
        let folder = self.folder(data);
        let mut id = self.name.clone();
        for program in NAMES {
            let Ok(file) = std::fs::metadata(folder.join(program)) else {
                return false;
            };
            id += &format!("-{:x}.{:x}.{:x}", file.size(), file.mtime(), file.mtime_nsec());
        }
        id += &pretence::mark(&folder);
        id == self.id
    }
}

/// Keeps the programs of `folder`: links where that is safe, copies elsewhere. Kept ones are found and left alone.
///
/// # Errors
/// When the disk is full or read-only.
pub fn keep(data: &Path, version: &Version, folder: &Path) -> io::Result<PathBuf> {
    let kept = version.folder(data);
    if version.is_kept(data) {
        return Ok(kept);
    }
    let fresh = data.join(FOLDER).join("new");
    for leftover in [&fresh, &kept] {
        match std::fs::remove_dir_all(leftover) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    std::fs::DirBuilder::new().mode(0o755).create(&fresh)?;
    // Whatever the umask is: the processes' own users start them.
    std::fs::set_permissions(&fresh, Permissions::from_mode(0o755))?;
    for program in NAMES {
        place(&folder.join(program).canonicalize()?, &fresh.join(program))?;
    }
    pretence::keep(folder, &fresh)?;
    std::fs::rename(&fresh, &kept)?;
    File::open(data.join(FOLDER))?.sync_all()?;
    Ok(kept)
}

/// A link has the owner of what it links to, and changes with it: only what nobody else may write to is linked.
fn place(from: &Path, to: &Path) -> io::Result<()> {
    let metadata = std::fs::metadata(from)?;
    let is_ours = metadata.uid() == account::effective_uid() && metadata.mode() & 0o022 == 0;
    if is_ours && metadata.mode() & 0o111 == 0o111 && std::fs::hard_link(from, to).is_ok() {
        return Ok(());
    }
    std::fs::copy(from, to)?;
    let file = File::options().write(true).open(to)?;
    file.set_permissions(Permissions::from_mode(0o755))?;
    file.set_times(FileTimes::new().set_modified(metadata.modified()?))?;
    file.sync_all()
}

/// Removes every kept version but these.
pub fn forget_others(data: &Path, versions: &[&Version]) {
    let Ok(entries) = std::fs::read_dir(data.join(FOLDER)) else {
        return;
    };
    for entry in entries.flatten() {
        let is_kept = versions.iter().any(|version| entry.file_name() == version.id.as_str());
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if is_folder
            && !is_kept
            && let Err(error) = std::fs::remove_dir_all(entry.path())
        {
            tracing::warn!(folder = %entry.path().display(), %error, "cannot remove the programs of an old version");
        }
    }
}
