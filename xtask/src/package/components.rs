//! What is inside the programs: crates as cargo resolves them, and packages of the web interface as npm locked them.

use crate::process;
use anyhow::{Context as _, Result};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The crates of the two programs.
const PROGRAMS: [&str; 2] = ["mpanel", "mpanel-agent"];

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// This workspace.
    Own,
    Crate,
    Npm,
}

/// One library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Component {
    pub origin: Origin,
    pub name: String,
    pub version: String,
    /// SPDX expression; empty when there is none.
    pub licence: String,
    pub repository: Option<String>,
    /// `SHA-256` or `SHA-512`, and the digest in hexadecimal.
    pub hash: Option<(&'static str, String)>,
    /// Where its files are, with the texts of its licences.
    pub folder: PathBuf,
    /// References of those it is built with.
    pub needs: BTreeSet<String>,
}

impl Component {
    /// Unique among all: a package URL, or for our own crates their name.
    pub fn reference(&self) -> String {
        match self.origin {
            Origin::Own => format!("{}@{}", self.name, self.version),
            Origin::Crate => format!("pkg:cargo/{}@{}", self.name, self.version),
            // A scope's sign is encoded: https://github.com/package-url/purl-spec
            Origin::Npm => format!("pkg:npm/{}@{}", self.name.replace('@', "%40"), self.version),
        }
    }
}

/// Everything, sorted by reference.
pub fn all(root: &Path) -> Result<Vec<Component>> {
    let mut metadata = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    metadata.current_dir(root).args([
        "metadata",
        "--locked",
        "--format-version=1",
        "--filter-platform",
        &target()?,
    ]);
    let metadata: Value = serde_json::from_str(&process::output(&mut metadata)?)?;
    let locked: toml::Table = crate::workspace::read_toml(&root.join("Cargo.lock"))?;
    let mut components = crates(&metadata, &locked)?;
    let lock = std::fs::read_to_string(root.join("web/package-lock.json")).context("web/package-lock.json")?;
    components.extend(npm(&serde_json::from_str(&lock)?, &root.join("web")));
    components.sort_by_key(Component::reference);
    Ok(components)
}

/// What is built for here, such as `x86_64-unknown-linux-gnu`: other platforms' crates are not in the programs.
fn target() -> Result<String> {
    let version = process::output(Command::new("rustc").arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("rustc does not say its host")?.to_owned())
}

/// The crates that end up in the programs: without those of tests and build scripts.
pub fn crates(metadata: &Value, locked: &toml::Table) -> Result<Vec<Component>> {
    let checksums = checksums(locked);
    let mut packages: BTreeMap<&str, Component> = BTreeMap::new();
    for package in list(metadata, "/packages") {
        let text = |key: &str| package.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (name, version) = (text("name"), text("version"));
        let own = package.get("source").is_none_or(Value::is_null);
        let hash = checksums.get(&(name.clone(), version.clone())).cloned();
        let component = Component {
            origin: if own { Origin::Own } else { Origin::Crate },
            // The older way to write a choice.
            licence: text("license")
                .split('/')
                .map(str::trim)
                .collect::<Vec<_>>()
                .join(" OR "),
            repository: package.get("repository").and_then(Value::as_str).map(str::to_owned),
            hash: hash.map(|hash| ("SHA-256", hash)),
            folder: Path::new(&text("manifest_path"))
                .parent()
                .unwrap_or(Path::new(""))
                .to_owned(),
            needs: BTreeSet::new(),
            name,
            version,
        };
        packages.insert(
            package
                .get("id")
                .and_then(Value::as_str)
                .context("a package without id")?,
            component,
        );
    }
    let mut edges: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for node in list(metadata, "/resolve/nodes") {
        let id = node.get("id").and_then(Value::as_str).unwrap_or_default();
        let normal = |dependency: &&Value| {
            let kinds = list(dependency, "/dep_kinds");
            kinds.iter().any(|kind| kind.get("kind").is_none_or(Value::is_null))
        };
        let needs = list(node, "/deps").iter().filter(normal);
        edges.insert(
            id,
            needs.filter_map(|dependency| dependency.get("pkg")?.as_str()).collect(),
        );
    }
    let is_program =
        |component: &Component| component.origin == Origin::Own && PROGRAMS.contains(&component.name.as_str());
    let mut waiting: Vec<&str> = packages
        .iter()
        .filter(|(_, c)| is_program(c))
        .map(|(id, _)| *id)
        .collect();
    let mut reached = BTreeSet::new();
    while let Some(id) = waiting.pop() {
        if reached.insert(id) {
            waiting.extend(edges.get(id).into_iter().flatten());
        }
    }
    let with_needs = |id: &&str| {
        let mut component = packages.get(id)?.clone();
        let needs = edges
            .get(id)
            .into_iter()
            .flatten()
            .filter_map(|need| packages.get(need));
        component.needs = needs.map(Component::reference).collect();
        Some(component)
    };
    Ok(reached.iter().filter_map(with_needs).collect())
}

