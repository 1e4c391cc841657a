//! Starting helpers and listening to them.

use std::io::Read as _;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use mpanel_agent_protocol::protocol::{Failure, MAX_FRAME, Response, decode};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{FdFlags, fcntl_setfd};

use crate::answer::Stop;
use crate::audit;
use crate::helper::{Identity, Job, Task};

/// A helper that takes longer is stuck.
const DEADLINE: Duration = Duration::from_secs(3600);
/// Frames of a list that a helper may send before it counts as broken.
const MAX_FRAMES: usize = 10_000;

/// Held while a descriptor may be inherited, so that no other helper started meanwhile gets it too.
static STARTING: Mutex<()> = Mutex::new(());

/// What a helper is sent to do.
pub(crate) struct Errand<'a> {
    pub(crate) dir: BorrowedFd<'a>,
    pub(crate) identity: Option<Identity>,
    pub(crate) task: Task,
    pub(crate) blob: Option<OwnedFd>,
}

/// Runs a helper for a peer. Progress goes to `forward`, which answers whether the peer takes it; the rest is
/// returned. When the peer goes away, the helper is killed.
pub(crate) fn run(
    errand: Errand<'_>,
    peer: &UnixStream,
    forward: impl FnMut(&Response) -> bool,
) -> Result<Vec<Response>, Stop> {
    converse(errand, Some(peer), forward)
}

/// Runs a helper that nobody waits for.
pub(crate) fn run_detached(errand: Errand<'_>) -> Result<Vec<Response>, Stop> {
    converse(errand, None, |_| true)
}

