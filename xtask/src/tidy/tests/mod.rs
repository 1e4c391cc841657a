//! Every check with a tree that is right and one that is wrong.

use super::tree::Tree;
use super::{Finding, Level, checks, findings};

mod code;
mod crates;
mod documents;
mod lexing;
mod locks;
mod tables;

/// What the check called so finds in a tree of these files.
fn run(check: &str, files: &[(&str, &str)]) -> Vec<Finding> {
    let check = checks::ALL.iter().find(|c| c.name == check).expect("the check exists");
    findings(check, &Tree::of(files))
}

/// Expects no finding at all.
fn clean(check: &str, files: &[(&str, &str)]) {
    assert_eq!(run(check, files), [], "{check} finds something in a tree that is right");
}

/// Expects exactly one error, at this place and with this text.
fn dirty(check: &str, files: &[(&str, &str)], path: &str, line: usize, message: &str) {
    let found = run(check, files);
    let [finding] = found.as_slice() else {
        panic!("{check} finds {found:#?}")
    };
    assert_eq!(
        (finding.path.as_str(), finding.line, finding.level),
        (path, line, Level::Error),
        "{finding:?}"
    );
    assert!(
        finding.message.contains(message),
        "`{}` does not contain `{message}`",
        finding.message
    );
}

/// A manifest that inherits everything, with these lines under `[dependencies]`.
fn manifest(name: &str, dependencies: &[&str]) -> String {
    let mut text = format!("[package]\nname = \"{name}\"\n");
    for key in ["version", "edition", "rust-version", "license", "publish"] {
        text.push_str(&format!("{key}.workspace = true\n"));
    }
    text.push_str("[lints]\nworkspace = true\n[dependencies]\n");
    for dependency in dependencies {
        text.push_str(&format!("{dependency}.workspace = true\n"));
    }
    text
}

#[test]
fn names_of_checks_are_unique() {
    let mut names: Vec<&str> = checks::ALL.iter().map(|check| check.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), checks::ALL.len());
}

#[test]
fn an_exception_excuses_a_finding_only_with_a_reason_and_only_while_it_is_needed() {
    let source = ("app/x/src/a.rs", "fn f() { todo!() }\n");
    let allow = |text: &'static str| ("xtask/allow.toml", text);
    clean(
        "unfinished",
        &[
            source,
            allow("[[unfinished]]\npath = \"app/x/src/a.rs\"\nreason = \"a fixture of a test\"\n"),
        ],
    );
    dirty(
        "unfinished",
        &[source, allow("[[unfinished]]\npath = \"app/x/src/a.rs\"\n")],
        "xtask/allow.toml",
        0,
        "needs a reason",
    );
    dirty(
        "unfinished",
        &[allow(
            "[[unfinished]]\npath = \"app/x/src/a.rs\"\nreason = \"a fixture of a test\"\n",
        )],
        "xtask/allow.toml",
        0,
        "remove it",
    );
}

#[test]
fn a_section_of_exceptions_that_no_check_reads_is_a_finding() {
    let of = |text: &str| super::allow::Allowed::unread(&Tree::of(&[("xtask/allow.toml", text)]), &super::names());
    let section = |name: &str| format!("[[{name}]]\npath = \"a\"\nreason = \"it has always been so\"\n");
    assert_eq!(of(&section("shell")), []);
    assert_eq!(super::allow::Allowed::unread(&Tree::of(&[]), &super::names()), []);
    let found = of(&(section("shell") + &section("shel")));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].message.contains("no check is called `shel`"), "{found:?}");
    assert!(of("[[shell").remove(0).message.contains("cannot be read"));
}
