//! Carries out what [`trial`] decides: a version that is tried proves itself, or gives way to the one before.

use std::io::{Read as _, Seek as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use mpanel_kernel::clock::{Clock as _, SystemClock};
use mpanel_process::{Process, Signal};

use super::{Event, Input, Supervisor};
use crate::pretence;
use crate::up::logs;
use crate::up::programs::{self, Version};
use crate::up::upgrade::trial::{self, Action, Limits, Trial};
use crate::up::upgrade::{self, Record};

/// Beside the logs of the processes: what ran once in upgrades.
const LOG: &str = "upgrade";
/// Of a reason, which becomes part of a row and a line.
const REASON_MAX: usize = 400;

/// A version that has to prove itself.
#[derive(Debug)]
pub struct Attempt {
    pub version: Version,
    /// The supervisor of the version before, when there is a way back.
    pub back: Option<Command>,
    pub limits: Limits,
}

/// The same, begun.
#[derive(Debug)]
pub struct Underway {
    version: Version,
    back: Option<Command>,
    /// Data planes of the version before run, and can be asked.
    has_old_planes: bool,
    trial: Trial,
}

/// What runs once, as the panel's user and from its program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Once {
    Migrate,
    /// What the data planes of the version before answer.
    Note,
    /// The same where none of them runs.
    Expect,
    Gate,
    Ask,
    Tell,
}

#[derive(Debug)]
pub struct Ended {
    once: Once,
    result: Result<(), String>,
}

impl Underway {
    pub fn deadline(&self) -> Option<Duration> {
        self.trial.deadline()
    }
}

impl Once {
    const fn name(self) -> &'static str {
        match self {
            Self::Migrate => "migrate",
            Self::Note => "note",
            Self::Expect => "expect",
            Self::Gate => "gate",
            Self::Ask => "ask",
            Self::Tell => "tell",
        }
    }
}

impl Supervisor {
    /// What runs from other programs is replaced in the order of [`trial`].
    pub fn trying(mut self, attempt: Option<Attempt>) -> Self {
        let stale = |index: &usize| {
            let slot = &self.slots[*index];
            slot.process.is_some() && slot.fingerprint != slot.child.fingerprint()
        };
        let is_panel = |index: &usize| ["agent", "serve"].contains(&self.slots[*index].child.name);
        let (panel, planes): (Vec<_>, Vec<_>) = (0..self.slots.len()).filter(stale).partition(is_panel);
        self.attempt = attempt.map(|attempt| Underway {
            has_old_planes: !planes.is_empty(),
            trial: Trial::new(panel, planes, attempt.limits),
            version: attempt.version,
            back: attempt.back,
        });
        self
    }

    pub(super) fn try_on(&mut self, input: trial::Input) {
        let now = self.now();
        if self.machine.is_stopping() {
            return;
        }
        let Some(underway) = &mut self.attempt else { return };
        for action in underway.trial.step(now, input) {
            self.take_step(action);
        }
    }

    fn take_step(&mut self, action: Action) {
        match action {
            Action::Migrate => {
                pretence::hold("migrate");
                self.run_once(Once::Migrate);
            }
            Action::Note => {
                let is_old = self.attempt.as_ref().is_some_and(|underway| underway.has_old_planes);
                self.run_once(if is_old { Once::Note } else { Once::Expect });
            }
            Action::Replace(index) => {
                pretence::hold(self.slots[index].child.name);
                self.feed(Input::Replace(index));
            }
            Action::Gate => {
                pretence::hold("gate");
                self.run_once(Once::Gate);
            }
            Action::Ask => {
                pretence::hold("ask");
                self.run_once(Once::Ask);
            }
            Action::Accept => self.accept(),
            Action::GoBack(reason) => self.go_back(&reason),
        }
    }

    fn accept(&mut self) {
        let Some(underway) = self.attempt.take() else { return };
        pretence::hold("accept");
        let mut record = Record::load(&self.data);
        record.accept(&underway.version, SystemClock.now());
        match record.save(&self.data) {
            Ok(()) => programs::forget_others(&self.data, &record.wanted()),
            // It is tried again at the next start, and nothing is lost.
            Err(error) => tracing::error!(%error, "cannot note that the new version works"),
        }
        self.forget_questions();
        tracing::info!(version = underway.version.name, "the new version works, and stays");
        self.wait_for_the_panel();
    }

