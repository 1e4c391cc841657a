//! Invariant 2: the tools of one layer stay in it.

use crate::tidy::Finding;
use crate::tidy::rust;
use crate::tidy::tree::{Tree, line_of};

struct Tool {
    name: &'static str,
    /// Crates that may be built with it.
    crates: &'static [&'static str],
    /// Files that may name it, as path prefixes; `*` is one segment. A context's error.rs converts sqlx's errors.
    sources: &'static [&'static str],
    why: &'static str,
}

const TOOLS: [Tool; 4] = [
    Tool {
        name: "axum",
        crates: &["lib/http", "contexts/*", "app/*"],
        sources: &["lib/http/", "contexts/*/src/http", "contexts/*/src/tests", "app/"],
        why: "HTTP belongs to lib/http, to a context's src/http and to app",
    },
    Tool {
        name: "sqlx",
        crates: &[
            "lib/pg",
            "lib/jobs",
            "lib/events",
            "lib/testkit",
            "contexts/*",
            "app/e2e",
        ],
        sources: &[
            "lib/pg/",
            "lib/jobs/",
            "lib/events/",
            "lib/testkit/",
            "contexts/*/src/store",
            "contexts/*/src/error",
            "contexts/*/src/tests",
            "app/e2e/",
        ],
        why: "SQL belongs to lib/pg, lib/jobs, lib/events and a context's src/store",
    },
    Tool {
        name: "reqwest",
        crates: &[
            "lib/netguard",
            "lib/telemetry",
            "lib/testkit",
            "clients/*",
            "app/mpanel",
            "app/e2e",
            "bench",
        ],
        sources: &[
            "lib/netguard/",
            "lib/telemetry/",
            "lib/testkit/",
            "clients/",
            "engines/*/src/tests",
            "engines/*/tests/",
            "app/mpanel/",
            "app/e2e/",
            "bench/",
        ],
        why: "outbound HTTP goes through lib/netguard, an outside system's API belongs to clients",
    },
    Tool {
        name: "anyhow",
        crates: &["app/*", "lib/testkit", "xtask", "bench"],
        sources: &["app/", "lib/testkit/", "xtask/", "bench/"],
        why: "libraries and contexts have error enums; anyhow is for binaries",
    },
];

pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for tool in &TOOLS {
        for member in tree.members() {
            let path = format!("{}/Cargo.toml", member.path);
            if member.dependencies(false).contains(tool.name) && !tool.crates.iter().any(|c| same(c, &member.path)) {
                let line = tree.text(&path).map_or(0, |text| line_of(text, tool.name));
                findings.push(Finding::new(
                    &path,
                    line,
                    format!("{} must not depend on {}: {}", member.path, tool.name, tool.why),
                ));
            }
        }
    }
    for (path, text) in tree.with_extension(&["rs"]) {
        let code = rust::read(text).code;
        for tool in TOOLS
            .iter()
            .filter(|tool| !tool.sources.iter().any(|prefix| starts(prefix, path)))
        {
            for line in uses(&code, tool.name) {
                findings.push(Finding::new(
                    path,
                    line,
                    format!("`{}` is out of place here: {}", tool.name, tool.why),
                ));
            }
        }
    }
    findings
}

/// Lines that name the crate in a path or an import.
fn uses(code: &str, name: &str) -> Vec<usize> {
    let path = format!("{name}::");
    let import = format!("use {name}");
    let lines: Vec<&str> = code.lines().collect();
    rust::lines_with_word(code, name)
        .into_iter()
        .filter(|line| {
            lines
                .get(line - 1)
                .is_some_and(|text| text.contains(&path) || text.contains(&import))
        })
        .collect()
}

fn same(pattern: &str, path: &str) -> bool {
    let (pattern, path): (Vec<&str>, Vec<&str>) = (pattern.split('/').collect(), path.split('/').collect());
    pattern.len() == path.len() && pattern.iter().zip(&path).all(|(p, s)| *p == "*" || p == s)
}

/// Whether the path starts with the pattern, whose last segment may be the start of a name.
fn starts(pattern: &str, path: &str) -> bool {
    let (pattern, path): (Vec<&str>, Vec<&str>) = (pattern.split('/').collect(), path.split('/').collect());
    let Some((last, folders)) = pattern.split_last() else {
        return false;
    };
    path.len() > folders.len()
        && folders.iter().zip(&path).all(|(p, s)| *p == "*" || p == s)
        && path[folders.len()].starts_with(last)
}
