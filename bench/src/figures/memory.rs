//! Memory of each process, idle and after many requests.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Result, anyhow, ensure};

use crate::http::{Api, text};
use crate::proc;
use crate::report::{Figure, Goal};
use crate::system::System;

const CALLS: usize = 20_000;
const CONNECTIONS: usize = 8;
/// After a start: until what runs once has run.
const REST: Duration = Duration::from_secs(5);

/// Of a system that was just started.
///
/// # Errors
/// When processes cannot be looked at.
pub fn idle(system: &System) -> Result<Vec<Figure>> {
    thread::sleep(REST);
    system.settle()?;
    let command = "/proc/<pid>/smaps_rollup at rest after a start";
    let mut figures = of_each(system, "idle", Goal::AtMost(30.0), command)?;
    let whole = proc::memory_of_tree(system.pid("up")?)?.pss;
    let command = "sum of Pss of `mpanel up` and all below it";
    figures.push(Figure::new(
        "whole system with PostgreSQL idle, PSS",
        "MiB",
        whole,
        Goal::AtMost(250.0),
        command,
    ));
    Ok(figures)
}

/// The same after many requests of many kinds.
///
/// # Errors
/// When a request fails.
pub fn after_calls(system: &System, api: &Api) -> Result<Vec<Figure>> {
    let site = api.another().get("/api/v1/sites?limit=1")?;
    let site = format!("/api/v1/sites/{}", text(&site, "/items/0/id")?);
    let paths = [
        "/api/v1/sites?limit=50",
        &site,
        "/api/v1/me",
        "/api/v1/zones",
        "/api/v1/operations",
        "/api/v1/audit?limit=20",
    ];
    let next = AtomicUsize::new(0);
    let caller = || -> Result<()> {
        let mut api = api.another();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= CALLS {
                return Ok(());
            }
            let path = paths[number % paths.len()];
            let answer = api.send("GET", path, "", &[])?;
            ensure!(answer.status == 200, "GET {path} answered {}", answer.status);
        }
    };
    thread::scope(|scope| {
        let callers: Vec<_> = (0..CONNECTIONS).map(|_| scope.spawn(caller)).collect();
        let mut ended = callers
            .into_iter()
            .map(|caller| caller.join().map_err(|_| anyhow!("a caller panicked"))?);
        ended.try_for_each(|result| result)
    })?;
    let command = format!(
        "/proc/<pid>/smaps_rollup after {CALLS} GETs of {} kinds over {CONNECTIONS} connections",
        paths.len()
    );
    of_each(system, "after 20k calls", Goal::AtMost(45.0), &command)
}

/// The goal is that of `serve`'s resident memory.
fn of_each(system: &System, when: &str, goal: Goal, command: &str) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for (name, pid) in system.processes()? {
        let memory = match name.as_str() {
            "postgres" => proc::memory_of_tree(pid)?,
            _ => proc::memory(pid)?,
        };
        let goal = if name == "serve" { goal } else { Goal::Explains };
        // Processes of PostgreSQL share most of what is resident: its sum would count that many times.
        if name != "postgres" {
            figures.push(Figure::new(
                format!("{name} {when}, RSS"),
                "MiB",
                memory.rss,
                goal,
                command,
            ));
        }
        figures.push(Figure::new(
            format!("{name} {when}, PSS"),
            "MiB",
            memory.pss,
            Goal::Explains,
            command,
        ));
    }
    Ok(figures)
}
