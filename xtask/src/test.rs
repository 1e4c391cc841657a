//! `cargo xtask test`: all Rust tests, by nextest where it is installed.

use crate::process;
use anyhow::Result;
use std::path::Path;
use std::process::{Command, Stdio};

/// `cargo xtask test [ARG…]`: the arguments go to the test runner.
///
/// # Errors
/// When a test fails.
pub fn run(root: &Path, args: &[String]) -> Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut version = Command::new(&cargo);
    version
        .args(["nextest", "--version"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let nextest = version.status().is_ok_and(|status| status.success());
    let mut test = Command::new(&cargo);
    test.current_dir(root);
    if nextest {
        test.args(["nextest", "run", "--no-fail-fast"]);
    } else {
        test.args(["test", "--no-fail-fast"]);
    }
    test.args(["--locked", "--workspace"]).args(args);
    process::run(&mut test)
}
