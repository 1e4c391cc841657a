//! The data folder: who may do what in it, what is missing from it.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rustix::fs::statvfs;

use crate::checks::Check;

/// Less than this share of the files that the file system can have.
const INODES_WANTED: u64 = 5;

pub fn all(data: &Path) -> Vec<Check> {
    vec![modes(data), key(data), inodes(data)]
}

/// Nobody else may put anything where root will use it.
fn modes(data: &Path) -> Check {
    let (id, title) = ("data.modes", "data folder");
    let folders = ["", "keys", "postgres", "sites", "edge", "dns", "blobs", "run", "logs"];
    let open: Vec<String> = folders
        .iter()
        .map(|folder| data.join(folder))
        .filter(|folder| {
            std::fs::symlink_metadata(folder)
                .is_ok_and(|found| !found.is_dir() || found.permissions().mode() & 0o002 != 0)
        })
        .map(|folder| folder.display().to_string())
        .collect();
    if open.is_empty() {
        return Check::ok(id, title, format!("{} belongs to mPanel alone", data.display()));
    }
    Check::failure(
        id,
        title,
        format!("everybody may write to {}, or it is no folder", open.join(", ")),
        "find out who changed it, then `chmod o-w` it; a link in its place is to be removed",
    )
}

fn key(data: &Path) -> Check {
    let (id, title) = ("keys.master", "master key");
    let path = data.join("keys/master.key");
    let lost = "put it back with `mpanel keys import` from the copy that was kept apart; without one see \
                `mpanel restore --help` on going on without it";
    match std::fs::symlink_metadata(&path) {
        Err(error) => Check::failure(id, title, format!("{}: {error}", path.display()), lost),
        Ok(found) if !found.is_file() => Check::failure(id, title, format!("{} is no file", path.display()), lost),
        Ok(found) if found.permissions().mode() & 0o077 != 0 => Check::failure(
            id,
            title,
            format!("others may read {}", path.display()),
            "`chmod 600` it, then replace it by `mpanel keys rotate`: somebody may have a copy",
        ),
        Ok(_) => Check::ok(
            id,
            title,
            "is there, and only mPanel reads it; keep the copy of `mpanel keys export` elsewhere",
        ),
    }
}

fn inodes(data: &Path) -> Check {
    let (id, title) = ("data.inodes", "files left");
    match statvfs(data) {
        // Some file systems have no fixed number.
        Ok(found) if found.f_files == 0 => Check::ok(id, title, "as many as there is space for"),
        Ok(found) if found.f_favail.saturating_mul(100) < found.f_files.saturating_mul(INODES_WANTED) => {
            Check::warning(
                id,
                title,
                format!("{} of {}", found.f_favail, found.f_files),
                "delete old releases, or move the data folder to a file system with more inodes",
            )
        }
        Ok(found) => Check::ok(id, title, format!("{} of {}", found.f_favail, found.f_files)),
        Err(error) => Check::warning(
            id,
            title,
            format!("cannot tell: {error}"),
            "look at the file system by `df -i`",
        ),
    }
}
