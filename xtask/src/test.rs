//! `cargo xtask test`: all Rust tests, by nextest where it is installed.
//!
//! The tests of the whole product (app/e2e) drive the built programs, which cargo does not build for them, and share one running
//! installation, so they run in one process.

use crate::process;
use anyhow::Result;
use std::path::Path;
use std::process::{Command, Stdio};

const END_TO_END: &str = "mpanel-e2e";

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
    let mut build = Command::new(&cargo);
    build
        .current_dir(root)
        .args(["build", "--locked", "-p", "mpanel", "-p", "mpanel-agent"]);
    process::run(&mut build)?;
    let mut test = Command::new(&cargo);
    test.current_dir(root);
    if nextest {
        test.args([
            "nextest",
            "run",
            "--no-fail-fast",
            "--workspace",
            "--exclude",
            END_TO_END,
        ]);
    } else {
        test.args(["test", "--no-fail-fast", "--workspace"]);
    }
    test.arg("--locked").args(args);
    process::run(&mut test)?;
    if nextest {
        let mut test = Command::new(&cargo);
        test.current_dir(root)
            .args(["test", "--locked", "--no-fail-fast", "-p", END_TO_END]);
        process::run(&mut test)?;
    }
    Ok(())
}