fn converse(
    errand: Errand<'_>,
    peer: Option<&UnixStream>,
    forward: impl FnMut(&Response) -> bool,
) -> Result<Vec<Response>, Stop> {
    let mut child = start(errand).map_err(|detail| Failure::Internal { detail })?;
    let (Some(stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) else {
        return Err(Failure::Internal {
            detail: "helper without output".to_owned(),
        }
        .into());
    };
    let mut complaints = Complaints {
        stderr: Some(stderr),
        text: Vec::new(),
    };
    let heard = listen(stdout, &mut complaints, peer, forward);
    // It has said its last word or will not be heard; either way it must not go on.
    let _ = child.kill();
    let status = child.wait();
    complaints.log();
    match heard {
        Ok(Some(responses)) => Ok(responses),
        Ok(None) => {
            let detail = status.map_or_else(|error| error.to_string(), describe);
            Err(Failure::HelperDied { detail }.into())
        }
        Err(stop) => Err(stop),
    }
}

fn describe(status: std::process::ExitStatus) -> String {
    match (status.signal(), status.code()) {
        (Some(signal), _) => format!("signal {signal}"),
        (None, Some(code)) => format!("exit code {code}"),
        (None, None) => "unknown".to_owned(),
    }
}

fn start(errand: Errand<'_>) -> Result<Child, String> {
    let Errand {
        dir,
        identity,
        task,
        blob,
    } = errand;
    let job = Job {
        dir: dir.as_raw_fd(),
        identity,
        task,
    };
    let argument = serde_json::to_string(&job).map_err(|error| error.to_string())?;
    let mut command = Command::new("/proc/self/exe");
    command.arg("helper").arg(argument).env_clear().current_dir("/");
    command
        .stdin(blob.map_or_else(Stdio::null, Stdio::from))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let guard = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
    fcntl_setfd(dir, FdFlags::empty()).map_err(|error| error.to_string())?;
    // Returns once the helper has been executed, with what it inherits.
    let child = command.spawn();
    let closed = fcntl_setfd(dir, FdFlags::CLOEXEC);
    drop(guard);
    closed.map_err(|error| error.to_string())?;
    child.map_err(|error| format!("helper cannot start: {error}"))
}

/// What a helper writes to standard error: it gets a pipe and not our log, which a tenant's uid must not hold
/// and whose size its limits must not meet.
struct Complaints {
    stderr: Option<ChildStderr>,
    text: Vec<u8>,
}

impl Complaints {
    /// Called when there is something to read, or the end.
    fn take(&mut self) {
        const KEPT: usize = 4096;
        let mut buffer = [0; 1024];
        match self.stderr.as_mut().map(|stderr| stderr.read(&mut buffer)) {
            Some(Ok(n)) if n > 0 => {
                let room = KEPT.saturating_sub(self.text.len());
                self.text.extend_from_slice(&buffer[..n.min(room)]);
            }
            _ => self.stderr = None,
        }
    }

    fn log(mut self) {
        // The helper has ended, and so does its pipe.
        while self.stderr.is_some() {
            self.take();
        }
        if !self.text.is_empty() {
            audit::line(
                "warn",
                "helper wrote to standard error",
                &[("text", String::from_utf8_lossy(&self.text).trim_end().into())],
            );
        }
    }
}

/// `None`: the helper ended before its last frame.
fn listen(
    mut stdout: ChildStdout,
    complaints: &mut Complaints,
    peer: Option<&UnixStream>,
    mut forward: impl FnMut(&Response) -> bool,
) -> Result<Option<Vec<Response>>, Stop> {
    let started = Instant::now();
    let mut frames = Frames::default();
    let mut responses = Vec::new();
    loop {
        let left = DEADLINE.checked_sub(started.elapsed()).ok_or(Failure::Deadline {
            seconds: DEADLINE.as_secs(),
        })?;
        if !wait(&stdout, complaints, peer, left)? {
            continue;
        }
        let mut buffer = [0; 8192];
        let n = match stdout.read(&mut buffer) {
            Ok(n) => n,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => {
                return Err(Failure::Internal {
                    detail: error.to_string(),
                }
                .into());
            }
        };
        if n == 0 {
            return Ok(None);
        }
        frames.bytes.extend_from_slice(&buffer[..n]);
        while let Some(response) = frames.next()? {
            match response {
                Response::Progress(_) if forward(&response) => continue,
                Response::Progress(_) => return Err(Stop::Gone),
                Response::Failed(failure) => return Err(failure.into()),
                response => responses.push(response),
            }
            if responses.last().is_some_and(Response::is_final) {
                return Ok(Some(responses));
            }
            if responses.len() > MAX_FRAMES {
                return Err(Failure::HelperDied {
                    detail: "too many frames".to_owned(),
                }
                .into());
            }
        }
    }
}

/// True when the helper has answered something or ended.
fn wait(
    stdout: &ChildStdout,
    complaints: &mut Complaints,
    peer: Option<&UnixStream>,
    left: Duration,
) -> Result<bool, Stop> {
    let mut fds = vec![PollFd::from_borrowed_fd(stdout.as_fd(), PollFlags::IN)];
    // A peer that sends while its request runs breaks the protocol: treated like one that is gone.
    fds.extend(peer.map(|peer| PollFd::from_borrowed_fd(peer.as_fd(), PollFlags::IN | PollFlags::RDHUP)));
    fds.extend(
        complaints
            .stderr
            .as_ref()
            .map(|stderr| PollFd::from_borrowed_fd(stderr.as_fd(), PollFlags::IN)),
    );
    let timeout = Timespec {
        tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: left.subsec_nanos().into(),
    };
    match poll(&mut fds, Some(&timeout)) {
        Ok(_) | Err(rustix::io::Errno::INTR) => {}
        Err(error) => {
            return Err(Failure::Internal {
                detail: error.to_string(),
            }
            .into());
        }
    }
    let ready: Vec<bool> = fds.iter().map(|fd| !fd.revents().is_empty()).collect();
    if peer.is_some() && ready[1] {
        return Err(Stop::Gone);
    }
    if complaints.stderr.is_some() && ready[ready.len() - 1] {
        complaints.take();
    }
    Ok(ready[0])
}

/// Frames as they come in. The helper runs as a tenant's uid: what it says is checked like a peer's words.
#[derive(Default)]
struct Frames {
    bytes: Vec<u8>,
}

impl Frames {
    fn next(&mut self) -> Result<Option<Response>, Failure> {
        let broken = |detail: String| Failure::HelperDied { detail };
        let Some((head, rest)) = self.bytes.split_first_chunk::<4>() else {
            return Ok(None);
        };
        let len = u32::from_be_bytes(*head) as usize;
        if len > MAX_FRAME {
            return Err(broken("frame is too long".to_owned()));
        }
        let Some(json) = rest.get(..len) else { return Ok(None) };
        let response = decode(json).map_err(|error| broken(error.to_string()))?;
        self.bytes.drain(..4 + len);
        Ok(Some(response))
    }
}
