//! Who runs on this PGDATA right now: a living postmaster, or processes that a killed one left behind.
//!
//! `postmaster.pid` is evidence, not truth: after a crash or reboot its pid may belong to anybody. It is read, never deleted: the
//! file is also PostgreSQL's own protection of the shared memory, which a new postmaster examines itself.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use mpanel_process::{Process, Signal, procfs};

use super::Error;
use super::error::Context;

/// What `postmaster.pid` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PidFile {
    pub pid: u32,
    /// Line 8: `starting`, `ready`, `stopping`, `standby`; empty in the first moments.
    pub state: String,
}

impl PidFile {
    pub(super) fn read(data_dir: &Path) -> Option<Self> {
        Self::parse(&std::fs::read_to_string(data_dir.join("postmaster.pid")).ok()?)
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        // A single-user backend writes its pid negated: that is no server.
        let pid = lines.next()?.trim().parse().ok()?;
        Some(Self {
            pid,
            state: lines.nth(6).unwrap_or_default().trim().to_owned(),
        })
    }
}

/// The postmaster of this PGDATA, if one lives.
///
/// The pid of the file counts only when that process runs `postgres`, in this very folder, and is no backend. The start time noted
/// in the file is wall-clock and shifts with the clock, so it is not compared; the pidfd is opened before the other checks and
/// keeps the pid from changing hands in between.
pub(super) fn living(data_dir: &Path) -> Result<Option<Process>, Error> {
    let Some(file) = PidFile::read(data_dir) else {
        return Ok(None);
    };
    let Some(stat) = procfs::stat(file.pid) else {
        return Ok(None);
    };
    let process = Process::adopt(file.pid, stat.start).context(|| format!("looking at pid {}", file.pid))?;
    Ok(process.filter(|process| kind(process.pid(), data_dir) == Some(Kind::Postmaster)))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Postmaster,
    Backend,
}

/// Whether the process is PostgreSQL's and works in this PGDATA (the postmaster and every backend change into it).
fn kind(pid: u32, data_dir: &Path) -> Option<Kind> {
    let folder = std::fs::metadata(data_dir).ok()?;
    if procfs::working_directory(pid)? != (folder.dev(), folder.ino()) || !procfs::program(pid)?.ends_with("postgres") {
        return None;
    }
    // Backends retitle themselves "postgres: mpanel: checkpointer"; the postmaster keeps its arguments.
    let title = procfs::argv(pid)?.into_iter().next()?;
    Some(if title.starts_with(b"postgres:") {
        Kind::Backend
    } else {
        Kind::Postmaster
    })
}

/// The pid in a stale `postmaster.pid`, when a process has that pid now.
///
/// PostgreSQL itself only asks whether the pid exists, and would refuse to start beside an innocent namesake. `living` has shown
/// that it is no postmaster of ours; naming it in `PG_GRANDPARENT_PID` (what `pg_ctl` does for its own parent) makes PostgreSQL take
/// the file for stale, while it still checks the shared memory that the file names.
pub(super) fn innocent_namesake(data_dir: &Path) -> Option<u32> {
    let file = PidFile::read(data_dir)?;
    procfs::stat(file.pid).map(|_| file.pid)
}

/// Backends without a postmaster: most notice its death at once, one in a long computation does not, and while it holds the shared
/// memory no new server starts.
fn orphans(data_dir: &Path) -> Vec<Process> {
    let adopt = |pid| {
        let stat = procfs::stat(pid)?;
        Process::adopt(pid, stat.start)
            .ok()?
            .filter(|process| kind(process.pid(), data_dir).is_some())
    };
    procfs::pids().into_iter().filter_map(adopt).collect()
}

/// Ends every orphan, more firmly from step to step.
///
/// # Errors
/// [`Error::Orphans`] when some survive even `SIGKILL` (stuck in the kernel).
pub(super) async fn end_orphans(data_dir: &Path) -> Result<(), Error> {
    let steps = [
        (None, Duration::from_millis(500)),
        (Some(Signal::TERM), Duration::from_secs(3)),
        (Some(Signal::QUIT), Duration::from_secs(2)),
        (Some(Signal::KILL), Duration::from_secs(5)),
    ];
    let mut left = orphans(data_dir);
    for (signal, patience) in steps {
        if left.is_empty() {
            return Ok(());
        }
        let until = tokio::time::Instant::now() + patience;
        for process in &left {
            if let Some(signal) = signal {
                tracing::warn!(pid = process.pid(), signal = ?signal, "ending an orphaned postgresql process");
                process
                    .signal(signal)
                    .context(|| format!("ending the orphaned process {}", process.pid()))?;
            }
        }
        for process in &mut left {
            let rest = until.saturating_duration_since(tokio::time::Instant::now());
            process
                .wait_for(rest)
                .await
                .context(|| "waiting for an orphaned process".into())?;
        }
        // Seen anew: an orphan may have had children of its own (COPY … PROGRAM), and most have gone by now.
        left = orphans(data_dir);
    }
    if left.is_empty() {
        return Ok(());
    }
    Err(Error::Orphans {
        pids: left.iter().map(Process::pid).collect(),
    })
}
