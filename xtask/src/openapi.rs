//! `web/openapi.json` is what `mpanel openapi` prints; the web interface generates its types from it.

use crate::process;
use anyhow::{Context as _, Result, bail};
use std::fs;
use std::path::Path;
use std::process::Command;

const DOCUMENT: &str = "web/openapi.json";

/// `cargo xtask openapi [--check]`
///
/// # Errors
/// When the binary does not build or, with `--check`, the committed document differs.
pub fn run(root: &Path, args: &[String]) -> Result<()> {
    let check = match args {
        [] => false,
        [flag] if flag == "--check" => true,
        _ => bail!("usage: cargo xtask openapi [--check]"),
    };
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut print = Command::new(cargo);
    print
        .current_dir(root)
        .args(["run", "--quiet", "--package", "mpanel", "--", "openapi"]);
    let printed = process::output(&mut print)?;
    let document: serde_json::Value = serde_json::from_str(&printed).context("`mpanel openapi` printed no JSON")?;
    if document.get("paths").is_none() {
        bail!("`mpanel openapi` printed a document without paths");
    }
    let text = format!("{}\n", printed.trim_end());
    let path = root.join(DOCUMENT);
    if !check {
        return fs::write(&path, text).with_context(|| format!("cannot write {DOCUMENT}"));
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    match first_difference(&committed, &text) {
        None => Ok(()),
        Some(line) => bail!("{DOCUMENT}:{line} is not what the binary prints: run `make openapi` and commit"),
    }
}

/// The first line, from 1, in which two texts differ.
pub fn first_difference(left: &str, right: &str) -> Option<usize> {
    if left == right {
        return None;
    }
    let same = left.lines().zip(right.lines()).take_while(|(l, r)| l == r).count();
    Some(same + 1)
}

#[cfg(test)]
mod tests;
