//! Compiles every crate with query macros against the database and keeps what the macros recorded.

use super::database::Url;
use crate::process;
use crate::workspace::{self, Member, dependencies_first};
use anyhow::{Context as _, Result, bail};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

const MACROS: [&str; 6] = [
    "query!(",
    "query_as!(",
    "query_scalar!(",
    "query_unchecked!(",
    "query_file!(",
    "query_file_as!(",
];

/// Prepares the named packages, or all.
///
/// # Errors
/// When a crate does not compile, a package does not exist or, with `check`, committed data differs.
pub fn prepare(root: &Path, url: &Url, only: &[String], check: bool) -> Result<()> {
    let members = workspace::members(root)?;
    if let Some(unknown) = only.iter().find(|name| !members.iter().any(|m| m.name == **name)) {
        bail!("no package is called `{unknown}`");
    }
    let mut differences = Vec::new();
    // Dependencies first: a crate that is compiled on the way would record its queries in the wrong folder.
    for member in dependencies_first(&members) {
        let wanted = only.is_empty() || only.contains(&member.name);
        if !wanted || !uses_macros(root, member) {
            continue;
        }
        if !only.is_empty() {
            cargo_check(root, member, url, None)?;
        }
        let recorded = record(root, member, url)?;
        let committed = root.join(&member.path).join(".sqlx");
        if check {
            differences.extend(compare(member, &read_dir(&committed)?, &recorded));
        } else {
            store(&committed, &recorded)?;
            println!("{}: {} queries", member.path, recorded.len());
        }
    }
    if differences.is_empty() {
        return Ok(());
    }
    bail!(
        "offline query data is stale: run `cargo xtask sqlx` and commit\n  {}",
        differences.join("\n  ")
    )
}

/// Whether a source of the crate calls one of the macros.
pub fn uses_macros(root: &Path, member: &Member) -> bool {
    sources(root, member)
        .iter()
        .any(|path| fs::read_to_string(root.join(path)).is_ok_and(|text| MACROS.iter().any(|name| text.contains(name))))
}

/// The Rust files of the crate itself: a context's contract is another crate.
fn sources(root: &Path, member: &Member) -> Vec<String> {
    ["src", "tests", "benches", "examples"]
        .iter()
        .flat_map(|folder| workspace::files(root, &format!("{}/{folder}", member.path)))
        .filter(|path| path.ends_with(".rs"))
        .collect()
}

/// Compiles the crate with a new folder for the macros and returns its files by name.
fn record(root: &Path, member: &Member, url: &Url) -> Result<BTreeMap<String, Vec<u8>>> {
    let scratch = std::env::temp_dir().join(format!("mpanel-sqlx-{}-{}", std::process::id(), member.name));
    fs::create_dir(&scratch).with_context(|| format!("cannot create {}", scratch.display()))?;
    let touched = Touched::new(root, member)?;
    let checked = cargo_check(root, member, url, Some(&scratch));
    drop(touched);
    let recorded = checked.and_then(|()| read_dir(&scratch));
    fs::remove_dir_all(&scratch)?;
    without_others(root, member, recorded?)
}

/// Leaves out the queries of crates that were compiled along with this one, because their features were others than
/// before: they wrote into the same folder. A query that two crates share stays once it is committed in both.
fn without_others(
    root: &Path,
    member: &Member,
    mut recorded: BTreeMap<String, Vec<u8>>,
) -> Result<BTreeMap<String, Vec<u8>>> {
    let own = read_dir(&root.join(&member.path).join(".sqlx"))?;
    for other in workspace::members(root)?
        .iter()
        .filter(|other| other.path != member.path)
    {
        let theirs = read_dir(&root.join(&other.path).join(".sqlx"))?;
        recorded.retain(|name, _| own.contains_key(name) || !theirs.contains_key(name));
    }
    Ok(recorded)
}

fn cargo_check(root: &Path, member: &Member, url: &Url, record_in: Option<&Path>) -> Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .current_dir(root)
        .args(["check", "--quiet", "--all-targets", "--package", &member.name]);
    command
        .env("DATABASE_URL", url.text())
        .env("SQLX_OFFLINE", "false")
        .env_remove("SQLX_OFFLINE_DIR");
    if let Some(dir) = record_in {
        command.env("SQLX_OFFLINE_DIR", dir);
    }
    process::run(&mut command)
}

fn read_dir(dir: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut files = BTreeMap::new();
    if dir.is_dir() {
        for entry in fs::read_dir(dir)? {
            let entry = entry?;
            files.insert(
                entry.file_name().to_string_lossy().into_owned(),
                fs::read(entry.path())?,
            );
        }
    }
    Ok(files)
}

/// What differs between the committed query data of a crate and what was just recorded.
pub(super) fn compare(
    member: &Member,
    committed: &BTreeMap<String, Vec<u8>>,
    recorded: &BTreeMap<String, Vec<u8>>,
) -> Vec<String> {
    let mut found = Vec::new();
    for (name, bytes) in recorded {
        match committed.get(name) {
            None => found.push(format!("{}/.sqlx/{name} is missing", member.path)),
            Some(other) if other != bytes => found.push(format!("{}/.sqlx/{name} differs", member.path)),
            Some(_) => {}
        }
    }
    let stale = committed.keys().filter(|name| !recorded.contains_key(*name));
    found.extend(stale.map(|name| format!("{}/.sqlx/{name} belongs to no query", member.path)));
    found
}

fn store(dir: &Path, recorded: &BTreeMap<String, Vec<u8>>) -> Result<()> {
    let committed = read_dir(dir)?;
    fs::create_dir_all(dir)?;
    for name in committed.keys().filter(|name| !recorded.contains_key(*name)) {
        fs::remove_file(dir.join(name))?;
    }
    for (name, bytes) in recorded {
        if committed.get(name) != Some(bytes) {
            fs::write(dir.join(name), bytes)?;
        }
    }
    Ok(())
}

/// Source files made newer so that cargo compiles the crate again; their old times come back on drop, so
/// that nothing else is rebuilt later.
struct Touched(Vec<(PathBuf, SystemTime)>);

impl Touched {
    #[expect(
        clippy::disallowed_methods,
        reason = "file times are compared with the build's, not with our clock"
    )]
    fn new(root: &Path, member: &Member) -> Result<Self> {
        let mut touched = Self(Vec::new());
        for path in sources(root, member) {
            let path = root.join(path);
            let modified = fs::metadata(&path)?.modified()?;
            set_modified(&path, SystemTime::now())?;
            touched.0.push((path, modified));
        }
        Ok(touched)
    }
}

impl Drop for Touched {
    fn drop(&mut self) {
        for (path, modified) in &self.0 {
            let _ = set_modified(path, *modified);
        }
    }
}

fn set_modified(path: &Path, time: SystemTime) -> Result<()> {
    fs::File::options().append(true).open(path)?.set_modified(time)?;
    Ok(())
}
