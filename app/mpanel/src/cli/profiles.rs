//! What `mpanel login` leaves behind: `cli.toml` in the user's configuration folder, mode 0600.

use std::collections::BTreeMap;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::{Deserialize, Serialize};

use super::failure::Failure;

/// The name of a profile when none is given.
pub const DEFAULT: &str = "default";

#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profiles {
    /// The one in use when none is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current: Option<String>,
    #[serde(default, rename = "profile")]
    pub all: BTreeMap<String, Profile>,
}

/// One panel as one person.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    pub url: String,
    pub token: String,
    /// So that `logout` can revoke it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_id: Option<String>,
    /// For whom to act, an id or a short name; without it for one's own tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// The certificate authority to believe, PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<String>,
}

impl std::fmt::Debug for Profile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Profile")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

impl Profiles {
    /// Reads the file; none is as good as an empty one.
    ///
    /// # Errors
    /// When there is one that cannot be read or understood.
    pub fn load(file: &Path) -> Result<Self, Failure> {
        match std::fs::read_to_string(file) {
            Ok(text) => toml::from_str(&text).map_err(|error| {
                // The parser's own message quotes the line, which may hold the token.
                let at = error
                    .span()
                    .map_or(0, |span| text[..span.start.min(text.len())].lines().count());
                Failure::Invalid(format!("{}:{at}: {}", file.display(), error.message()))
            }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(Failure::Invalid(format!("{}: {error}", file.display()))),
        }
    }

    /// Replaces the file in one step.
    ///
    /// # Errors
    /// When the folder cannot be written to.
    pub fn save(&self, file: &Path) -> Result<(), Failure> {
        write_private(file, toml::to_string(self).context("profiles")?.as_bytes())
    }

    /// The profile of this name, or the one in use.
    pub fn get(&self, name: Option<&str>) -> Option<(&str, &Profile)> {
        let name = name.or(self.current.as_deref()).unwrap_or(DEFAULT);
        self.all
            .get_key_value(name)
            .map(|(name, profile)| (name.as_str(), profile))
    }

    /// A profile for this server, the one in use first.
    pub fn for_url(&self, url: &str) -> Option<&Profile> {
        let current = self.get(None).map(|(_, profile)| profile);
        current
            .into_iter()
            .chain(self.all.values())
            .find(|profile| profile.url == url)
    }
}

/// Writes a file that only its owner can read, in one step.
///
/// # Errors
/// When the folder cannot be made or written to.
pub fn write_private(file: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let failed = || format!("cannot write {}", file.display());
    if let Some(folder) = file.parent() {
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .with_context(failed)?;
    }
    let fresh = file.with_extension("new");
    // Left over from a crash, it might be readable by others.
    match std::fs::remove_file(&fresh) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(anyhow::Error::new(error).context(failed()).into());
        }
        _ => {}
    }
    let mut open = std::fs::File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&fresh)
        .with_context(failed)?;
    open.write_all(bytes)
        .and_then(|()| open.sync_all())
        .with_context(failed)?;
    std::fs::rename(&fresh, file).with_context(failed)?;
    Ok(())
}

/// `$XDG_CONFIG_HOME/mpanel/cli.toml`.
///
/// # Errors
/// Without a home folder.
pub fn config_file() -> Result<PathBuf, Failure> {
    Ok(folder("XDG_CONFIG_HOME", ".config")?.join("cli.toml"))
}

/// `$XDG_STATE_HOME/mpanel`: what may be lost.
///
/// # Errors
/// Without a home folder.
pub fn state_folder() -> Result<PathBuf, Failure> {
    folder("XDG_STATE_HOME", ".local/state")
}

fn folder(variable: &str, below_home: &str) -> Result<PathBuf, Failure> {
    // The specification: a relative path is to be ignored.
    let named = std::env::var_os(variable)
        .map(PathBuf::from)
        .filter(|path| path.is_absolute());
    named
        .or_else(|| Some(home()?.join(below_home)))
        .map(|base| base.join("mpanel"))
        .ok_or_else(|| Failure::Usage(format!("neither {variable} nor HOME is set")))
}

/// The user's home folder.
pub fn home() -> Option<PathBuf> {
    std::env::var_os("HOME")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
}
