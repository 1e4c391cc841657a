//! The supervisor becomes the program that is installed, or the one of the version before.

use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use mpanel_process::procfs;

use super::{Event, Supervisor};
use crate::up::bequest;

/// How long a program may take to say that it starts.
const CHECK_LIMIT: Duration = Duration::from_secs(20);

impl Supervisor {
    /// Asks the program on disk whether it starts at all: what lacks a library, or does not understand its settings, must not be
    /// become, for nothing would be left to go back from it.
    pub(super) fn check_successor(&mut self) {
        let Some(successor) = &self.successor else { return };
        if self.machine.is_stopping() {
            return;
        }
        let mut command = tokio::process::Command::from(same(successor));
        command.arg("--check").stdin(Stdio::null()).kill_on_drop(true);
        self.tasks.spawn(async move {
            let output = match tokio::time::timeout(CHECK_LIMIT, command.output()).await {
                Ok(Ok(output)) => output,
                Ok(Err(error)) => return Event::Checked(Err(error.to_string())),
                Err(_) => return Event::Checked(Err(format!("it says nothing for {} s", CHECK_LIMIT.as_secs()))),
            };
            let told = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            let wrong = || format!("{} {told}", output.status);
            Event::Checked(output.status.success().then_some(()).ok_or_else(wrong))
        });
    }

    /// Becomes the program that stands on disk now, with the settings that stand there now. It keeps the pid and adopts the
    /// children as after a crash, so that those from the same program and settings do not notice, and the clients of the others
    /// wait in the listeners' queues. Nothing is dropped on the way: to drop a child is to end it in some states.
    pub(super) fn hand_over(&mut self, checked: Result<(), String>) {
        if self.machine.is_stopping() {
            return;
        }
        if let Err(error) = checked {
            tracing::error!(
                error,
                "the installed program does not start here, going on with this one"
            );
            return;
        }
        if !self.can_be_succeeded() {
            return;
        }
        let Some(mut successor) = self.successor.take() else {
            return;
        };
        tracing::info!("handing over to the program and the settings on disk");
        self.end_backup();
        self.bequeath(&mut successor);
        let error = successor.exec();
        tracing::error!(%error, program = %successor.get_program().display(), "cannot hand over, going on");
        self.successor = Some(successor);
        self.take_bequest_back();
    }

    /// A successor that may not look at it would not know its own PostgreSQL again, and start another one beside it.
    pub(super) fn can_be_succeeded(&self) -> bool {
        let server = self.postgres.as_ref().and_then(|postgres| postgres.server.as_ref());
        let hidden = server.is_some_and(|server| procfs::working_directory(server.pid()).is_none());
        if hidden {
            tracing::warn!(
                "cannot hand over: looking at processes is not allowed here (CAP_SYS_PTRACE); restart instead"
            );
        }
        !hidden
    }

    /// Leaves the children and the listeners to whom this process becomes.
    pub(super) fn bequeath(&self, successor: &mut Command) {
        self.save();
        match bequest::give(&self.sockets.open_ones()) {
            Ok(()) => successor.env(bequest::MARK, "1"),
            Err(error) => {
                tracing::warn!(%error, "the successor has to take the listeners back from the processes");
                successor.env_remove(bequest::MARK)
            }
        };
    }

    /// Nobody came.
    pub(super) fn take_bequest_back(&self) {
        if let Err(error) = bequest::clear() {
            tracing::warn!(%error, "cannot clear standard input");
        }
    }
}

/// A command like this one. It was not started yet, and holds no more than this.
fn same(command: &Command) -> Command {
    let mut same = Command::new(command.get_program());
    same.args(command.get_args()).env_clear();
    same.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    same
}
