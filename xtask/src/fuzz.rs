//! `cargo xtask fuzz`: every fuzz target of the repository for a while, or whether they still compile.

use crate::{process, workspace};
use anyhow::{Context as _, Result, bail};
use std::path::Path;
use std::process::{Command, Stdio};

/// `cargo xtask fuzz [SECONDS | --check]`
///
/// # Errors
/// When cargo-fuzz is missing or a target finds something.
pub fn run(root: &Path, args: &[String]) -> Result<()> {
    let seconds: u32 = match args {
        [flag] if flag == "--check" => return check(root),
        [] => 60,
        [seconds] => seconds.parse().context("SECONDS is a number")?,
        _ => bail!("usage: cargo xtask fuzz [SECONDS | --check]"),
    };
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut version = Command::new(&cargo);
    version
        .args(["fuzz", "--version"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    if !version.status().is_ok_and(|status| status.success()) {
        bail!("cargo-fuzz is missing: `cargo install cargo-fuzz`; it needs a nightly toolchain as well");
    }
    for (package, target) in targets(root) {
        println!("{package}: {target} for {seconds} s");
        let mut fuzz = Command::new("cargo");
        fuzz.current_dir(root.join(&package))
            .args(["+nightly", "fuzz", "run", &target, "--"]);
        fuzz.arg(format!("-max_total_time={seconds}"));
        process::run(&mut fuzz)?;
    }
    Ok(())
}

/// They stand in workspaces of their own, so that nothing else notices when they no longer compile.
fn check(root: &Path) -> Result<()> {
    let mut packages: Vec<String> = targets(root).into_iter().map(|(package, _)| package).collect();
    packages.dedup();
    for package in packages {
        let mut cargo = Command::new("cargo");
        cargo
            .current_dir(root.join(package).join("fuzz"))
            .args(["check", "--quiet", "--locked"]);
        process::run(&mut cargo)?;
    }
    Ok(())
}

/// The crate and the name of every `<crate>/fuzz/fuzz_targets/<name>.rs`.
fn targets(root: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for tier in ["lib", "engines", "clients", "app"] {
        for file in workspace::files(root, tier) {
            let Some((package, name)) = file.split_once("/fuzz/fuzz_targets/") else {
                continue;
            };
            if let Some(name) = name.strip_suffix(".rs") {
                found.push((package.to_owned(), name.to_owned()));
            }
        }
    }
    found
}
