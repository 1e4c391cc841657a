//! Runs a command that keeps printing, and ends it when it has said nothing for too long, telling what it was doing.

use std::fs;
use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::process::display;

const LOOK: Duration = Duration::from_millis(100);

/// Runs to completion and passes its output on.
///
/// # Errors
/// When it cannot start, does not succeed, or prints nothing for `limit`: then it is killed with all that it has started.
pub fn run(command: &mut Command, limit: Duration) -> Result<()> {
    let line = display(command);
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot run `{line}`"))?;
    let last = Arc::new(Mutex::new(Instant::now()));
    let passing = [
        pass_on(child.stdout.take().context("piped")?, std::io::stdout(), &last),
        pass_on(child.stderr.take().context("piped")?, std::io::stderr(), &last),
    ];
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if last.lock().unwrap_or_else(PoisonError::into_inner).elapsed() > limit {
            let running = below(child.id());
            let told: Vec<String> = running.iter().filter_map(|pid| describe(*pid)).collect();
            kill(&running)?;
            child.wait()?;
            bail!(
                "`{line}` has printed nothing for {limit:?}. These were running, with their threads:\n{}",
                told.join("\n")
            );
        }
        thread::sleep(LOOK);
    };
    // Whoever has been left behind with the output open is not waited for.
    let until = Instant::now() + Duration::from_secs(2);
    while !passing.iter().all(thread::JoinHandle::is_finished) && Instant::now() < until {
        thread::sleep(LOOK);
    }
    if !status.success() {
        bail!("`{line}` failed ({status})");
    }
    Ok(())
}

fn pass_on(
    mut from: impl Read + Send + 'static,
    mut to: impl Write + Send + 'static,
    last: &Arc<Mutex<Instant>>,
) -> thread::JoinHandle<()> {
    let last = Arc::clone(last);
    thread::spawn(move || {
        let mut buffer = [0; 8192];
        while let Ok(count) = from.read(&mut buffer) {
            // Nobody may be reading any more; the tests go on.
            let _ignored = to.write_all(&buffer[..count]).and_then(|()| to.flush());
            *last.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
            if count == 0 {
                break;
            }
        }
    })
}

/// The process and all that descend from it, parents first.
fn below(root: u32) -> Vec<u32> {
    let parents: Vec<(u32, u32)> = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let pid = entry.file_name().to_str()?.parse().ok()?;
            let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
            // The program's name, in parentheses, may hold anything.
            Some((pid, stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()?))
        })
        .collect();
    let mut found = vec![root];
    let mut next = 0;
    while let Some(parent) = found.get(next).copied() {
        found.extend(parents.iter().filter(|(_, of)| *of == parent).map(|(pid, _)| *pid));
        next += 1;
    }
    found
}

/// Its arguments and the names of its threads: those of a test program are called as the tests that they run.
fn describe(pid: u32) -> Option<String> {
    let arguments = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let arguments = String::from_utf8_lossy(&arguments).replace('\0', " ");
    let mut threads: Vec<String> = fs::read_dir(format!("/proc/{pid}/task"))
        .ok()?
        .flatten()
        .filter_map(|task| fs::read_to_string(task.path().join("comm")).ok())
        .map(|name| name.trim_end().to_owned())
        .collect();
    threads.dedup();
    Some(format!("{pid} {}: {}", arguments.trim_end(), threads.join(", ")))
}

fn kill(pids: &[u32]) -> Result<()> {
    // Some have ended because those before them have.
    let _ignored = Command::new("kill")
        .arg("-KILL")
        .args(pids.iter().map(u32::to_string))
        .stderr(Stdio::null())
        .status()?;
    Ok(())
}

#[cfg(test)]
mod tests;
