//! Typed ids: a raw `Uuid` in a public signature can be any id.

use crate::tidy::Finding;
use crate::tidy::rust;
use crate::tidy::tree::Tree;

pub fn raw_uuid(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.with_extension(&["rs"]) {
        if path.starts_with("lib/kernel/") || path.contains("/store/") || path.ends_with("/store.rs") {
            continue;
        }
        let code = rust::read(text).code;
        for (at, signature) in public_signatures(&code) {
            if !rust::lines_with_word(signature, "Uuid").is_empty() {
                let line = code[..at].matches('\n').count() + 1;
                findings.push(Finding::new(
                    path,
                    line,
                    "a public function takes or returns `Uuid`: use an id of define_ids!",
                ));
            }
        }
    }
    findings
}

/// Every `pub fn …` up to its body, with its offset.
fn public_signatures(code: &str) -> Vec<(usize, &str)> {
    ["pub fn ", "pub async fn ", "pub const fn "]
        .iter()
        .flat_map(|start| code.match_indices(start))
        .map(|(at, _)| {
            let end = code[at..].find(['{', ';']).map_or(code.len(), |length| at + length);
            (at, &code[at..end])
        })
        .collect()
}
