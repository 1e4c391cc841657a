//! Licences of what is inside: only allowed ones, and their texts in one file.

use super::components::{Component, Origin};
use anyhow::{Context as _, Result, bail};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// The allowed licences of deny.toml, which `make audit` reads too.
pub fn allowed(root: &Path) -> Result<BTreeSet<String>> {
    let deny = crate::workspace::read_toml(&root.join("deny.toml"))?;
    let list = deny.get("licenses").and_then(|l| l.get("allow")?.as_array());
    let names = list.context("deny.toml has no [licenses] allow")?.iter();
    Ok(names.filter_map(|name| Some(name.as_str()?.to_owned())).collect())
}

/// Refuses what no allowed licence covers.
pub fn refuse_others(components: &[Component], allowed: &BTreeSet<String>) -> Result<()> {
    let refused: Vec<String> = components
        .iter()
        .filter(|component| !is_allowed(&component.licence, allowed))
        .map(|component| format!("{} {}: {}", component.name, component.version, component.licence))
        .collect();
    if !refused.is_empty() {
        bail!("licences that deny.toml does not allow:\n  {}", refused.join("\n  "));
    }
    Ok(())
}

/// Whether an SPDX expression can be satisfied by allowed licences alone. `AND` binds closer than `OR`, and `WITH` closer than both
/// (SPDX 2.3, annex D).
pub fn is_allowed(expression: &str, allowed: &BTreeSet<String>) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ");
    let tokens: Vec<&str> = spaced.split_ascii_whitespace().collect();
    let mut rest = tokens.as_slice();
    let satisfied = any(&mut rest, allowed);
    satisfied == Some(true) && rest.is_empty()
}

/// `a OR b`; `None` when it is no expression.
fn any(rest: &mut &[&str], allowed: &BTreeSet<String>) -> Option<bool> {
    let mut satisfied = both(rest, allowed)?;
    while let ["OR", after @ ..] = *rest {
        *rest = after;
        satisfied |= both(rest, allowed)?;
    }
    Some(satisfied)
}

fn both(rest: &mut &[&str], allowed: &BTreeSet<String>) -> Option<bool> {
    let mut satisfied = one(rest, allowed)?;
    while let ["AND", after @ ..] = *rest {
        *rest = after;
        satisfied &= one(rest, allowed)?;
    }
    Some(satisfied)
}

fn one(rest: &mut &[&str], allowed: &BTreeSet<String>) -> Option<bool> {
    match *rest {
        ["(", inner @ ..] => {
            *rest = inner;
            let satisfied = any(rest, allowed)?;
            let [")", after @ ..] = *rest else { return None };
            *rest = after;
            Some(satisfied)
        }
        [name, "WITH", exception, after @ ..] => {
            *rest = after;
            Some(allowed.contains(&format!("{name} WITH {exception}")))
        }
        ["OR" | "AND" | "WITH" | ")", ..] | [] => None,
        [name, after @ ..] => {
            *rest = after;
            Some(allowed.contains(*name))
        }
    }
}

/// All texts, each once, above it whose it is.
pub fn texts(components: &[Component]) -> Result<String> {
    let mut users: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut without = Vec::new();
    for component in components.iter().filter(|component| component.origin != Origin::Own) {
        let label = format!("{} {} ({})", component.name, component.version, component.licence);
        let found = files(&component.folder)?;
        if found.is_empty() {
            without.push(label);
            continue;
        }
        for text in found {
            users.entry(text).or_default().push(label.clone());
        }
    }
    let mut blocks: Vec<(Vec<String>, String)> = users.into_iter().map(|(text, users)| (users, text)).collect();
    blocks.sort();
    let mut all = String::from(
        "The programs of mPanel hold the libraries below. Each is under the licence named in parentheses; the text follows\n\
         as its authors ship it.\n",
    );
    for (users, text) in blocks {
        write!(all, "\n{}\n\n", "=".repeat(78))?;
        for user in users {
            writeln!(all, "{user}")?;
        }
        write!(all, "\n{}\n", text.trim_end())?;
    }
    if !without.is_empty() {
        write!(
            all,
            "\n{}\n\nShipped by their authors without a text of the licence that they name:\n\n",
            "=".repeat(78)
        )?;
        for label in without {
            writeln!(all, "{label}")?;
        }
    }
    Ok(all)
}

/// The texts of licences and notices in a folder, in the order of their files' names.
fn files(folder: &Path) -> Result<Vec<String>> {
    const BEGINNINGS: [&str; 5] = ["LICENSE", "LICENCE", "COPYING", "NOTICE", "UNLICENSE"];
    let entries = fs::read_dir(folder).with_context(|| format!("{} is not there: build first", folder.display()))?;
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .to_ascii_uppercase();
        if path.is_file() && BEGINNINGS.iter().any(|beginning| name.starts_with(beginning)) {
            paths.push(path);
        }
    }
    paths.sort();
    let read = |path| Ok(String::from_utf8_lossy(&fs::read(path)?).replace("\r\n", "\n"));
    paths.iter().map(read).collect()
}
