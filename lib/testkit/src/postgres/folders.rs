//! Where the clusters of tests live, and clearing away those whose test process is gone.

use std::fs::File;
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, lchown};
use std::path::{Path, PathBuf};

use mpanel_pg::server::{self, Limits};
use mpanel_process::account::{self, Account};
use mpanel_process::procfs;

use super::cluster;

/// In the system's temporary folder, because a Unix socket's path is short and PostgreSQL's account may not enter a home folder.
pub(super) fn base_path() -> PathBuf {
    std::env::temp_dir().join(format!("mpanel-testkit-{}", account::effective_uid()))
}

/// The folder of every test cluster of this user.
pub(super) fn base() -> io::Result<PathBuf> {
    let base = base_path();
    match std::fs::DirBuilder::new().mode(0o711).create(&base) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    // Anybody may write to /tmp: a folder of this name that somebody else made is not to be trusted.
    let metadata = std::fs::symlink_metadata(&base)?;
    if !metadata.is_dir() || metadata.uid() != account::effective_uid() {
        return Err(io::Error::other("it is not ours"));
    }
    std::fs::set_permissions(&base, std::fs::Permissions::from_mode(0o711))?;
    Ok(base)
}

/// This process's folder, named by pid and start time.
pub(super) fn own(base: &Path) -> io::Result<PathBuf> {
    let pid = std::process::id();
    let start = procfs::stat(pid)
        .ok_or_else(|| io::Error::other("/proc is not mounted"))?
        .start;
    let own = base.join(format!("{pid}-{start}"));
    std::fs::DirBuilder::new().mode(0o711).create(&own)?;
    std::fs::set_permissions(&own, std::fs::Permissions::from_mode(0o711))?;
    Ok(own)
}

/// Removes the folders of processes that have ended, with any server that is left. What another sweeper removes first is no loss.
pub(super) async fn sweep(base: &Path) {
    let Ok(entries) = std::fs::read_dir(base) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Some(owner) = name.to_str().and_then(parse) else {
            continue;
        };
        if procfs::stat(owner.0).is_some_and(|stat| stat.start == owner.1 && stat.is_alive()) {
            continue;
        }
        if let Ok(options) = cluster::options(&entry.path()) {
            let _best_effort = server::stop(&options, Limits::default()).await;
        }
        let _best_effort = std::fs::remove_dir_all(entry.path());
    }
}

pub(super) fn parse(name: &str) -> Option<(u32, u64)> {
    let (pid, start) = name.split_once('-')?;
    Some((pid.parse().ok()?, start.parse().ok()?))
}

/// `testkit` in cargo's target folder: kept between runs, removed by `cargo clean`.
pub(super) fn cache() -> io::Result<PathBuf> {
    let target = match std::env::var_os("CARGO_TARGET_DIR") {
        Some(folder) => PathBuf::from(folder),
        None => {
            let program = std::env::current_exe()?;
            // Cargo marks its target folder for backup programs.
            let marked = program.ancestors().find(|folder| folder.join("CACHEDIR.TAG").exists());
            marked.map_or_else(std::env::temp_dir, Path::to_owned)
        }
    };
    let cache = target.join("testkit");
    std::fs::create_dir_all(&cache)?;
    Ok(cache)
}

/// An exclusive lock that ends with the returned file.
pub(super) fn lock(path: &Path) -> io::Result<File> {
    let file = File::options().create(true).truncate(false).write(true).open(path)?;
    file.lock()?;
    Ok(file)
}

/// Copies a tree of files and folders, handing it to `owner`.
pub(super) fn copy(from: &Path, to: &Path, owner: Option<&Account>) -> io::Result<()> {
    std::fs::DirBuilder::new().mode(0o700).create(to)?;
    let give = |path: &Path| match owner {
        Some(account) => lchown(path, Some(account.uid), Some(account.gid)),
        None => Ok(()),
    };
    give(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target, owner)?;
        } else {
            std::fs::copy(entry.path(), &target)?;
            give(&target)?;
        }
    }
    Ok(())
}
