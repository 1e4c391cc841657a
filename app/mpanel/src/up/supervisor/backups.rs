//! Starts the backups that are due, and sees to what came of them.

use mpanel_kernel::clock::{Clock as _, SystemClock};
use mpanel_process::Signal;
use mpanel_server::recovery;

use super::attempt::{end_process, watched};
use super::{Event, Supervisor};
use crate::up::backups::{Backups, LOG};
use crate::up::logs;

impl Supervisor {
    /// Also backs up what it runs.
    pub fn backing_up(mut self, backups: Option<Backups>) -> Self {
        self.backups = backups;
        self
    }

    /// There is something to back up from now on.
    pub(super) fn allow_backups(&mut self) {
        if let Some(backups) = &mut self.backups {
            backups.has_served = true;
        }
    }

    /// What is seen to now and then: the sizes of logs, what is left to tell, whether a backup is due.
    pub(super) fn look_around(&mut self) {
        logs::rotate(&self.data);
        self.tell_again();
        self.look_for_backup();
    }

    /// Starts one that is due, but not while a version is tried.
    fn look_for_backup(&mut self) {
        let Some(backups) = &mut self.backups else { return };
        let idle = backups.has_served && backups.running.is_none();
        if !idle || self.attempt.is_some() || self.machine.is_stopping() {
            return;
        }
        if !backups.schedule.is_due(SystemClock.now(), &recovery::noted(&self.data)) {
            return;
        }
        let log = logs::path(&self.data, LOG);
        let begin = std::fs::metadata(&log).map_or(0, |file| file.len());
        match backups.command(&self.data).and_then(|command| command.start()) {
            Ok(mut process) => {
                tracing::info!(pid = process.pid(), "backing up");
                backups.running = Some((process.pid(), process.start()));
                process.end_on_drop(Some(Signal::KILL));
                self.tasks
                    .spawn(async move { Event::BackupEnded(watched(process, &log, begin).await) });
            }
            Err(error) => self.backup_ended(Err(error.to_string())),
        }
    }

    pub(super) fn backup_ended(&mut self, result: Result<(), String>) {
        if let Some(backups) = &mut self.backups {
            backups.running = None;
        }
        match result {
            Ok(()) => tracing::info!("the installation is backed up"),
            Err(_) if self.machine.is_stopping() => {}
            Err(reason) => {
                tracing::error!(
                    reason,
                    "the installation could not be backed up, trying again in an hour"
                );
                if let Err(error) = recovery::note_failure(&self.data, SystemClock.now(), &reason) {
                    tracing::warn!(%error, "cannot note that the backup failed");
                }
            }
        }
    }

    /// Ends one that is under way; nothing is left of it.
    pub(super) fn end_backup(&mut self) {
        if let Some(running) = self.backups.as_mut().and_then(|backups| backups.running.take()) {
            end_process(running);
        }
    }
}
