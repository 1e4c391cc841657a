//! `docs/security/asvs.md` names every requirement of level 1 that it promises, and tests that exist.

use std::collections::BTreeSet;

use crate::tidy::Finding;
use crate::tidy::tree::Tree;

const TABLE: &str = "docs/security/asvs.md";

/// Level 1 of ASVS 5.0.0: sections 3.3 and 3.5, chapters 6, 7 and 8, and what else bears on them.
const LEVEL_1: [&str; 30] = [
    "3.3.1", "3.4.1", "3.4.2", "3.5.1", "3.5.2", "3.5.3", "6.1.1", "6.2.1", "6.2.2", "6.2.3", "6.2.4", "6.2.5",
    "6.2.6", "6.2.7", "6.2.8", "6.3.1", "6.3.2", "6.4.1", "6.4.2", "7.2.1", "7.2.2", "7.2.3", "7.2.4", "7.4.1",
    "7.4.2", "8.1.1", "8.2.1", "8.2.2", "8.3.1", "12.2.1",
];

pub fn check(tree: &Tree) -> Vec<Finding> {
    let Some(text) = tree.text(TABLE) else {
        return Vec::new();
    };
    let mut findings = Vec::new();
    let mut seen = BTreeSet::new();
    for (index, line) in text.lines().enumerate() {
        let Some([ids, _, shown]) = row(line) else { continue };
        let numbers: Vec<&str> = ids.split(',').map(str::trim).collect();
        if !numbers.iter().all(|number| is_number(number)) {
            continue;
        }
        seen.extend(numbers);
        let names: Vec<&str> = shown
            .split('`')
            .skip(1)
            .step_by(2)
            .filter(|name| is_test(name))
            .collect();
        if names.is_empty() && !shown.contains("](") {
            findings.push(Finding::new(
                TABLE,
                index + 1,
                format!("{ids}: name a test, or link to where it is written down"),
            ));
        }
        for name in names.into_iter().filter(|name| !exists(tree, name)) {
            findings.push(Finding::new(TABLE, index + 1, format!("there is no test `{name}`")));
        }
    }
    let missing = LEVEL_1.iter().filter(|number| !seen.contains(**number));
    findings
        .extend(missing.map(|number| Finding::new(TABLE, 0, format!("{number} is of level 1 and not in the table"))));
    findings
}

fn row(line: &str) -> Option<[&str; 3]> {
    let inner = line.strip_prefix('|')?.strip_suffix('|')?;
    let cells: Vec<&str> = inner.split('|').map(str::trim).collect();
    cells.try_into().ok()
}

fn is_number(text: &str) -> bool {
    let parts: Vec<&str> = text.split('.').collect();
    parts.len() == 3 && parts.iter().all(|part| part.parse::<u8>().is_ok())
}

/// Names of settings and header fields stand in backquotes as well.
fn is_test(name: &str) -> bool {
    name.contains('_')
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

fn exists(tree: &Tree, name: &str) -> bool {
    let (function, title) = (format!("fn {name}("), format!("'{name}'"));
    tree.with_extension(&["rs"]).any(|(_, text)| text.contains(&function))
        || tree
            .with_extension(&["ts", "tsx"])
            .any(|(path, text)| path.contains(".test.") && text.contains(&title))
}
