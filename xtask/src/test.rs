//! `cargo xtask test`: all Rust tests.
//!
//! By `cargo test`, not nextest: the tests of a crate share one PostgreSQL, and those of the whole product one running
//! installation, which a process for each test could not. The tests of the whole product (app/e2e) drive the built
//! programs, which cargo does not build for them.

mod silence;

use crate::process;
use anyhow::Result;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// Several times what the longest tests take. One that waits for ever would only be cut off with everything after it, and
/// nobody would know which it was.
const SILENCE: Duration = Duration::from_mins(12);

/// `cargo xtask test [ARG…]`: the arguments go to `cargo test`.
///
/// # Errors
/// When a test fails, or does not end.
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
    silence::run(&mut test, SILENCE)
}
