//! The web interface: a feature may use what is shared, never another feature.

use crate::tidy::Finding;
use crate::tidy::tree::Tree;

const FEATURES: &str = "web/src/features/";

pub fn features(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.with_extension(&["ts", "tsx"]) {
        let Some(own) = feature_of(path) else { continue };
        for (index, line) in text.lines().enumerate() {
            let Some(target) = imported(line) else { continue };
            let absolute = absolute(path, target);
            if let Some(other) = feature_of(&absolute).filter(|other| *other != own) {
                findings.push(Finding::new(
                    path,
                    index + 1,
                    format!("feature {own} imports feature {other}: move what they share out of {FEATURES}"),
                ));
            }
        }
    }
    findings
}

fn feature_of(path: &str) -> Option<&str> {
    path.strip_prefix(FEATURES)?.split_once('/').map(|(feature, _)| feature)
}

/// The module named by an `import … from "x"`, `export … from "x"` or `import("x")`.
fn imported(line: &str) -> Option<&str> {
    let at = ["from \"", "from '", "import(\"", "import('", "import \"", "import '"]
        .iter()
        .find_map(|start| line.find(start).map(|at| at + start.len()))?;
    line[at..].split(['"', '\'']).next()
}

fn absolute(from: &str, target: &str) -> String {
    if let Some(rest) = target.strip_prefix("@/").or_else(|| target.strip_prefix("~/")) {
        return format!("web/src/{rest}/");
    }
    if !target.starts_with('.') {
        return String::new();
    }
    let mut segments: Vec<&str> = from.split('/').collect();
    segments.pop();
    for segment in target.split('/') {
        match segment {
            "." => {}
            ".." => {
                segments.pop();
            }
            name => segments.push(name),
        }
    }
    format!("{}/", segments.join("/"))
}
