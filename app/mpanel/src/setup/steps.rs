//! The changes themselves. Each is one that can be made again, and that a kill leaves either unmade or made.

use std::fs::{DirBuilder, File, Permissions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, ensure};

use super::plan::Id;
use super::{CONFIG, DATA};
use crate::checks::Machine;
use crate::up::accounts;

pub const UNIT: &str = "mpanel.service";

/// Makes the changes of a step.
///
/// # Errors
/// With what could not be done.
pub fn apply(machine: &Machine, step: Id, text: &str) -> anyhow::Result<()> {
    match step {
        Id::Users => accounts::prepare().map(|_accounts| ()),
        Id::Data => folder(&machine.path(DATA), 0o711),
        Id::Settings => settings(machine, text),
        Id::Enable => systemctl(&["enable", UNIT]),
        // A running one takes the new settings and keeps its listeners.
        Id::Start => systemctl(&["reload-or-restart", UNIT]),
    }
}

fn folder(path: &Path, mode: u32) -> anyhow::Result<()> {
    let made = DirBuilder::new().recursive(true).mode(mode).create(path);
    made.with_context(|| format!("cannot make {}", path.display()))?;
    // The mode above is less what the umask takes.
    std::fs::set_permissions(path, Permissions::from_mode(mode))
        .with_context(|| format!("cannot set the mode of {}", path.display()))
}

fn settings(machine: &Machine, text: &str) -> anyhow::Result<()> {
    let file = machine.path(CONFIG);
    let parent = file.parent().context("the file has a folder")?;
    folder(parent, 0o755)?;
    if std::fs::read_to_string(&file).is_ok_and(|there| there != text) {
        let old = file.with_extension("toml.old");
        std::fs::copy(&file, &old).with_context(|| format!("cannot keep the settings as {}", old.display()))?;
    }
    // May hold the password of a database.
    replace(&file, text, 0o600).with_context(|| format!("cannot write {CONFIG}"))?;
    let link = machine.path(Path::new(DATA).join("config.toml"));
    match symlink(CONFIG, &link) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
            Err(error).with_context(|| format!("cannot link {}", link.display()))
        }
        _ => Ok(()),
    }
}

/// All of the new content or all of the old one, whenever the power fails.
fn replace(path: &Path, text: &str, mode: u32) -> std::io::Result<()> {
    let fresh = path.with_extension("toml.new");
    let mut options = File::options();
    let mut file = options
        .write(true)
        .create(true)
        .truncate(true)
        .mode(mode)
        .open(&fresh)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&fresh, path)?;
    let parent = path.parent().unwrap_or(Path::new("/"));
    File::open(parent)?.sync_all()
}

/// # Errors
/// With its words, when systemctl does not end with 0.
pub fn systemctl(arguments: &[&str]) -> anyhow::Result<()> {
    let output = Command::new("systemctl")
        .args(arguments)
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .output()
        .context("cannot start systemctl")?;
    ensure!(
        output.status.success(),
        "systemctl {}: {}",
        arguments.join(" "),
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(())
}
