//! The folder of windows that are not reported yet: a file each, written anew as a whole or removed.

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File};
use std::io::{self, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use mpanel_feed::Usage;
use mpanel_kernel::ids::Uuid;
use tempfile::NamedTempFile;

pub struct Spool {
    folder: PathBuf,
    /// Windows that have a file.
    files: BTreeSet<Uuid>,
}

impl Spool {
    pub fn new(folder: PathBuf) -> Self {
        if let Err(error) = DirBuilder::new().recursive(true).mode(0o700).create(&folder) {
            tracing::error!(folder = %folder.display(), %error, "no folder for usage");
        }
        Self {
            folder,
            files: BTreeSet::new(),
        }
    }

    fn path(&self, boot: Uuid) -> PathBuf {
        self.folder.join(format!("{boot}.json"))
    }

    /// What is there, the oldest first: the UUIDs begin with the time. What cannot be read stays for somebody to look at.
    pub(super) fn load(&mut self) -> Vec<(Uuid, Usage)> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.extension().is_none_or(|extension| extension != "json") {
                // Written half when the process was killed: the file that it was to replace is still there.
                let _best_effort = fs::remove_file(&path);
                continue;
            }
            match read(&path) {
                Ok((boot, usage)) => {
                    self.files.insert(boot);
                    found.push((boot, usage));
                }
                Err(error) => tracing::error!(file = %path.display(), %error, "usage cannot be read"),
            }
        }
        found.sort_by_key(|(boot, _)| *boot);
        found
    }

    /// How the file of a window is written anew; [`Spool::note`] is told when it was.
    pub(super) fn write(&self, boot: Uuid, usage: Usage) -> Write {
        Write {
            boot,
            folder: self.folder.clone(),
            path: self.path(boot),
            usage,
        }
    }

    pub(super) fn note(&mut self, boot: Uuid) {
        self.files.insert(boot);
    }

    /// Removes the file of a window if there is one.
    pub(super) fn remove(&mut self, boot: Uuid) {
        if !self.files.remove(&boot) {
            return;
        }
        // A file that stays is reported again after a restart, which counts nothing twice.
        if let Err(error) = fs::remove_file(self.path(boot)) {
            tracing::warn!(%boot, %error, "usage that was taken stays on disk");
        }
    }
}

fn read(path: &Path) -> io::Result<(Uuid, Usage)> {
    let usage: Usage = serde_json::from_slice(&fs::read(path)?)?;
    let boot = Uuid::parse_str(&usage.boot).map_err(io::Error::other)?;
    if path.file_stem().is_none_or(|stem| *stem != *usage.boot) {
        return Err(io::Error::other("the file belongs to another window"));
    }
    Ok((boot, usage))
}

/// A file to be written.
pub struct Write {
    pub boot: Uuid,
    folder: PathBuf,
    path: PathBuf,
    usage: Usage,
}

impl Write {
    /// How many sites it is about.
    pub fn sites(&self) -> usize {
        self.usage.sites.len()
    }

    /// Leaves the old file or the new one, never half of one, also when the power goes.
    ///
    /// # Errors
    /// When the disk is full or does not work.
    pub fn run(&self) -> io::Result<()> {
        let bytes = serde_json::to_vec(&self.usage)?;
        let mut file = NamedTempFile::new_in(&self.folder)?;
        file.write_all(&bytes)?;
        file.as_file().sync_all()?;
        file.persist(&self.path)?;
        File::open(&self.folder)?.sync_all()
    }
}
