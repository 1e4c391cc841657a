use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use command_fds::{CommandFdExt, FdMapping};
use rustix::io::fcntl_dupfd_cloexec;

use crate::Process;
use crate::account::Account;
use crate::inherited::{FIRST_FD, LISTEN_FDNAMES, LISTEN_FDS};

/// The lowest descriptor for a program executed through one.
const HELD_PROGRAM_FD: i32 = 200;

/// A socket handed to a child under a name.
#[derive(Debug)]
pub struct Listener {
    pub name: String,
    pub fd: OwnedFd,
}

/// How to start a process: argv, an environment that holds only what is named here, its own process group, nothing on stdin.
#[derive(Debug, Default)]
pub struct Spawn {
    program: PathBuf,
    arguments: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    ids: Option<(u32, u32)>,
    directory: Option<PathBuf>,
    output: Option<File>,
    listeners: Vec<Listener>,
    dies_with_thread: Option<&'static str>,
}

impl Spawn {
    pub fn new(program: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
            ..Self::default()
        }
    }

    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.arguments.push(argument.as_ref().to_owned());
        self
    }

    pub fn args<S: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = S>) -> Self {
        self.arguments
            .extend(arguments.into_iter().map(|argument| argument.as_ref().to_owned()));
        self
    }

    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.environment
            .push((name.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Runs as this account, with its primary group and no supplementary ones; `None` keeps the caller's identity.
    pub fn run_as(mut self, account: Option<&Account>) -> Self {
        self.ids = account.map(|account| (account.uid, account.gid));
        self
    }

    pub fn directory(mut self, directory: impl AsRef<Path>) -> Self {
        self.directory = Some(directory.as_ref().to_owned());
        self
    }

    /// Sends both output streams to this file; without it they are discarded.
    pub fn output(mut self, file: File) -> Self {
        self.output = Some(file);
        self
    }

    /// Hands these sockets over as descriptors 3, 4, … with `LISTEN_FDS` and `LISTEN_FDNAMES`.
    pub fn listeners(mut self, listeners: Vec<Listener>) -> Self {
        self.listeners = listeners;
        self
    }

    /// Asks the kernel to send `signal` (a name without `SIG`) when the *thread* that starts the process ends. For tests.
    pub fn dies_with_thread(mut self, signal: &'static str) -> Self {
        self.dies_with_thread = Some(signal);
        self
    }

    /// Starts the process.
    ///
    /// # Errors
    /// When the program is missing or not executable, the identity may not be taken, or descriptors run out.
    pub fn start(self) -> io::Result<Process> {
        let (program, _held) = self.reachable_program()?;
        let mut command = match self.dies_with_thread {
            // `setpriv` keeps the pid: it sets the signal and then becomes the program.
            Some(signal) => {
                let mut command = Command::new("setpriv");
                command.args(["--pdeathsig", signal, "--"]).arg(&program);
                command
            }
            None => {
                let mut command = Command::new(&program);
                command.arg0(&self.program);
                command
            }
        };
        command
            .args(&self.arguments)
            .env_clear()
            .envs(self.environment)
            .process_group(0)
            .stdin(Stdio::null());
        // Not the caller's folder: it may be unreadable for the new identity, or keep a mount busy.
        command.current_dir(self.directory.as_deref().unwrap_or(Path::new("/")));
        if let Some((uid, gid)) = self.ids {
            // Given a uid, the standard library also drops every supplementary group when it runs as root.
            command.gid(gid).uid(uid);
        }
        match self.output {
            Some(file) => command.stderr(file.try_clone()?).stdout(file),
            None => command.stdout(Stdio::null()).stderr(Stdio::null()),
        };
        if !self.listeners.is_empty() {
            let names: Vec<&str> = self.listeners.iter().map(|listener| listener.name.as_str()).collect();
            command
                .env(LISTEN_FDS, names.len().to_string())
                .env(LISTEN_FDNAMES, names.join(":"));
            let mappings = (FIRST_FD..).zip(self.listeners).map(|(child_fd, listener)| FdMapping {
                parent_fd: listener.fd,
                child_fd,
            });
            command.fd_mappings(mappings.collect()).map_err(io::Error::other)?;
        }
        Process::from_child(command.spawn()?)
    }

    /// The path to execute. A program in a folder that the new identity may not enter (root's home, in development) is opened
    /// here and executed through its descriptor, which needs no way through the folders.
    fn reachable_program(&self) -> io::Result<(PathBuf, Option<OwnedFd>)> {
        if self.ids.is_none() || !self.program.is_absolute() || is_open_to_all(&self.program) {
            return Ok((self.program.clone(), None));
        }
        // Far above the descriptors that listeners are moved to.
        let fd = fcntl_dupfd_cloexec(File::open(&self.program)?, HELD_PROGRAM_FD)?;
        Ok((PathBuf::from(format!("/proc/self/fd/{}", fd.as_raw_fd())), Some(fd)))
    }
}

/// Whether any account may walk to this file.
fn is_open_to_all(path: &Path) -> bool {
    let real = path.canonicalize().unwrap_or_else(|_missing| path.to_owned());
    let folders = real.ancestors().chain(path.ancestors().skip(1));
    folders
        .into_iter()
        .all(|folder| std::fs::metadata(folder).is_ok_and(|metadata| metadata.mode() & 0o001 != 0))
}
