use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Child, ExitStatus};
use std::time::Duration;

use rustix::process::{
    Pid, PidfdFlags, PidfdGetfdFlags, Signal, WaitId, WaitIdOptions, pidfd_getfd, pidfd_open, pidfd_send_signal, waitid,
};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::procfs;

/// How a process ended. The status of a process that somebody else started is not ours to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exit {
    pub status: Option<ExitStatus>,
}

impl std::fmt::Display for Exit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.status {
            Some(status) => status.fmt(f),
            None => f.write_str("exit status unknown"),
        }
    }
}

/// A running process held by its pidfd: a child of ours, or one adopted after its parent died.
///
/// Dropping it neither ends nor reaps the process, unless [`Process::end_on_drop`] asked for that.
#[derive(Debug)]
pub struct Process {
    pid: u32,
    start: u64,
    fd: OwnedFd,
    child: Option<Child>,
    signal_on_drop: Option<Signal>,
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(signal) = self.signal_on_drop {
            // It may have ended already, which is what was wanted.
            let _ended = self.signal(signal);
        }
    }
}

impl Process {
    /// Holds a child just started.
    ///
    /// # Errors
    /// When the kernel gives no pidfd (Linux before 5.3, or out of descriptors); the child is then killed and reaped.
    pub fn from_child(mut child: Child) -> io::Result<Self> {
        let pid = child.id();
        // Even a child that has exited already stays a zombie until it is reaped, so both look-ups find it.
        let held = open(pid).and_then(|fd| {
            let stat = procfs::stat(pid).ok_or_else(|| io::Error::other("/proc does not show our own child"))?;
            Ok((fd, stat.start))
        });
        match held {
            Ok((fd, start)) => Ok(Self {
                pid,
                start,
                fd,
                child: Some(child),
                signal_on_drop: None,
            }),
            Err(error) => {
                child.kill()?;
                child.wait()?;
                Err(error)
            }
        }
    }

    /// Takes hold of a living process that somebody else started; `None` when that process is gone, whoever has its pid now.
    ///
    /// # Errors
    /// When the kernel gives no pidfd for another reason than "no such process".
    pub fn adopt(pid: u32, start: u64) -> io::Result<Option<Self>> {
        // The pidfd comes first: once it is open, the pid cannot change hands unnoticed.
        let fd = match open(pid) {
            Ok(fd) => fd,
            Err(error) if error.raw_os_error() == Some(rustix::io::Errno::SRCH.raw_os_error()) => return Ok(None),
            Err(error) => return Err(error),
        };
        match procfs::stat(pid) {
            Some(stat) if stat.is_alive() && stat.start == start => Ok(Some(Self {
                pid,
                start,
                fd,
                child: None,
                signal_on_drop: None,
            })),
            _ => Ok(None),
        }
    }

    /// Sends this signal when dropped; `None` leaves the process alone. For what must not outlive a cancelled task.
    pub fn end_on_drop(&mut self, signal: Option<Signal>) {
        self.signal_on_drop = signal;
    }

    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Clock ticks after boot at which the process started.
    pub fn start(&self) -> u64 {
        self.start
    }

    /// True when this program did not start the process itself.
    pub fn is_adopted(&self) -> bool {
        self.child.is_none()
    }

    /// Sends a signal. A process that has already exited is no error.
    ///
    /// # Errors
    /// When the process belongs to somebody we may not signal.
    pub fn signal(&self, signal: Signal) -> io::Result<()> {
        match pidfd_send_signal(&self.fd, signal) {
            Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// A duplicate of the process's own descriptor `number`: how a restarted supervisor takes back the listeners of a child.
    ///
    /// # Errors
    /// `EBADF` when there is no such descriptor, `EPERM` when the kernel forbids it (Yama, seccomp).
    pub fn duplicate_fd(&self, number: i32) -> io::Result<OwnedFd> {
        Ok(pidfd_getfd(&self.fd, number, PidfdGetfdFlags::empty())?)
    }

    /// Waits for the end. Cancel-safe; may be called again after it returned.
    pub async fn wait(&mut self) -> io::Result<Exit> {
        {
            #[expect(
                deprecated,
                reason = "its successor is unsafe; a borrowed pidfd is neither replaced nor closed while registered"
            )]
            let fd = AsyncFd::with_interest(self.fd.as_fd(), Interest::READABLE)?;
            let _ended = fd.readable().await?;
        }
        let status = match &mut self.child {
            Some(child) => Some(child.wait()?),
            None => {
                self.reap();
                None
            }
        };
        Ok(Exit { status })
    }

    /// An adopted process is our own child all the same when the program that started it became this one (`execve`). Nobody else
    /// would take it out of the kernel's table then.
    fn reap(&self) {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG;
        // `ECHILD` for everybody else's.
        let _not_ours = waitid(WaitId::PidFd(self.fd.as_fd()), options);
    }

    /// Waits for the end, at most `limit`; `None` when it still runs then.
    ///
    /// # Errors
    /// As [`Process::wait`].
    pub async fn wait_for(&mut self, limit: Duration) -> io::Result<Option<Exit>> {
        match tokio::time::timeout(limit, self.wait()).await {
            Ok(exit) => exit.map(Some),
            Err(_elapsed) => Ok(None),
        }
    }
}

fn open(pid: u32) -> io::Result<OwnedFd> {
    let pid = i32::try_from(pid)
        .ok()
        .and_then(Pid::from_raw)
        .ok_or(io::ErrorKind::InvalidInput)?;
    Ok(pidfd_open(pid, PidfdFlags::empty())?)
}
