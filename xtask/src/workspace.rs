//! What the manifests say: the members, where they are and whom they depend on.

use anyhow::{Context as _, Result, bail};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// One crate of the workspace.
#[derive(Debug, Clone)]
pub struct Member {
    /// Package name, such as `mpanel-sites`.
    pub name: String,
    /// Folder relative to the root with `/`, such as `contexts/sites`.
    pub path: String,
    /// The parsed manifest.
    pub manifest: toml::Table,
}

impl Member {
    /// The names of the packages this one depends on. `dev` adds those of its tests.
    pub fn dependencies(&self, dev: bool) -> BTreeSet<String> {
        self.dependency_tables()
            .into_iter()
            .filter(|(kind, _)| dev || *kind != "dev-dependencies")
            .flat_map(|(_, table)| {
                table.iter().map(|(key, value)| {
                    let renamed = value.get("package").and_then(toml::Value::as_str);
                    renamed.unwrap_or(key).to_owned()
                })
            })
            .collect()
    }

    /// Every dependency table with its kind, those under `[target.…]` included.
    pub fn dependency_tables(&self) -> Vec<(&'static str, &toml::Table)> {
        const KINDS: [&str; 3] = ["dependencies", "dev-dependencies", "build-dependencies"];
        let targets = self.manifest.get("target").and_then(toml::Value::as_table);
        let tables = std::iter::once(&self.manifest).chain(
            targets
                .into_iter()
                .flat_map(|t| t.values().filter_map(toml::Value::as_table)),
        );
        let mut found = Vec::new();
        for table in tables {
            for kind in KINDS {
                if let Some(deps) = table.get(kind).and_then(toml::Value::as_table) {
                    found.push((kind, deps));
                }
            }
        }
        found
    }
}

/// The root folder: the nearest ancestor of the current directory whose manifest has a `[workspace]`.
///
/// # Errors
/// When there is none.
pub fn find_root() -> Result<PathBuf> {
    let start = std::env::current_dir()?;
    for dir in start.ancestors() {
        let manifest = dir.join("Cargo.toml");
        if manifest.is_file() && read_toml(&manifest)?.contains_key("workspace") {
            return Ok(dir.to_owned());
        }
    }
    bail!("no workspace found above {}", start.display())
}

/// Reads and parses one TOML file.
///
/// # Errors
/// When it cannot be read or is not TOML.
pub fn read_toml(path: &Path) -> Result<toml::Table> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    text.parse()
        .with_context(|| format!("{} is not valid TOML", path.display()))
}

/// All members, sorted by folder. Understands what this workspace uses: plain paths and one `*` as a whole path segment.
///
/// # Errors
/// When a manifest cannot be read.
pub fn members(root: &Path) -> Result<Vec<Member>> {
    let manifest = read_toml(&root.join("Cargo.toml"))?;
    let patterns = manifest
        .get("workspace")
        .and_then(|w| w.get("members"))
        .and_then(toml::Value::as_array)
        .context("Cargo.toml has no [workspace] members")?;
    let mut folders = BTreeSet::new();
    for pattern in patterns.iter().filter_map(toml::Value::as_str) {
        let mut expanded = vec![String::new()];
        for segment in pattern.split('/') {
            expanded = expanded
                .iter()
                .map(|base| expand(root, base, segment))
                .collect::<Result<Vec<_>>>()?
                .concat();
        }
        folders.extend(
            expanded
                .into_iter()
                .filter(|folder| root.join(folder).join("Cargo.toml").is_file()),
        );
    }
    folders
        .into_iter()
        .map(|path| {
            let manifest = read_toml(&root.join(&path).join("Cargo.toml"))?;
            let name = manifest
                .get("package")
                .and_then(|p| p.get("name"))
                .and_then(toml::Value::as_str)
                .with_context(|| format!("{path}/Cargo.toml has no package name"))?
                .to_owned();
            Ok(Member { name, path, manifest })
        })
        .collect()
}

fn expand(root: &Path, base: &str, segment: &str) -> Result<Vec<String>> {
    let join = |name: &str| {
        if base.is_empty() {
            name.to_owned()
        } else {
            format!("{base}/{name}")
        }
    };
    if segment != "*" {
        return Ok(vec![join(segment)]);
    }
    let dir = root.join(base);
    if !dir.is_dir() {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    for entry in fs::read_dir(&dir)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            found.push(join(&entry.file_name().to_string_lossy()));
        }
    }
    Ok(found)
}

/// The members with dependencies first, dev-dependencies counted unless they would close a circle.
pub fn dependencies_first(members: &[Member]) -> Vec<&Member> {
    fn visit<'a>(
        member: &'a Member,
        by_name: &BTreeMap<&str, &'a Member>,
        seen: &mut BTreeSet<&'a str>,
        sorted: &mut Vec<&'a Member>,
    ) {
        if !seen.insert(&member.name) {
            return;
        }
        for dependency in member.dependencies(true) {
            if let Some(found) = by_name.get(dependency.as_str()) {
                visit(found, by_name, seen, sorted);
            }
        }
        sorted.push(member);
    }
    let by_name = members.iter().map(|m| (m.name.as_str(), m)).collect();
    let (mut seen, mut sorted) = (BTreeSet::new(), Vec::new());
    for member in members {
        visit(member, &by_name, &mut seen, &mut sorted);
    }
    sorted
}

/// All files below `dir` (relative to `root`, with `/`), sorted, skipping what is built or fetched.
pub fn files(root: &Path, dir: &str) -> Vec<String> {
    const SKIP: [&str; 8] = [
        ".git",
        "target",
        "node_modules",
        "dist",
        "data",
        ".sqlx",
        "corpus",
        "artifacts",
    ];
    let mut found = Vec::new();
    let Ok(entries) = fs::read_dir(root.join(dir)) else {
        return found;
    };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if dir.is_empty() {
            name.clone()
        } else {
            format!("{dir}/{name}")
        };
        match entry.file_type() {
            Ok(kind) if kind.is_dir() && !SKIP.contains(&name.as_str()) => found.extend(files(root, &path)),
            Ok(kind) if kind.is_file() => found.push(path),
            _ => {}
        }
    }
    found.sort();
    found
}
