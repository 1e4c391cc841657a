//! The helper: this binary run again for one task in one site's folder.
//!
//! It becomes the site's uid before it opens anything, and can then neither gain rights nor start processes; where the
//! kernel allows it, it has no network and sees no other folder ([`confine`] says which kernel allows what). Every path below the site's folder is opened by `openat2` with
//! `RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS` or is a single name inside an open folder.
//! The blob is standard input, answers go to standard output as the protocol's frames.

mod at;
mod confine;
mod list;
mod measure;
pub(crate) mod names;
mod pack;
mod remove;
mod tree;
pub mod unpack;

use std::fs::File;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::process::ExitCode;

use mpanel_agent_protocol::protocol::{ArchiveFormat, Failure, Response, SiteUid, UnpackLimits, write_frame};
use mpanel_kernel::ids::ReleaseId;
use serde::{Deserialize, Serialize};

use crate::answer::chunks;
use crate::audit;
use crate::inherit;

/// What a helper is started with, as its one argument.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Job {
    /// Number of the inherited descriptor of the site's folder.
    pub(crate) dir: i32,
    /// None: stay who we are (rootless).
    pub(crate) identity: Option<Identity>,
    pub(crate) task: Task,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Identity {
    pub(crate) uid: SiteUid,
    pub(crate) gid: u32,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Task {
    Unpack {
        release: ReleaseId,
        format: ArchiveFormat,
        limits: UnpackLimits,
    },
    /// Removes what an interrupted unpacking left.
    Discard {
        release: ReleaseId,
    },
    DeleteRelease {
        release: ReleaseId,
    },
    /// Writes an archive of a finished release.
    Pack {
        release: ReleaseId,
        max_bytes: u64,
    },
    EmptySite {},
    Measure {},
    ListReleases {},
}

impl Task {
    /// Longest file the task may write.
    const fn file_size(&self) -> u64 {
        match self {
            // The manifest of an empty limit still has to fit.
            Self::Unpack { limits, .. } => limits.max_bytes.saturating_add(1 << 20),
            Self::Pack { max_bytes, .. } => *max_bytes,
            _ => 0,
        }
    }
}

/// Runs the job in JSON. Exit code 0 when an answer was given, a failure included.
pub(crate) fn main(job: &str) -> ExitCode {
    let responses = match perform(job) {
        Ok(responses) => responses,
        Err(failure) => vec![Response::Failed(failure)],
    };
    for response in &responses {
        // When the agent is gone there is nobody to tell.
        if write_frame(&mut io::stdout().lock(), response).is_err() {
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

fn perform(job: &str) -> Result<Vec<Response>, Failure> {
    let job: Job = serde_json::from_str(job).map_err(|error| internal("job", &error))?;
    let site = inherit::take(job.dir).map_err(|error| internal("site folder", &error))?;
    confine::confine(&site, job.identity, job.task.file_size())?;
    let mut report = |progress| {
        write_frame(&mut io::stdout().lock(), &Response::Progress(progress))
            .map_err(|_| io::ErrorKind::BrokenPipe.into())
    };
    match job.task {
        Task::Unpack {
            release,
            format,
            limits,
        } => {
            let blob = blob().map_err(|error| internal("blob", &error))?;
            let unpacked = unpack::unpack(&site, release, format, &limits, &blob, &mut report)?;
            Ok(vec![Response::Unpacked(unpacked)])
        }
        Task::Discard { release } => remove::discard(&site, release).map(|()| vec![Response::Deleted {}]),
        Task::DeleteRelease { release } => remove::release(&site, release).map(|()| vec![Response::Deleted {}]),
        Task::Pack { release, max_bytes } => {
            let blob = blob().map_err(|error| internal("blob", &error))?;
            let packed = pack::pack(&site, release, max_bytes, blob, &mut report)?;
            Ok(vec![Response::Packed(packed)])
        }
        Task::EmptySite {} => remove::everything(&site).map(|()| vec![Response::Deleted {}]),
        Task::Measure {} => Ok(vec![Response::Usage(measure::measure(&site)?)]),
        Task::ListReleases {} => Ok(chunks(list::releases(&site)?, |releases, last| Response::Releases {
            releases,
            last,
        })),
    }
}

fn blob() -> io::Result<File> {
    let fd: OwnedFd = io::stdin().as_fd().try_clone_to_owned()?;
    Ok(fd.into())
}

/// A failure of the machine; a full disk has its own.
pub(crate) fn failed(what: &str, error: &io::Error) -> Failure {
    match error.raw_os_error().map(rustix::io::Errno::from_raw_os_error) {
        Some(rustix::io::Errno::NOSPC | rustix::io::Errno::DQUOT) => Failure::NoSpace {},
        _ => internal(what, error),
    }
}

fn internal(what: &str, error: &dyn std::error::Error) -> Failure {
    Failure::Internal {
        detail: format!("{what}: {error}"),
    }
}

/// Something worth knowing that stops nothing.
fn note(message: &str, error: &str) {
    audit::line("warn", message, &[("error", error.into())]);
}
