//! Documents: READMEs of contexts and engines, links, decision records.

use crate::tidy::Finding;
use crate::tidy::tree::Tree;
use std::collections::BTreeSet;

const SHORTEST: usize = 10;
const LONGEST: usize = 30;
/// What the README of a context speaks of: a heading, or a line that starts with the word.
const CONTEXT_SAYS: [&str; 4] = ["purpose", "invariants", "tables", "events"];
const CONTEXT_RUNS: [&str; 2] = ["jobs", "reconcilers"];

pub fn readme(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for member in tree.members() {
        let context = member.path.starts_with("contexts/") && !member.path.ends_with("/contract");
        if !context && !member.path.starts_with("engines/") {
            continue;
        }
        let path = format!("{}/README.md", member.path);
        let Some(text) = tree.text(&path) else {
            findings.push(Finding::new(
                &path,
                0,
                format!("write {SHORTEST} to {LONGEST} lines about {}", member.path),
            ));
            continue;
        };
        let lines = text.lines().count();
        if !(SHORTEST..=LONGEST).contains(&lines) {
            findings.push(Finding::new(
                &path,
                0,
                format!("{lines} lines: say it in {SHORTEST} to {LONGEST}"),
            ));
        }
        if !context {
            continue;
        }
        for topic in CONTEXT_SAYS {
            if !speaks_of(text, &[topic]) {
                findings.push(Finding::new(
                    &path,
                    0,
                    format!("no line or heading starts with `{topic}`"),
                ));
            }
        }
        if !speaks_of(text, &CONTEXT_RUNS) {
            findings.push(Finding::new(
                &path,
                0,
                "no line or heading starts with `jobs` or `reconcilers`",
            ));
        }
    }
    findings
}

fn speaks_of(text: &str, topics: &[&str]) -> bool {
    text.lines().any(|line| {
        let line = line.trim_start_matches(['#', '*', '-', ' ', '_']).to_lowercase();
        topics.iter().any(|topic| line.starts_with(topic))
    })
}

pub fn links(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.with_extension(&["md"]) {
        for (line, target) in targets(text) {
            let elsewhere = target.contains("://") || target.starts_with("mailto:") || target.starts_with('#');
            let file = target.split(['#', '?']).next().unwrap_or_default();
            if elsewhere || file.is_empty() {
                continue;
            }
            match resolve(path, file) {
                Some(found) if tree.exists(&found) => {}
                _ => findings.push(Finding::new(
                    path,
                    line,
                    format!("the link to `{target}` leads nowhere"),
                )),
            }
        }
    }
    findings
}

/// The targets of `[text](target)` outside code, with their lines.
fn targets(text: &str) -> Vec<(usize, String)> {
    let (mut found, mut fenced) = (Vec::new(), false);
    for (index, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
            continue;
        }
        if fenced {
            continue;
        }
        // Every other piece between back-ticks is code.
        let prose: String = line.split('`').step_by(2).collect::<Vec<_>>().join("`");
        for (at, _) in prose.match_indices("](") {
            if let Some((target, _)) = prose[at + 2..].split_once(')') {
                let target = target.split_whitespace().next().unwrap_or_default();
                found.push((index + 1, target.trim_matches(['<', '>']).to_owned()));
            }
        }
    }
    found
}

/// A path relative to the file it stands in, or nothing when it leaves the repository.
fn resolve(from: &str, target: &str) -> Option<String> {
    let mut segments: Vec<&str> = match target.starts_with('/') {
        true => Vec::new(),
        false => from.split('/').collect(),
    };
    segments.pop();
    for segment in target
        .split('/')
        .filter(|segment| !segment.is_empty() && *segment != ".")
    {
        if segment == ".." {
            segments.pop()?;
        } else {
            segments.push(segment);
        }
    }
    Some(segments.join("/"))
}

pub fn adr(tree: &Tree) -> Vec<Finding> {
    let (mut findings, mut numbers) = (Vec::new(), BTreeSet::new());
    for (path, text) in tree
        .with_extension(&["md"])
        .filter(|(path, _)| path.starts_with("docs/adr/"))
    {
        let name = path.trim_start_matches("docs/adr/");
        let number = name.split_once('-').map_or("", |(number, _)| number);
        if number.len() != 4 || !number.chars().all(|c| c.is_ascii_digit()) {
            findings.push(Finding::new(
                path,
                0,
                "a decision record is called NNNN-what-was-decided.md",
            ));
            continue;
        }
        if !numbers.insert(number.to_owned()) {
            findings.push(Finding::new(path, 0, format!("number {number} is taken")));
        }
        if !text.starts_with(&format!("# {number}. ")) {
            findings.push(Finding::new(
                path,
                1,
                format!("start with `# {number}. <what was decided>`"),
            ));
        }
    }
    for (expected, number) in (1..).zip(&numbers) {
        if number.parse() != Ok(expected) {
            findings.push(Finding::new(
                "docs/adr",
                0,
                format!("{expected:04} is missing before {number}"),
            ));
            break;
        }
    }
    findings
}
