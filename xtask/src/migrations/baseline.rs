//! What the release before has: its migrations, by their git blobs, and every query that it checks when compiling.

use crate::process;
use crate::queries::schema_of;
use anyhow::{Context as _, Result};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

/// Where it is recorded.
pub const FOLDER: &str = "deploy/baseline";
/// A line for each migration; the server reads it too.
const MIGRATIONS: &str = "migrations.txt";
/// One JSON string a line.
const QUERIES: &str = "queries.txt";
/// The tag of the release, or this word.
const REVISION: &str = "revision.txt";
const UNRELEASED: &str = "unreleased";

#[derive(Debug)]
pub struct Baseline {
    /// The release's tag; `None` when nothing was released yet.
    release: Option<String>,
    /// By schema and name: the file's git blob.
    pub migrations: BTreeMap<(String, String), String>,
    pub queries: Vec<String>,
}

impl Baseline {
    pub fn is_released(&self) -> bool {
        self.release.is_some()
    }

    pub fn what(&self) -> String {
        let release = self.release.as_ref();
        release.map_or_else(|| "the recorded revision".to_owned(), |tag| format!("release {tag}"))
    }

    /// What is recorded.
    ///
    /// # Errors
    /// When something is missing or unreadable.
    pub fn load(root: &Path) -> Result<Self> {
        let read = |name: &str| {
            let path = root.join(FOLDER).join(name);
            fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
        };
        let revision = read(REVISION)?.trim().to_owned();
        let mut migrations = BTreeMap::new();
        for line in read(MIGRATIONS)?.lines() {
            let words: Vec<&str> = line.split(' ').collect();
            let [schema, name, blob] = words.as_slice() else {
                anyhow::bail!("{FOLDER}/{MIGRATIONS} has a line that is none: {line}");
            };
            migrations.insert(((*schema).to_owned(), (*name).to_owned()), (*blob).to_owned());
        }
        let queries = read(QUERIES)?;
        let queries = queries.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
        Ok(Self {
            release: (revision != UNRELEASED).then_some(revision),
            migrations,
            queries,
        })
    }

    /// Writes it down.
    ///
    /// # Errors
    /// When the folder cannot be written to.
    pub fn store(&self, root: &Path) -> Result<()> {
        let folder = root.join(FOLDER);
        fs::create_dir_all(&folder)?;
        let revision = self.release.as_deref().unwrap_or(UNRELEASED);
        fs::write(folder.join(REVISION), format!("{revision}\n"))?;
        let migrations = self.migrations.iter();
        let lines: String = migrations
            .map(|((schema, name), blob)| format!("{schema} {name} {blob}\n"))
            .collect();
        fs::write(folder.join(MIGRATIONS), lines)?;
        let mut lines = String::new();
        for query in &self.queries {
            lines += &serde_json::to_string(query)?;
            lines.push('\n');
        }
        fs::write(folder.join(QUERIES), lines)?;
        Ok(())
    }

    /// Of a revision of this repository.
    ///
    /// # Errors
    /// When git does not know it, or there are no queries in it.
    pub fn of_revision(root: &Path, revision: &str) -> Result<Self> {
        let tags = git(root, &["tag", "--points-at", revision])?;
        let release = tags.lines().find(|tag| tag.starts_with('v')).map(str::to_owned);
        let (mut migrations, mut queries) = (BTreeMap::new(), BTreeSet::new());
        for line in git(root, &["ls-tree", "-r", revision])?.lines() {
            // `100644 blob <id>\t<path>`
            let Some((head, path)) = line.split_once('\t') else {
                continue;
            };
            let parts: Vec<&str> = path.split('/').collect();
            let blob = head.rsplit(' ').next().unwrap_or_default();
            match parts.as_slice() {
                [layer @ ("lib" | "contexts"), owner, "migrations", file] => {
                    let name = file.strip_suffix(".sql").context("a migration is called *.sql")?;
                    let schema = schema_of(&format!("{layer}/{owner}"));
                    migrations.insert((schema, name.to_owned()), blob.to_owned());
                }
                [_, _, ".sqlx", file] if file.starts_with("query-") => {
                    let query = query(&git(root, &["cat-file", "blob", blob])?, path)?;
                    if is_prepared(&query) {
                        queries.insert(query);
                    }
                }
                _ => {}
            }
        }
        anyhow::ensure!(!queries.is_empty(), "{revision} has no recorded queries");
        Ok(Self {
            release,
            migrations,
            queries: queries.into_iter().collect(),
        })
    }
}

fn query(json: &str, path: &str) -> Result<String> {
    let json: serde_json::Value = serde_json::from_str(json).with_context(|| format!("{path} is no JSON"))?;
    let text = json["query"].as_str();
    Ok(text.with_context(|| format!("{path} has no query"))?.to_owned())
}

/// Whether PostgreSQL prepares such a statement; the others, such as savepoints, name nothing of a schema.
fn is_prepared(query: &str) -> bool {
    let words = ["select", "insert", "update", "delete", "merge", "values", "with"];
    let first = query.trim_start_matches(|c: char| c.is_whitespace() || c == '(');
    let first: String = first.chars().take_while(char::is_ascii_alphabetic).collect();
    words.contains(&first.to_ascii_lowercase().as_str())
}

/// What git says.
pub fn git(root: &Path, arguments: &[&str]) -> Result<String> {
    process::output(Command::new("git").current_dir(root).args(arguments))
}
