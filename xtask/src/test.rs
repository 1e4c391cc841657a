//! `cargo xtask test`: all Rust tests.
//!
//! By `cargo test`, not nextest: the tests of a crate share one PostgreSQL, and those of the whole product one running
//! installation, which a process for each test could not. The tests of the whole product (app/e2e) drive the built
//! programs, which cargo does not build for them.

use crate::process;
use anyhow::Result;
use std::path::Path;
use std::process::Command;

/// `cargo xtask test [ARG…]`: the arguments go to `cargo test`.
///
/// # Errors
/// When a test fails.
pub fn run(root: &Path, args: &[String]) -> Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(&cargo);
    build
        .current_dir(root)
        .args(["build", "--locked", "-p", "mpanel", "-p", "mpanel-agent"]);
    process::run(&mut build)?;
    let mut test = Command::new(&cargo);
    test.current_dir(root)
        .args(["test", "--locked", "--workspace", "--no-fail-fast"])
        .args(args);
    process::run(&mut test)
}