fn checksums(locked: &toml::Table) -> BTreeMap<(String, String), String> {
    let packages = locked.get("package").and_then(toml::Value::as_array);
    let one = |package: &toml::Value| {
        let text = |key: &str| Some(package.get(key)?.as_str()?.to_owned());
        Some(((text("name")?, text("version")?), text("checksum")?))
    };
    packages.into_iter().flatten().filter_map(one).collect()
}

/// The packages that the browser gets: without those of tests and of the build.
pub fn npm(lock: &Value, web: &Path) -> Vec<Component> {
    let empty = serde_json::Map::new();
    let packages = lock.pointer("/packages").and_then(Value::as_object).unwrap_or(&empty);
    let shipped = |package: &Value| {
        !["dev", "devOptional", "optional"]
            .iter()
            .any(|key| package.get(key).is_some())
    };
    let one = |(path, package): (&String, &Value)| {
        let name = path.rsplit_once("node_modules/")?.1.to_owned();
        let text = |key: &str| Some(package.get(key)?.as_str()?.to_owned());
        let sha512 = text("integrity").and_then(|integrity| base64(integrity.strip_prefix("sha512-")?));
        Some(Component {
            origin: Origin::Npm,
            name,
            version: text("version")?,
            licence: text("license").unwrap_or_default(),
            repository: None,
            hash: sha512.map(|bytes| ("SHA-512", hex(&bytes))),
            folder: web.join(path),
            needs: needs(package, packages, path),
        })
    };
    let found = packages.iter().filter(|(_, package)| shipped(package));
    found.filter_map(one).collect()
}

/// Where npm would find each dependency: below the package, else beside it, else above.
fn needs(package: &Value, packages: &serde_json::Map<String, Value>, path: &str) -> BTreeSet<String> {
    let names = package.get("dependencies").and_then(Value::as_object);
    let resolve = |name: &String| {
        let mut above = Some(path);
        while let Some(folder) = above {
            let place = if folder.is_empty() {
                format!("node_modules/{name}")
            } else {
                format!("{folder}/node_modules/{name}")
            };
            if let Some(found) = packages.get(&place) {
                let version = found.get("version")?.as_str()?;
                return Some(format!("pkg:npm/{}@{version}", name.replace('@', "%40")));
            }
            above = (!folder.is_empty()).then(|| folder.rsplit_once("/node_modules/").map_or("", |(up, _)| up));
        }
        None
    };
    names
        .into_iter()
        .flat_map(|names| names.keys())
        .filter_map(resolve)
        .collect()
}

fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value
        .pointer(pointer)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// Standard alphabet with padding (RFC 4648 §4).
pub fn base64(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let (mut bits, mut count) = (0u32, 0);
    for byte in text.bytes().take_while(|byte| *byte != b'=') {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = (bits << 6) | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from((bits >> count) & 0xff).ok()?);
        }
    }
    Some(bytes)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