    fn go_back(&mut self, reason: &str) {
        let Some(mut underway) = self.attempt.take() else {
            return;
        };
        self.end_once();
        self.forget_questions();
        let Some(mut back) = underway.back.take() else {
            tracing::error!(
                reason,
                "this version does not work, and there is no way back to the one before"
            );
            self.wait_for_the_panel();
            return;
        };
        upgrade::refuse(&self.data, &underway.version, reason);
        if !self.can_be_succeeded() {
            // It could not adopt what runs, but it can start all of it.
            self.afterwards = Some(back);
            self.feed(Input::Stop);
            return;
        }
        self.end_backup();
        self.bequeath(&mut back);
        pretence::hold("back");
        let error = back.exec();
        tracing::error!(%error, "cannot start the version before, going on with this one");
        self.take_bequest_back();
        self.wait_for_the_panel();
    }

    /// The next trial, also one of the same version, notes its own.
    fn forget_questions(&self) {
        match std::fs::remove_file(self.data.join(upgrade::QUESTIONS)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                tracing::warn!(%error, "cannot remove what the data planes were asked");
            }
            _ => {}
        }
    }

    /// Has the outcome of an upgrade written to the audit log, unless it stands there.
    pub(super) fn tell_outcome(&mut self) {
        if Record::load(&self.data).untold().is_some() {
            self.run_once(Once::Tell);
        }
    }

    /// The same, when the log has not taken it.
    pub(super) fn tell_again(&mut self) {
        if std::mem::take(&mut self.untold) {
            self.tell_outcome();
        }
    }

    fn run_once(&mut self, once: Once) {
        let ended = move |result| Event::Once(Ended { once, result });
        let log = logs::path(&self.data, LOG);
        let begin = std::fs::metadata(&log).map_or(0, |file| file.len());
        match self.start_once(once) {
            Ok(process) => {
                self.once = Some((process.pid(), process.start()));
                self.tasks.spawn(async move {
                    let result = watched(process, &log, begin).await;
                    ended(result.map_err(|said| format!("{}: {said}", once.name())))
                });
            }
            Err(error) => {
                self.tasks
                    .spawn(async move { ended(Err(format!("{}: {error}", once.name()))) });
            }
        }
    }

    fn start_once(&self, once: Once) -> std::io::Result<Process> {
        let serve = self.slots.iter().find(|slot| slot.child.name == "serve");
        let serve = serve.ok_or_else(|| std::io::Error::other("there is no panel"))?;
        let mut child = serve.child.clone();
        child.name = LOG;
        child.arguments.extend(["--once".into(), once.name().into()]);
        let mut process = child.command(&self.data)?.start()?;
        process.end_on_drop(Some(Signal::KILL));
        Ok(process)
    }

    fn end_once(&mut self) {
        if let Some(once) = self.once.take() {
            end_process(once);
        }
    }

    pub(super) fn once_ended(&mut self, Ended { once, result }: Ended) {
        self.once = None;
        if once != Once::Tell {
            self.try_on(trial::Input::StepEnded(result));
            return;
        }
        match result {
            Ok(()) => {
                let mut record = Record::load(&self.data);
                record.told();
                match record.save(&self.data) {
                    Ok(()) => self.tell_outcome(),
                    Err(error) => tracing::warn!(%error, "cannot note that the audit log has the upgrade"),
                }
            }
            Err(error) => {
                tracing::warn!(error, "the upgrade does not stand in the audit log yet, trying again");
                self.untold = true;
            }
        }
    }
}

/// Waits until it ends, and gives the last that it said when that is not well.
pub(super) async fn watched(mut process: Process, log: &Path, begin: u64) -> Result<(), String> {
    let exit = process.wait().await;
    let good = exit
        .as_ref()
        .is_ok_and(|exit| exit.status.is_some_and(|status| status.success()));
    let said = || last_line(log, begin).unwrap_or_else(|| format!("{exit:?}"));
    good.then_some(()).ok_or_else(said)
}

/// Ends a process at once; it may have ended already.
pub(super) fn end_process((pid, start): (u32, u64)) {
    if let Ok(Some(process)) = Process::adopt(pid, start)
        && let Err(error) = process.signal(Signal::KILL)
    {
        tracing::warn!(pid, %error, "cannot end a process");
    }
}

/// The last line written to a log since it had this length.
fn last_line(log: &Path, since: u64) -> Option<String> {
    let mut file = std::fs::File::open(log).ok()?;
    file.seek(std::io::SeekFrom::Start(since)).ok()?;
    let mut text = String::new();
    file.take(64 << 10).read_to_string(&mut text).ok()?;
    let line = text.lines().rfind(|line| !line.trim().is_empty())?;
    Some(
        line.trim()
            .trim_start_matches("mpanel: ")
            .chars()
            .take(REASON_MAX)
            .collect(),
    )
}
