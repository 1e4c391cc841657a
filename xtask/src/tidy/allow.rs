//! `xtask/allow.toml`: the exceptions, each with a reason.
//!
//! ```toml
//! [[shell]]
//! path = "xtask/src/queries/server.rs"
//! contains = "\"-c\""           # optional: part of the offending line's message
//! reason = "an option of postgres, not of a shell"
//! ```

use super::{Finding, tree::Tree};

const FILE: &str = "xtask/allow.toml";

#[derive(Debug)]
struct Entry {
    path: String,
    contains: String,
    reason: String,
}

/// The exceptions of one check.
#[derive(Debug)]
pub struct Allowed {
    check: &'static str,
    entries: Vec<Entry>,
}

impl Allowed {
    /// Reads the entries of a check.
    pub fn read(tree: &Tree, check: &'static str) -> Self {
        let table: toml::Table = tree.text(FILE).and_then(|text| text.parse().ok()).unwrap_or_default();
        let entries = table
            .get(check)
            .and_then(toml::Value::as_array)
            .map_or(&[][..], Vec::as_slice);
        let text = |entry: &toml::Value, key: &str| {
            entry
                .get(key)
                .and_then(toml::Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let entries = entries
            .iter()
            .map(|entry| Entry {
                path: text(entry, "path"),
                contains: text(entry, "contains"),
                reason: text(entry, "reason"),
            })
            .collect();
        Self { check, entries }
    }

    /// Sections of the file that no check reads, or that cannot be read.
    pub fn unread(tree: &Tree, checks: &[&str]) -> Vec<Finding> {
        let Some(text) = tree.text(FILE) else { return Vec::new() };
        let table: toml::Table = match text.parse() {
            Ok(table) => table,
            Err(error) => return vec![Finding::new(FILE, 0, format!("it cannot be read: {error}"))],
        };
        let unknown = table.keys().filter(|name| !checks.contains(&name.as_str()));
        unknown
            .map(|name| {
                let message = format!("no check is called `{name}`, so that [[{name}]] excuses nothing: remove it");
                Finding::new(FILE, 0, message)
            })
            .collect()
    }

    /// Drops excused findings; an entry without a reason or without use becomes a finding.
    pub fn apply(&self, findings: Vec<Finding>) -> Vec<Finding> {
        let mut used = vec![false; self.entries.len()];
        let mut left = Vec::new();
        for finding in findings {
            let excuse = self
                .entries
                .iter()
                .position(|entry| entry.path == finding.path && finding.message.contains(&entry.contains));
            match excuse {
                Some(index) => used[index] = true,
                None => left.push(finding),
            }
        }
        for (entry, used) in self.entries.iter().zip(used) {
            let what = format!("[[{}]] {} {}", self.check, entry.path, entry.contains);
            if !used {
                left.push(Finding::new(
                    FILE,
                    0,
                    format!("{} excuses nothing any more: remove it", what.trim_end()),
                ));
            }
            if entry.reason.len() < 10 {
                left.push(Finding::new(FILE, 0, format!("{} needs a reason", what.trim_end())));
            }
        }
        left
    }
}
