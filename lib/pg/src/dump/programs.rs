use std::io::{self, Read};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread::JoinHandle;

use mpanel_process::account::Account;

use super::{DumpError, Target};
use crate::server;

/// Of what a program complains about: what is more is no news.
const COMPLAINTS: u64 = 64 << 10;

/// The folder of the newest installed programs, which read every older server.
pub(super) fn newest(needed: u32) -> Result<PathBuf, DumpError> {
    let installed = server::installed(None)?;
    let Some(newest) = installed.into_iter().next() else {
        return Err(DumpError::OldPrograms { installed: 0, needed });
    };
    if newest.major < needed {
        return Err(DumpError::OldPrograms {
            installed: newest.major,
            needed,
        });
    }
    Ok(newest.bin)
}

/// One of PostgreSQL's programs at work; it ends with this.
#[derive(Debug)]
pub(super) struct Program {
    name: &'static str,
    child: Child,
    /// What it says meanwhile, to a thread of its own: a program whose complaints nobody takes stands still.
    complaints: Option<JoinHandle<io::Result<String>>>,
}

/// Starts it with all streams piped, as this account or as this program's own; where the database is goes by environment, which only
/// its own user and root can read.
pub(super) fn start(
    (bin, name): (&Path, &'static str),
    arguments: &[&str],
    target: &Target,
    account: Option<&Account>,
) -> Result<Program, DumpError> {
    let path = bin.join(name);
    let failed = |source| DumpError::Io {
        what: format!("starting {}", path.display()),
        source,
    };
    let mut command = Command::new(&path);
    if let Some(account) = account {
        // Given a uid, the standard library also drops every supplementary group when it runs as root.
        command.gid(account.gid).uid(account.uid);
    }
    let mut child = command
        .args(arguments)
        .env_clear()
        .env("LC_ALL", "C")
        .envs(target.environment())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .current_dir("/")
        .spawn()
        .map_err(failed)?;
    let stderr = child.stderr.take();
    let mut program = Program {
        name,
        child,
        complaints: None,
    };
    if let Some(stderr) = stderr {
        let listening = std::thread::Builder::new().name(name.to_owned());
        program.complaints = Some(listening.spawn(move || listen(stderr)).map_err(failed)?);
    }
    Ok(program)
}

/// Takes everything, and keeps the beginning.
fn listen(mut stderr: impl Read) -> io::Result<String> {
    let mut kept = Vec::new();
    stderr.by_ref().take(COMPLAINTS).read_to_end(&mut kept)?;
    io::copy(&mut stderr, &mut io::sink())?;
    Ok(String::from_utf8_lossy(&kept).into_owned())
}

impl Program {
    pub(super) fn stdin(&mut self) -> Option<ChildStdin> {
        self.child.stdin.take()
    }

    pub(super) fn stdout(&mut self) -> Option<ChildStdout> {
        self.child.stdout.take()
    }

    /// Waits for its end and judges it.
    pub(super) fn finish(mut self) -> Result<(), DumpError> {
        let io = |what: &str| {
            let what = format!("{what} {}", self.name);
            move |source| DumpError::Io { what, source }
        };
        let text = match self.complaints.take().map(JoinHandle::join) {
            Some(Ok(text)) => text.map_err(io("listening to"))?,
            // It panics at nothing; what it would have heard is not known.
            Some(Err(_)) | None => String::new(),
        };
        let status = self.child.wait().map_err(io("waiting for"))?;
        if status.success() {
            return Ok(());
        }
        Err(DumpError::Failed {
            program: self.name,
            status: status.to_string(),
            text: text.trim().to_owned(),
        })
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}
