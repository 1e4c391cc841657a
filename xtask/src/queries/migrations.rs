//! Which crates have migrations, in which order they run and in which SQL schema.

use crate::workspace::{Member, dependencies_first};
use anyhow::{Context as _, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};

/// Contexts whose tables others refer to come first; every other one follows by name.
const CONTEXTS_FIRST: [&str; 6] = ["tenancy", "identity", "fleet", "sites", "dns", "certificates"];

/// A crate with a `migrations` folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migrated {
    /// Folder of the crate, such as `contexts/sites`.
    pub path: String,
    /// SQL schema its tables live in, such as `sites`.
    pub schema: String,
    /// Its SQL files in the order of their numbers.
    pub files: Vec<PathBuf>,
}

/// The SQL schema of a crate: its short name, except that the foundation is `mpanel` and the
/// event spine is `spine`.
pub fn schema_of(path: &str) -> String {
    match path {
        "lib/pg" => "mpanel".to_owned(),
        "lib/events" => "spine".to_owned(),
        _ => path.rsplit('/').next().unwrap_or(path).replace('-', "_"),
    }
}

/// Every crate with migrations, in the order in which they run.
///
/// # Errors
/// When a file's name is not `NNNN_name.sql` or two files of a folder share a number.
pub fn migrated_crates(root: &Path, members: &[Member]) -> Result<Vec<Migrated>> {
    let mut found = Vec::new();
    for member in dependencies_first(members) {
        let dir = root.join(&member.path).join("migrations");
        if dir.is_dir() {
            found.push(Migrated {
                path: member.path.clone(),
                schema: schema_of(&member.path),
                files: sql_files(&dir)?,
            });
        }
    }
    // A stable sort: libraries keep the order of their dependencies.
    found.sort_by_key(|migrated| rank(&migrated.path));
    Ok(found)
}

fn rank(path: &str) -> (usize, usize, String) {
    match path.strip_prefix("contexts/") {
        None => (0, 0, String::new()),
        Some(name) => match CONTEXTS_FIRST.iter().position(|first| *first == name) {
            Some(position) => (1, position, String::new()),
            None => (1, CONTEXTS_FIRST.len(), name.to_owned()),
        },
    }
}

fn sql_files(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut files: Vec<(u32, PathBuf)> = Vec::new();
    for entry in fs::read_dir(dir).with_context(|| format!("cannot list {}", dir.display()))? {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != "sql") {
            continue;
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let number = name
            .split_once('_')
            .filter(|(digits, _)| digits.len() == 4)
            .and_then(|(d, _)| d.parse().ok());
        let Some(number) = number else {
            bail!("{}: a migration is called NNNN_name.sql", path.display());
        };
        if let Some((_, other)) = files.iter().find(|(taken, _)| *taken == number) {
            bail!("{} and {} have the same number", other.display(), path.display());
        }
        files.push((number, path));
    }
    files.sort();
    Ok(files.into_iter().map(|(_, path)| path).collect())
}
