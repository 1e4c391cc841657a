//! Invariant 4: short files, tests beside them, and no unsafe code outside engines and the agent.

use crate::tidy::Finding;
use crate::tidy::rust;
use crate::tidy::tree::Tree;

const LONG: usize = 500;
const TOO_LONG: usize = 800;
/// Where `unsafe` may stand.
const UNSAFE_ALLOWED: [&str; 3] = ["engines/", "app/agent/", "clients/agent/"];
/// How many lines above the keyword its reason may stand.
const REASON_WITHIN: usize = 4;

pub fn length(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.with_extension(&["rs", "ts", "tsx"]) {
        let lines = text.lines().count();
        if generated(text) {
            continue;
        }
        if lines >= TOO_LONG {
            findings.push(Finding::new(
                path,
                0,
                format!("{lines} lines: split it by what changes together (limit {TOO_LONG})"),
            ));
        } else if lines >= LONG {
            findings.push(Finding::warning(
                path,
                0,
                format!("{lines} lines: it is time to split it (aim {LONG}, limit {TOO_LONG})"),
            ));
        }
    }
    findings
}

fn generated(text: &str) -> bool {
    text.lines()
        .take(5)
        .any(|line| line.contains("@generated") || line.contains("auto-generated"))
}

pub fn tests(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.with_extension(&["rs"]) {
        let code = rust::read(text).code;
        for (index, line) in code.lines().enumerate() {
            let squeezed = line.split_whitespace().collect::<Vec<_>>().join(" ");
            let problem = if squeezed.starts_with("mod tests {") || squeezed.starts_with("mod test {") {
                "tests go to a sibling file: write `mod tests;` and put them in tests.rs"
            } else if squeezed.contains("#[ignore") {
                "an ignored test guards nothing: repair or remove it"
            } else if squeezed.contains("#[sqlx::test") {
                "#[sqlx::test] migrates for every test: use the database of mpanel-testkit"
            } else {
                continue;
            };
            findings.push(Finding::new(path, index + 1, problem));
        }
    }
    findings
}

pub fn unsafe_code(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.with_extension(&["rs"]) {
        let allowed = UNSAFE_ALLOWED.iter().any(|prefix| path.starts_with(prefix));
        let source = rust::read(text);
        if !allowed && is_crate_root(tree, path) && !source.code.contains("#![forbid(unsafe_code)]") {
            findings.push(Finding::new(path, 1, "start the crate with `#![forbid(unsafe_code)]`"));
        }
        let lines: Vec<&str> = text.lines().collect();
        for line in rust::lines_with_word(&source.code, "unsafe") {
            if source
                .code
                .lines()
                .nth(line - 1)
                .is_some_and(|code| code.contains("unsafe_code"))
            {
                continue;
            }
            let from = line.saturating_sub(1 + REASON_WITHIN);
            let reasoned = lines[from..line]
                .iter()
                .any(|line| line.contains("SAFETY:") || line.contains("# Safety"));
            if !allowed {
                findings.push(Finding::new(
                    path,
                    line,
                    "`unsafe` is for engines and the agent: use a safe interface (rustix)",
                ));
            } else if !reasoned {
                findings.push(Finding::new(
                    path,
                    line,
                    "say above it why this is sound: `// SAFETY: …`",
                ));
            }
        }
    }
    findings
}

/// `src/lib.rs` and `src/main.rs` of a member, and its `src/bin/*.rs`.
fn is_crate_root(tree: &Tree, path: &str) -> bool {
    tree.members().iter().any(|member| {
        path.strip_prefix(&format!("{}/src/", member.path)).is_some_and(|rest| {
            rest == "lib.rs" || rest == "main.rs" || (rest.starts_with("bin/") && rest.matches('/').count() == 1)
        })
    })
}
