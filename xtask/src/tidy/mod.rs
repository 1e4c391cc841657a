//! `cargo xtask tidy`: the invariants of ARCHITECTURE.md as checks over the text of the repository.
//!
//! Every check is a function from the [`Tree`] to findings, has a test with a tree that is right and one that
//! is wrong, and says what to do. Exceptions are entries with a reason in `xtask/allow.toml`; an entry
//! that no longer excuses anything is a finding itself, so the lists only shrink.

use anyhow::{Result, bail};
use std::path::Path;

mod allow;
mod checks;
mod rust;
pub mod sql;
mod tree;

use allow::Allowed;
use tree::Tree;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Printed, does not fail.
    Warning,
    /// Fails the run.
    Error,
}

/// Something that breaks an invariant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The file, relative to the root.
    pub path: String,
    /// The line from 1, or 0 for the file as a whole.
    pub line: usize,
    /// What is wrong and what to do.
    pub message: String,
    /// Whether it fails the run.
    pub level: Level,
}

impl Finding {
    fn new(path: &str, line: usize, message: impl Into<String>) -> Self {
        Self {
            path: path.to_owned(),
            line,
            message: message.into(),
            level: Level::Error,
        }
    }

    fn warning(path: &str, line: usize, message: impl Into<String>) -> Self {
        Self {
            level: Level::Warning,
            ..Self::new(path, line, message)
        }
    }
}

/// A named invariant.
struct Check {
    name: &'static str,
    what: &'static str,
    run: fn(&Tree) -> Vec<Finding>,
}

/// `cargo xtask tidy [--list] [CHECK…]`
///
/// # Errors
/// When an invariant is broken or a check's name is unknown.
pub fn run(root: &Path, args: &[String]) -> Result<()> {
    if args.iter().any(|arg| arg == "--list") {
        for check in checks::ALL {
            println!("{:<16} {}", check.name, check.what);
        }
        return Ok(());
    }
    if let Some(unknown) = args
        .iter()
        .find(|arg| !checks::ALL.iter().any(|check| check.name == **arg))
    {
        bail!("no check is called `{unknown}`: see `cargo xtask tidy --list`");
    }
    let tree = Tree::load(root)?;
    let unread = Allowed::unread(&tree, &names());
    let mut errors = unread.len();
    for finding in unread {
        eprintln!("error[allow] {}: {}", finding.path, finding.message);
    }
    for check in checks::ALL
        .iter()
        .filter(|check| args.is_empty() || args.iter().any(|arg| arg == check.name))
    {
        for finding in findings(check, &tree) {
            let label = match finding.level {
                Level::Warning => "warning",
                Level::Error => "error",
            };
            errors += usize::from(finding.level == Level::Error);
            eprintln!(
                "{label}[{}] {}:{}: {}",
                check.name, finding.path, finding.line, finding.message
            );
        }
    }
    match errors {
        0 => Ok(()),
        1 => bail!("1 invariant is broken"),
        n => bail!("{n} invariants are broken"),
    }
}

fn names() -> Vec<&'static str> {
    checks::ALL.iter().map(|check| check.name).collect()
}

/// What a check finds after the allow-list, plus the entries of the list that excuse nothing.
fn findings(check: &Check, tree: &Tree) -> Vec<Finding> {
    Allowed::read(tree, check.name).apply((check.run)(tree))
}

/// Everything that all checks find in a tree of these files.
#[cfg(test)]
pub fn all_findings(files: &[(&str, &str)]) -> Vec<String> {
    let tree = Tree::of(files);
    let all = checks::ALL.iter().flat_map(|check| findings(check, &tree));
    all.chain(Allowed::unread(&tree, &names()))
        .map(|finding| format!("{}:{}: {}", finding.path, finding.line, finding.message))
        .collect()
}

#[cfg(test)]
mod tests;
