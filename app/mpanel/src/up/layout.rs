//! The folders of the data folder, each with the owner and mode that keeps the processes apart.
//!
//! Root creates and chowns only inside folders that nobody else can rename in: the data folder itself is root's, and `run` is
//! sticky, so that `mpanel` may put files there but cannot swap another's.

use std::fs::Permissions;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, lchown};
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use mpanel_process::account::{self, Account};

use super::accounts::Accounts;

/// A folder, relative to the data folder.
struct Folder {
    path: &'static str,
    mode: u32,
    owner: Option<(u32, u32)>,
}

/// Makes what is missing and corrects owners and modes.
///
/// # Errors
/// When a folder cannot be made, or the data folder was set up by another user.
pub fn prepare(data: &Path, accounts: Option<&Accounts>) -> anyhow::Result<()> {
    if accounts.is_some() {
        check_reachable(data)?;
    }
    for folder in folders(accounts) {
        let path = data.join(folder.path);
        match std::fs::DirBuilder::new().mode(folder.mode).create(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                return Err(error).with_context(|| format!("making {}", path.display()));
            }
            _ => {}
        }
        adjust(&path, &folder).with_context(|| format!("setting owner and mode of {}", path.display()))?;
    }
    Ok(())
}

fn adjust(path: &Path, folder: &Folder) -> anyhow::Result<()> {
    let metadata = std::fs::symlink_metadata(path)?;
    ensure!(metadata.is_dir(), "it is no folder");
    if metadata.mode() & 0o7777 != folder.mode {
        std::fs::set_permissions(path, Permissions::from_mode(folder.mode))?;
    }
    if let Some((uid, gid)) = folder.owner
        && (metadata.uid(), metadata.gid()) != (uid, gid)
    {
        lchown(path, Some(uid), Some(gid))?;
    }
    Ok(())
}

fn folders(accounts: Option<&Accounts>) -> Vec<Folder> {
    let of = |pick: fn(&Accounts) -> &Account| accounts.map(|all| (pick(all).uid, pick(all).gid));
    let (panel, edge, dns) = (of(|all| &all.panel), of(|all| &all.edge), of(|all| &all.dns));
    let root = accounts.map(|_| (0, 0));
    let folder = |path, mode, owner| Folder { path, mode, owner };
    let root_with_panel_group = accounts.map(|all| (0, all.panel.gid));
    vec![
        // Everybody passes through; only root lists or changes.
        folder("", if accounts.is_some() { 0o711 } else { 0o700 }, root),
        folder("keys", 0o700, panel),
        folder("blobs", 0o711, root),
        folder("blobs/uploads", 0o700, panel),
        folder("blobs/exports", 0o700, panel),
        folder("edge", 0o700, edge),
        folder("dns", 0o700, dns),
        folder("sites", 0o711, root),
        folder("logs", 0o700, root),
        // The processes' users start what is in it, and nobody else changes that.
        folder(super::programs::FOLDER, 0o711, root),
        // Mails that go nowhere else hold links with keys.
        folder("mail", 0o700, panel),
        folder(
            "run",
            if accounts.is_some() { 0o1771 } else { 0o700 },
            root_with_panel_group,
        ),
    ]
}

/// Whether one of the folders has this name directly in the data folder.
pub fn is_folder(name: &str) -> bool {
    !name.is_empty() && folders(None).iter().any(|folder| folder.path == name)
}

/// The first user of a data folder is its owner for good: files of several users in one tree end in errors far from their cause.
///
/// # Errors
/// When the folder was set up by somebody else.
pub fn check_owner(data: &Path, lock: &Path) -> anyhow::Result<()> {
    let Ok(metadata) = std::fs::metadata(lock) else {
        return Ok(());
    };
    let (owner, own) = (metadata.uid(), account::effective_uid());
    let name = Account::by_uid(owner)?.map_or_else(|| owner.to_string(), |account| account.name);
    ensure!(
        owner == own,
        "{} was set up by the user {name}: start as {name}, or choose another folder with --data or MPANEL_DATA",
        data.display()
    );
    Ok(())
}

fn check_reachable(data: &Path) -> anyhow::Result<()> {
    let closed: Option<PathBuf> = data
        .ancestors()
        .skip(1)
        .find(|folder| std::fs::metadata(folder).is_ok_and(|metadata| metadata.mode() & 0o001 == 0))
        .map(Path::to_owned);
    if let Some(folder) = closed {
        anyhow::bail!(
            "the processes run as their own users, who cannot enter {}: choose a data folder outside it with --data or MPANEL_DATA",
            folder.display()
        );
    }
    Ok(())
}
