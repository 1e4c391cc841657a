//! What a supervisor that died left running: children that can go on, and those that must be replaced.

use std::path::Path;
use std::time::Duration;

use mpanel_process::{Process, Signal, procfs};

use super::children::{Child, Parts, table};
use super::sockets::Sockets;
use super::state::{self, State};
use super::supervisor::Slot;

/// How long a replaced child may take to stop by itself.
const PATIENCE: Duration = Duration::from_secs(10);

/// Finds what runs, takes its listeners back, ends what no longer fits, opens the rest, and gives the table with the survivors. While
/// a version is tried, what runs from other programs goes on: it is replaced in its turn.
///
/// # Errors
/// When an address is taken by somebody else.
pub async fn adopt(parts: Parts<'_>, sockets: &mut Sockets, trial: bool) -> anyhow::Result<Vec<Slot>> {
    let State { children: recorded, .. } = state::load(parts.data);
    let living: Vec<(state::Child, Process)> = recorded
        .into_iter()
        .filter_map(|child| {
            Process::adopt(child.pid, child.start)
                .ok()
                .flatten()
                .map(|process| (child, process))
        })
        .collect();
    for (child, process) in &living {
        sockets.take_back(&child.name, process);
    }

    let wanted = table(parts, &sockets.addresses());
    let strays = strays(&wanted, &living);
    let fits = |(recorded, _): &(state::Child, Process)| {
        wanted
            .iter()
            .any(|child| child.name == recorded.name && (trial || child.fingerprint() == recorded.fingerprint))
    };
    let (kept, replaced): (Vec<_>, Vec<_>) = living.into_iter().partition(fits);
    end(replaced.into_iter().map(|(_, process)| process).chain(strays).collect()).await;

    let kept_names: Vec<&str> = kept.iter().map(|(child, _)| child.name.as_str()).collect();
    sockets.open(&kept_names)?;
    let mut kept = kept;
    let slots = table(parts, &sockets.addresses()).into_iter().map(|child| {
        let position = kept.iter().position(|(recorded, _)| recorded.name == child.name);
        let (recorded, process) = position.map(|position| kept.swap_remove(position)).unzip();
        if let Some(process) = &process {
            tracing::info!(process = child.name, pid = process.pid(), "adopted a running process");
        }
        Slot {
            fingerprint: recorded.map_or(0, |recorded| recorded.fingerprint),
            child,
            process,
        }
    });
    Ok(slots.collect())
}

/// Processes started exactly as our children are, which no record names (the supervisor died before it wrote one).
fn strays(wanted: &[Child], living: &[(state::Child, Process)]) -> Vec<Process> {
    let own = std::process::id();
    let is_stray = |pid: u32| {
        pid != own
            && living.iter().all(|(_, process)| process.pid() != pid)
            && procfs::argv(pid).is_some_and(|argv| wanted.iter().any(|child| child.is_argv(&argv)))
    };
    let hold = |pid: u32| {
        let stat = procfs::stat(pid)?;
        let process = Process::adopt(pid, stat.start).ok()??;
        // Looked at again, now that the pid cannot change hands.
        is_stray(pid).then_some(process)
    };
    procfs::pids()
        .into_iter()
        .filter(|pid| is_stray(*pid))
        .filter_map(hold)
        .collect()
}

/// Ends processes, by force after a while.
async fn end(mut processes: Vec<Process>) {
    for signal in [Signal::TERM, Signal::KILL] {
        for process in &processes {
            let program = procfs::program(process.pid()).unwrap_or_default();
            tracing::info!(pid = process.pid(), program = %Path::display(&program), ?signal, "ending a process that no longer fits");
            if let Err(error) = process.signal(signal) {
                tracing::warn!(pid = process.pid(), %error, "cannot end it");
            }
        }
        let until = tokio::time::Instant::now() + PATIENCE;
        let mut left = Vec::new();
        for mut process in processes {
            let rest = until.saturating_duration_since(tokio::time::Instant::now());
            match process.wait_for(rest).await {
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => left.push(process),
            }
        }
        processes = left;
    }
}
