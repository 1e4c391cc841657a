//! Finding an installed PostgreSQL. Debian keeps each major version in its own folder outside `PATH`.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::Error;

/// The oldest major version that the platform's SQL runs on.
pub const MINIMUM: u32 = 15;

/// One installed version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installation {
    pub major: u32,
    /// The folder with `postgres` and `initdb`.
    pub bin: PathBuf,
}

impl Installation {
    pub(super) fn program(&self, name: &str) -> PathBuf {
        self.bin.join(name)
    }
}

/// Every usable installation, newest first. `MPANEL_PG_BIN` or `chosen` excludes all others.
///
/// # Errors
/// [`Error::NotInstalled`] when there is none.
pub fn installed(chosen: Option<&Path>) -> Result<Vec<Installation>, Error> {
    let variable = std::env::var_os("MPANEL_PG_BIN")
        .filter(|value| !value.is_empty())
        .map(PathBuf::from);
    let folders = match chosen.map(Path::to_owned).or(variable) {
        Some(folder) => vec![folder],
        None => candidates(Path::new("/usr/lib/postgresql"), std::env::var_os("PATH").as_deref()),
    };
    let mut found: Vec<Installation> = Vec::new();
    for bin in &folders {
        let Some(major) = version(bin) else { continue };
        if major >= MINIMUM && found.iter().all(|other| other.major != major) {
            found.push(Installation {
                major,
                bin: bin.clone(),
            });
        }
    }
    if found.is_empty() {
        return Err(Error::NotInstalled {
            searched: folders.iter().map(|path| path.display().to_string()).collect(),
        });
    }
    found.sort_by_key(|installation| std::cmp::Reverse(installation.major));
    Ok(found)
}

/// Debian's folders, then `PATH`, with links followed: Debian's `/usr/bin/initdb` may be a wrapper that is not beside `postgres`.
pub(super) fn candidates(debian: &Path, path: Option<&OsStr>) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = std::fs::read_dir(debian)
        .map(|entries| {
            entries
                .filter_map(|entry| Some(entry.ok()?.path().join("bin")))
                .collect()
        })
        .unwrap_or_default();
    folders.extend(
        path.map(|path| std::env::split_paths(path).collect::<Vec<_>>())
            .unwrap_or_default(),
    );
    let mut real = Vec::new();
    for folder in folders {
        let Ok(program) = folder.join("postgres").canonicalize() else {
            continue;
        };
        let Some(bin) = program.parent() else { continue };
        if bin.join("initdb").is_file() && !real.iter().any(|other| other == bin) {
            real.push(bin.to_owned());
        }
    }
    real
}

fn version(bin: &Path) -> Option<u32> {
    // Debian's layout says it without starting a process: …/postgresql/15/bin.
    if let Some(major) = bin
        .parent()
        .and_then(Path::file_name)
        .and_then(OsStr::to_str)
        .and_then(|name| name.parse().ok())
        && bin.join("postgres").is_file()
    {
        return Some(major);
    }
    let output = Command::new(bin.join("postgres"))
        .arg("--version")
        .env_clear()
        .output()
        .ok()?;
    parse_version(std::str::from_utf8(&output.stdout).ok()?)
}

/// `postgres (PostgreSQL) 15.20 (Debian …)`, or `16beta1`.
pub(super) fn parse_version(text: &str) -> Option<u32> {
    let number = text.split_once("(PostgreSQL) ")?.1;
    let end = number.find(|c: char| !c.is_ascii_digit()).unwrap_or(number.len());
    number.get(..end)?.parse().ok()
}
