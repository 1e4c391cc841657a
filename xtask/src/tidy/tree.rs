//! The repository as a map from path to text, so that a test can make one of strings.

use crate::process;
use crate::workspace::Member;
use anyhow::Result;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Every text file, and the manifests among them parsed.
#[derive(Debug, Default)]
pub struct Tree {
    files: BTreeMap<String, String>,
    members: Vec<Member>,
    /// What the root manifest calls a member by another name.
    aliases: BTreeMap<String, String>,
}

impl Tree {
    /// Reads what git would commit: tracked and new files, nothing ignored.
    ///
    /// # Errors
    /// When git or a file cannot be read.
    pub fn load(root: &Path) -> Result<Self> {
        let mut git = Command::new("git");
        git.current_dir(root)
            .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
        let mut files = BTreeMap::new();
        for path in process::output(&mut git)?.split('\0').filter(|path| !path.is_empty()) {
            // A deleted file is still in the index; a binary one is none of our business.
            if let Ok(bytes) = fs::read(root.join(path))
                && let Ok(text) = String::from_utf8(bytes)
            {
                files.insert(path.to_owned(), text);
            }
        }
        Ok(Self::new(files))
    }

    fn new(files: BTreeMap<String, String>) -> Self {
        let members = files.iter().filter_map(|(path, text)| member(path, text)).collect();
        let mut tree = Self {
            files,
            members,
            aliases: BTreeMap::new(),
        };
        let root = tree.root_manifest();
        let dependencies = root
            .get("workspace")
            .and_then(|w| w.get("dependencies"))
            .and_then(toml::Value::as_table);
        for (alias, entry) in dependencies.into_iter().flatten() {
            if let Some(package) = entry.get("package").and_then(toml::Value::as_str) {
                tree.aliases.insert(alias.clone(), package.to_owned());
            }
        }
        tree
    }

    /// A tree made of strings.
    #[cfg(test)]
    pub fn of(files: &[(&str, &str)]) -> Self {
        Self::new(
            files
                .iter()
                .map(|(path, text)| ((*path).to_owned(), (*text).to_owned()))
                .collect(),
        )
    }

    /// All files with their text, sorted by path.
    pub fn files(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// The files whose names end so.
    pub fn with_extension<'a>(&'a self, extensions: &'a [&str]) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.files().filter(move |(path, _)| {
            let name = path.rsplit('/').next().unwrap_or(path);
            name.rsplit_once('.')
                .is_some_and(|(_, extension)| extensions.contains(&extension))
        })
    }

    /// The text of one file.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.files.get(path).map(String::as_str)
    }

    /// Whether there is such a file, or a folder with files.
    pub fn exists(&self, path: &str) -> bool {
        let folder = format!("{path}/");
        path.is_empty()
            || self.files.contains_key(path)
            || self
                .files
                .range(folder.clone()..)
                .next()
                .is_some_and(|(next, _)| next.starts_with(&folder))
    }

    /// The crates, sorted by folder; those with a workspace of their own (fuzzing) are left out.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// The crate that a manifest calls so.
    pub fn member(&self, name: &str) -> Option<&Member> {
        let name = self.aliases.get(name).map_or(name, String::as_str);
        self.members.iter().find(|member| member.name == name)
    }

    /// The root manifest, empty when it is missing.
    pub fn root_manifest(&self) -> toml::Table {
        self.text("Cargo.toml")
            .and_then(|text| text.parse().ok())
            .unwrap_or_default()
    }
}

fn member(path: &str, text: &str) -> Option<Member> {
    let folder = path.strip_suffix("/Cargo.toml")?;
    let manifest: toml::Table = text.parse().ok()?;
    if manifest.contains_key("workspace") {
        return None;
    }
    let name = manifest.get("package")?.get("name")?.as_str()?.to_owned();
    Some(Member {
        name,
        path: folder.to_owned(),
        manifest,
    })
}

/// The line (from 1) on which the first line containing `needle` stands, or 0.
pub fn line_of(text: &str, needle: &str) -> usize {
    text.lines()
        .position(|line| line.contains(needle))
        .map_or(0, |index| index + 1)
}
