//! Measures a whole mPanel against its budgets, and beside its peers in the same run. `make bench` builds and runs it.
//!
//! Prints a table and writes `target/bench/<group>.json`; a figure that misses its goal is marked, and is no failure.
//! Groups named on the command line are measured alone: `make bench ONLY="list memory"`.

#![forbid(unsafe_code)]

mod figures;
mod http;
mod peers;
mod proc;
mod report;
mod seed;
mod stats;
mod system;
#[cfg(test)]
mod tests;
mod wrk;

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::ExitCode;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};

use report::publish;
use system::System;

/// Everything is given up after this.
const LIMIT: Duration = Duration::from_secs(15 * 60);
/// Where the figures go, below the checkout.
const OUTPUT: &str = "target/bench";

fn main() -> ExitCode {
    match limited() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn limited() -> Result<()> {
    // The processes' own users must reach what lies in it.
    let folder = tempfile::Builder::new()
        .prefix("mpanel-bench-")
        .permissions(Permissions::from_mode(0o755))
        .tempdir()?;
    let (done, ended) = mpsc::channel();
    let path = folder.path().to_owned();
    let only: Vec<String> = std::env::args().skip(1).collect();
    thread::spawn(move || done.send(measure(&path, &only)));
    let result = ended
        .recv_timeout(LIMIT)
        .context("not finished within 15 minutes, or given up by a panic");
    system::kill_all(&folder.path().join("data"));
    result?
}

fn measure(folder: &Path, only: &[String]) -> Result<()> {
    let output = Path::new(OUTPUT);
    let wanted = |group: &str| only.is_empty() || only.iter().any(|named| named == group);
    print!("{}", report::heading());
    // Those that need no system.
    let mut alone = 0;
    if wanted("queue") {
        publish(output, "queue", &figures::queue::measure()?)?;
        alone += 1;
    }
    for (group, measure) in figures::edge::GROUPS {
        if wanted(group) {
            publish(output, group, &measure(folder)?)?;
            alone += 1;
        }
    }
    if !only.is_empty() && only.len() == alone {
        return Ok(());
    }
    let mut system = System::new(folder)?;
    system.start()?;
    let api = seed::claim(&system)?;
    // All the others measure among these sites.
    publish(output, "create", &seed::sites(&api)?)?;
    system.settle()?;
    if wanted("start") {
        publish(output, "start", &figures::start::measure(&mut system)?)?;
    }
    if wanted("memory") {
        let mut memory = figures::memory::idle(&system)?;
        memory.extend(figures::memory::after_calls(&system, &api)?);
        publish(output, "memory", &memory)?;
    }
    if wanted("list") {
        publish(output, "list", &figures::list::measure(&system, &api, folder)?)?;
    }
    if wanted("served") {
        publish(output, "served", &figures::served::measure(&system, &api)?)?;
    }
    if wanted("crowd") {
        publish(output, "crowd", &figures::crowd::measure(&system, &api)?)?;
    }
    system.stop();
    Ok(())
}
