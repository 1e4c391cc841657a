//! Invariant 5: no shell, no inherited environment, no SQL out of `format!`.

use crate::tidy::Finding;
use crate::tidy::rust;
use crate::tidy::tree::Tree;

/// Programs that would interpret a string as commands.
const SHELLS: [&str; 10] = [
    "sh",
    "bash",
    "dash",
    "zsh",
    "/bin/sh",
    "/bin/bash",
    "/usr/bin/sh",
    "/usr/bin/bash",
    "/usr/bin/env",
    "eval",
];
/// Developers' tools and tests inherit the environment: cargo and npm need it.
const MAY_INHERIT: [&str; 4] = ["xtask/", "bench/", "app/e2e/", "lib/testkit/"];
/// How a query that is not a literal would be written, white space removed.
const FORMATTED_SQL: [&str; 14] = [
    "query(&format!",
    "query(format!",
    "query_as(&format!",
    "query_as(format!",
    "query_scalar(&format!",
    "query_scalar(format!",
    "query_with(&format!",
    "query_as_with(&format!",
    "execute(&*format!",
    "execute(&format!",
    "execute(format!",
    "raw_sql(&format!",
    "raw_sql(format!",
    "AssertSqlSafe",
];

pub fn shell(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.with_extension(&["rs"]) {
        let source = rust::read(text);
        if !source.code.contains("Command") {
            continue;
        }
        for (line, literal) in &source.literals {
            let problem = if SHELLS.contains(&literal.as_str()) {
                format!("\"{literal}\" starts a shell: start the program itself from an argument vector")
            } else if literal == "-c" {
                "\"-c\" hands a string to an interpreter: if it does not, list the line in xtask/allow.toml".to_owned()
            } else {
                continue;
            };
            findings.push(Finding::new(path, *line, problem));
        }
        let inherits = !MAY_INHERIT.iter().any(|prefix| path.starts_with(prefix))
            && !path.contains("/tests")
            && !path.contains("/examples/");
        let Some(line) = source.code.lines().position(|line| line.contains("Command::new(")) else {
            continue;
        };
        if inherits && !source.code.contains(".env_clear()") {
            findings.push(Finding::new(
                path,
                line + 1,
                "clear the environment (`.env_clear()`) and set what the program needs",
            ));
        }
    }
    findings
}

pub fn sql_format(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree
        .with_extension(&["rs"])
        .filter(|(path, _)| !path.starts_with("xtask/"))
    {
        let code = rust::read(text).code;
        // White space goes, a formatter may break the call anywhere; the lines are found again by counting.
        let (mut packed, mut lines) = (String::new(), Vec::new());
        for (index, line) in code.lines().enumerate() {
            let imports = line.trim_start().starts_with("use ");
            for c in line.chars().filter(|c| !c.is_whitespace() && !imports) {
                packed.push(c);
                lines.extend(std::iter::repeat_n(index + 1, c.len_utf8()));
            }
        }
        let builder = packed.contains("QueryBuilder");
        let pushes: &[&str] = if builder {
            &[".push(format!", ".push(&format!"]
        } else {
            &[]
        };
        for pattern in FORMATTED_SQL.iter().chain(pushes) {
            for (at, _) in packed.match_indices(pattern) {
                findings.push(Finding::new(
                    path,
                    lines.get(at).copied().unwrap_or(0),
                    format!("`{pattern}` makes SQL out of strings: use a static query with parameters, or `push_bind`"),
                ));
            }
        }
    }
    findings
}
