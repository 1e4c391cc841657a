//! What a supervisor that was just started does about versions: the first thing after it has the data folder to itself, so that as
//! little as possible of a version that does not work stands between it and the one that does.

use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use jiff::Timestamp;
use mpanel_kernel::clock::{Clock as _, SystemClock};

use super::record::{Record, Tried};
use crate::pretence;
use crate::up::programs::{self, Version};

/// Tells a kept supervisor which program is installed: that is what it hands over to when it is asked to.
pub const INSTALLED: &str = "INSTALLED_PROGRAM";
/// How often a supervisor is started for a version before that has proven itself: one that was killed is no reason to go back.
const MOST_STARTS: u32 = 3;

/// What this supervisor runs.
#[derive(Debug, Clone)]
pub struct Launch {
    /// From where every process is started.
    pub programs: PathBuf,
    /// The version that has to prove itself, when it has to.
    pub trial: Option<Version>,
}

impl Launch {
    /// Of a kept version, which has nothing to prove.
    pub fn of(programs: &Path) -> Self {
        Self {
            programs: programs.to_owned(),
            trial: None,
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
pub(in crate::up) enum Decision {
    /// Nothing ran here before, or this did.
    Run,
    Try,
    /// It was tried and does not work; with the reason when that is news.
    GoBack(Option<String>),
}

/// Decides, and notes it.
pub(in crate::up) fn decide(record: &mut Record, installed: &Version, can_go_back: bool) -> Decision {
    let Some(running) = &record.running else {
        record.running = Some(installed.clone());
        return Decision::Run;
    };
    if running == installed {
        record.trial = None;
        record.refused = None;
        return Decision::Run;
    }
    let refused = record.refused.as_ref();
    if can_go_back && refused.is_some_and(|refused| refused.version == *installed) {
        return Decision::GoBack(None);
    }
    let starts = match &record.trial {
        Some(tried) if tried.version == *installed => tried.starts,
        _ => 0,
    };
    if can_go_back && starts >= MOST_STARTS {
        return Decision::GoBack(Some(format!(
            "its supervisor ended {starts} times before the panel was healthy"
        )));
    }
    record.refused = None;
    record.trial = Some(Tried {
        version: installed.clone(),
        starts: starts + 1,
        until: None,
    });
    Decision::Try
}

/// Decides what the programs in `installed` are, and does not return when the version before is to be started instead: `back` is this
/// command with the kept program.
///
/// # Errors
/// When the programs are not there.
pub fn launch(data: &Path, installed: &Path, back: impl FnOnce(PathBuf) -> Command) -> anyhow::Result<Launch> {
    let mut record = Record::load(data);
    let version = Version::of(installed)?;
    let before = record.running.clone();
    let can_go_back = before.as_ref().is_some_and(|before| before.is_kept(data));
    let decision = decide(&mut record, &version, can_go_back);
    if let Decision::GoBack(news) = &decision {
        if let Some(reason) = news {
            record.refuse(&version, reason, SystemClock.now());
        }
        note(&record, data);
        let before = before.ok_or_else(|| anyhow::anyhow!("no version ran before"))?;
        if let Some(refused) = &record.refused {
            let told = refused.told();
            let reason = refused.reason.as_str();
            match refused.on_purpose {
                true => tracing::warn!(
                    version = version.name,
                    reason,
                    "the installed version {told}; starting version {} instead",
                    before.name
                ),
                false => tracing::error!(
                    version = version.name,
                    reason,
                    "the installed version {told}; starting version {} instead",
                    before.name
                ),
            }
        }
        let error = back(before.folder(data).join("mpanel")).exec();
        anyhow::bail!("cannot start version {}, which ran before: {error}", before.name);
    }
    note(&record, data);
    let programs = programs::keep(data, &version, installed).unwrap_or_else(|error| {
        tracing::warn!(%error, "cannot keep a copy of the programs: there will be no way back from the next version");
        installed.to_owned()
    });
    if decision == Decision::Try {
        tracing::info!(
            version = version.name,
            from = before.map(|before| before.name),
            "trying another version"
        );
        if !can_go_back {
            tracing::warn!("the programs of the version before are not there any more: there is no way back to it");
        }
        pretence::hold("begin");
        return Ok(Launch {
            programs,
            trial: Some(version),
        });
    }
    programs::forget_others(data, &record.wanted());
    Ok(Launch { programs, trial: None })
}

/// The supervisor of the version before, when there is a way back to it from this one.
pub fn kept(data: &Path, version: &Version) -> Option<PathBuf> {
    let before = Record::load(data).running?;
    (before != *version && before.is_kept(data)).then(|| before.folder(data).join("mpanel"))
}

/// Notes that a version does not work.
pub fn refuse(data: &Path, version: &Version, reason: &str) {
    let mut record = Record::load(data);
    record.refuse(version, reason, SystemClock.now());
    note(&record, data);
    tracing::error!(
        version = version.name,
        reason,
        "this version does not work, going back to the one before"
    );
}

/// Notes when the trial is decided at the latest: whoever waits for it waits no longer.
pub fn limit(data: &Path, until: Timestamp) {
    let mut record = Record::load(data);
    if let Some(tried) = &mut record.trial {
        tried.until = Some(until);
        note(&record, data);
    }
}

fn note(record: &Record, data: &Path) {
    if let Err(error) = record.save(data) {
        tracing::warn!(%error, "cannot note which version is tried");
    }
}
