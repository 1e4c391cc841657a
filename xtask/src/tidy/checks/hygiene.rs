//! What must not be in a tracked file.

use crate::tidy::Finding;
use crate::tidy::rust;
use crate::tidy::tree::Tree;

/// Folders of a developer's machine. Taken apart, so that this file does not find itself.
const MACHINE_PATHS: [&str; 3] = [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/")];
/// Home folders that examples may name.
const EXAMPLE_HOMES: [&str; 2] = ["user/", "$"];
/// A build goes through whatever registry its machine is set up for.
const REGISTRIES: [&str; 6] = [
    concat!("registry.npm", "js.org"),
    concat!("registry.yarn", "pkg.com"),
    concat!("index.crates", ".io"),
    concat!("static.crates", ".io"),
    concat!("\"resolved\": \"", "http"),
    concat!("[sour", "ce."),
];
/// The canonical name of crates.io, which every Cargo.lock carries whatever mirror was used.
const CANONICAL: &str = "registry+https://github.com/rust-lang/crates.io-index";

pub fn machine_paths(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.files() {
        for (index, line) in text.lines().enumerate() {
            for needle in MACHINE_PATHS {
                let named = line.match_indices(needle).any(|(at, _)| {
                    let before = line[..at].chars().next_back();
                    let starts = !before.is_some_and(|c| c.is_alphanumeric() || "._-/}@*<>".contains(c));
                    let rest = &line[at + needle.len()..];
                    starts && !EXAMPLE_HOMES.iter().any(|example| rest.starts_with(example))
                });
                if named {
                    let message =
                        format!("`{needle}` is a path of one machine: take it from the environment or a relative path");
                    findings.push(Finding::new(path, index + 1, message));
                }
            }
        }
    }
    findings
}

pub fn registries(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.files() {
        for (index, line) in text.lines().enumerate() {
            for needle in REGISTRIES.iter().filter(|needle| line.contains(**needle)) {
                findings.push(Finding::new(
                    path,
                    index + 1,
                    format!("`{needle}` ties the build to one host: remove it"),
                ));
            }
            if path == "Cargo.lock" && line.starts_with("source = ") && !line.contains(CANONICAL) {
                findings.push(Finding::new(
                    path,
                    index + 1,
                    "a dependency comes from elsewhere than crates.io",
                ));
            }
        }
    }
    findings
}

pub fn unfinished(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.with_extension(&["rs"]) {
        for (index, line) in rust::read(text).code.lines().enumerate() {
            for call in ["todo!", "unimplemented!", "dbg!"] {
                if !rust::lines_with_word(line, call.trim_end_matches('!')).is_empty() && line.contains(call) {
                    findings.push(Finding::new(
                        path,
                        index + 1,
                        format!("`{call}` is not finished: write it or leave it out"),
                    ));
                }
            }
        }
    }
    findings
}
