//! Invariant 3: every dependency's version and features stand once, in the root manifest.

use crate::tidy::Finding;
use crate::tidy::tree::{Tree, line_of};
use std::collections::BTreeSet;

/// What a member may say about a dependency of the workspace.
const MEMBER_MAY_SAY: [&str; 2] = ["workspace", "optional"];
/// What every member takes over from the root.
const INHERITED: [&str; 5] = ["version", "edition", "rust-version", "license", "publish"];

pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut used = BTreeSet::new();
    for member in tree.members() {
        let path = format!("{}/Cargo.toml", member.path);
        let text = tree.text(&path).unwrap_or_default();
        for (_, dependencies) in member.dependency_tables() {
            for (name, value) in dependencies {
                used.insert(name.clone());
                let from_root = value.get("workspace").and_then(toml::Value::as_bool) == Some(true);
                // Features of our own crates are choices of their users, such as the half that only tests need.
                let ours = tree.member(name).is_some();
                let extra = value.as_table().and_then(|t| {
                    t.keys()
                        .find(|key| !(MEMBER_MAY_SAY.contains(&key.as_str()) || ours && key.as_str() == "features"))
                });
                let problem = match (from_root, extra) {
                    (false, _) => {
                        format!("write `{name}.workspace = true`; version and features go to the root Cargo.toml")
                    }
                    (true, Some(key)) => {
                        format!("`{key}` of {name} goes to [workspace.dependencies] in the root Cargo.toml")
                    }
                    (true, None) => continue,
                };
                findings.push(Finding::new(&path, line_of(text, name), problem));
            }
        }
        let package = member.manifest.get("package").and_then(toml::Value::as_table);
        for key in INHERITED {
            let inherited = package
                .and_then(|p| p.get(key))
                .and_then(|v| v.get("workspace"))
                .is_some();
            if !inherited {
                findings.push(Finding::new(
                    &path,
                    0,
                    format!("write `{key}.workspace = true` under [package]"),
                ));
            }
        }
        if member.manifest.get("lints").and_then(|l| l.get("workspace")).is_none() {
            findings.push(Finding::new(&path, 0, "write `[lints]` with `workspace = true`"));
        }
    }
    findings.extend(unused(tree, &used));
    findings
}

/// Entries of the root that no member uses any more.
fn unused(tree: &Tree, used: &BTreeSet<String>) -> Vec<Finding> {
    let root = tree.root_manifest();
    let text = tree.text("Cargo.toml").unwrap_or_default();
    let dependencies = root
        .get("workspace")
        .and_then(|w| w.get("dependencies"))
        .and_then(toml::Value::as_table);
    dependencies
        .into_iter()
        .flat_map(toml::Table::keys)
        .filter(|name| !used.contains(*name))
        .map(|name| {
            let line = text
                .lines()
                .position(|l| l.split('=').next().is_some_and(|key| key.trim() == name));
            Finding::new(
                "Cargo.toml",
                line.map_or(0, |l| l + 1),
                format!("no member uses {name}: remove it"),
            )
        })
        .collect()
}
