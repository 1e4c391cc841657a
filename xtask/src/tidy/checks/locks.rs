//! PostgreSQL's advisory locks are numbers that a whole database shares: two uses of one number wait for each other.

use crate::tidy::Finding;
use crate::tidy::tree::{Tree, line_of};
use std::collections::{BTreeMap, BTreeSet};

/// Every number, with the crate whose it is and what is locked.
const LOCKS: &str = "xtask/advisory-locks.toml";
/// How the functions' names begin.
const CALLS: [&str; 2] = ["pg_advisory_", "pg_try_advisory_"];
/// What makes a number of a text; its second argument keeps the texts of different crates apart.
const HASH: &str = "hashtextextended(";

pub fn check(tree: &Tree) -> Vec<Finding> {
    let text = tree.text(LOCKS).unwrap_or_default();
    let listed: BTreeMap<String, String> = match text.parse::<toml::Table>() {
        Ok(table) => table
            .into_iter()
            .map(|(number, whose)| (number, whose.as_str().unwrap_or_default().to_owned()))
            .collect(),
        // Also when a number stands there twice.
        Err(error) => return vec![Finding::new(LOCKS, 0, error.to_string())],
    };
    let mut used = BTreeSet::new();
    let mut findings = Vec::new();
    for (path, text) in tree.with_extension(&["rs", "sql"]) {
        let Some(owner) = owner(path) else { continue };
        for (at, arguments) in calls(text) {
            let line = text[..at].matches('\n').count() + 1;
            let mut find = |message: String| findings.push(Finding::new(path, line, message));
            let Some(number) = number(arguments) else {
                find(format!(
                    "write the lock's number into the statement, so that it can be compared with {LOCKS}"
                ));
                continue;
            };
            match listed.get(&number).and_then(|whose| whose.split_once(": ")) {
                Some((whose, _)) if whose == owner => {}
                Some((whose, _)) => find(format!(
                    "the lock {number} is {whose}'s: take another one (see {LOCKS})"
                )),
                None => find(format!(
                    "list the lock in {LOCKS}: \"{number}\" = \"{owner}: what is locked\""
                )),
            }
            used.insert(number);
        }
    }
    for number in listed.keys().filter(|number| !used.contains(*number)) {
        let problem = format!("nothing takes the lock {number}: remove the entry");
        findings.push(Finding::new(LOCKS, line_of(text, &format!("\"{number}\"")), problem));
    }
    findings
}

/// The crate that a file belongs to, such as `contexts/sites`; `None` for what is no part of the product.
fn owner(path: &str) -> Option<String> {
    let (kind, rest) = path.split_once('/')?;
    let name = rest.split('/').next()?;
    ["app", "clients", "contexts", "engines", "lib"]
        .contains(&kind)
        .then(|| format!("{kind}/{name}"))
}

/// Where the functions are called, each with what stands between its parentheses.
fn calls(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    for (at, _) in CALLS.iter().flat_map(|name| text.match_indices(name)) {
        let rest = &text[at..];
        let name = rest
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .unwrap_or(rest.len());
        if rest[name..].starts_with('(')
            && let Some(arguments) = inside(&rest[name + 1..])
        {
            found.push((at, arguments));
        }
    }
    found
}

/// Up to the parenthesis that closes.
fn inside(text: &str) -> Option<&str> {
    let mut open = 1;
    let end = text.find(|c| {
        open += i32::from(c == '(') - i32::from(c == ')');
        open == 0
    })?;
    Some(&text[..end])
}

/// As it stands in the list: `3, 1`, `21`, or `text 7` for the texts that are hashed with 7.
fn number(arguments: &str) -> Option<String> {
    let plain = |text: &str| text.trim().parse::<i64>().ok();
    if let Some(hashed) = arguments.trim().strip_prefix(HASH) {
        let (_, seed) = inside(hashed)?.rsplit_once(',')?;
        return Some(format!("text {}", plain(seed)?));
    }
    match arguments.split_once(',') {
        Some((space, number)) => Some(format!("{}, {}", plain(space)?, plain(number)?)),
        None => Some(plain(arguments)?.to_string()),
    }
}
