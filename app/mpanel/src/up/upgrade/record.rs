//! `programs/upgrade.json`: which version runs, which one is being tried, and which one was tried and did not work.

use std::fs::{File, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::up::programs::{FOLDER, Version};

/// All of it. Everybody on the machine may read it, and only the supervisor's user writes it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The version that proved itself last: what is gone back to.
    pub running: Option<Version>,
    pub trial: Option<Tried>,
    pub refused: Option<Refused>,
    /// How the last upgrade ended.
    pub outcome: Option<Outcome>,
    /// How upgrades before it ended, of which the audit log has heard nothing; the oldest first.
    #[serde(default)]
    pub earlier: Vec<Outcome>,
    /// The version that ran before the one that runs: its programs are kept until the next one has proven itself.
    #[serde(default)]
    pub before: Option<Version>,
}

/// The version that is being tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tried {
    pub version: Version,
    /// How often its supervisor has been started for it.
    pub starts: u32,
    /// When it is decided at the latest, counted from that start; unknown until its supervisor has read its settings.
    #[serde(default)]
    pub until: Option<Timestamp>,
}

/// A version that did not work, or that somebody went back from, and is not tried again until other programs are installed or somebody asks for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    pub version: Version,
    pub reason: String,
    pub at: Timestamp,
    /// It worked, and somebody went back from it all the same.
    #[serde(default)]
    pub on_purpose: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    pub from: String,
    pub to: String,
    /// Why it was undone; `None` when the new version stays.
    pub reason: Option<String>,
    pub at: Timestamp,
    /// Whether the audit log has it.
    pub told: bool,
}

impl Refused {
    /// What became of it, without the reason: `… and did not work`.
    pub fn told(&self) -> String {
        match self.on_purpose {
            true => format!("worked, and was taken back on purpose at {:.0}", self.at),
            false => format!("was tried at {:.0} and did not work", self.at),
        }
    }
}

impl Record {
    fn path(data: &Path) -> PathBuf {
        data.join(FOLDER).join("upgrade.json")
    }

    /// What was noted; nothing where there is no installation yet. A file that cannot be read is as good as none: the installed
    /// version is then the one that runs.
    pub fn load(data: &Path) -> Self {
        match std::fs::read(Self::path(data)) {
            Ok(bytes) => serde_json::from_slice(&bytes).unwrap_or_else(|error| {
                tracing::warn!(%error, "the record of upgrades is unreadable, the installed version is taken as it is");
                Self::default()
            }),
            Err(_missing) => Self::default(),
        }
    }

    /// Replaces the file in one step, and on disk before it returns: what is decided must outlive a power cut.
    ///
    /// # Errors
    /// When the disk is full or the folder read-only.
    pub fn save(&self, data: &Path) -> io::Result<()> {
        let (path, fresh) = (Self::path(data), data.join(FOLDER).join("upgrade.json.new"));
        let mut file = File::create(&fresh)?;
        file.set_permissions(Permissions::from_mode(0o644))?;
        file.write_all(&serde_json::to_vec_pretty(self)?)?;
        file.sync_all()?;
        std::fs::rename(fresh, path)?;
        File::open(data.join(FOLDER))?.sync_all()
    }

    /// The version that is tried did not work.
    pub fn refuse(&mut self, version: &Version, reason: &str, at: Timestamp) {
        let from = self
            .running
            .as_ref()
            .map_or_else(String::new, |running| running.name.clone());
        self.trial = None;
        self.give_up(version, reason, at, false);
        self.end(Outcome {
            from,
            to: version.name.clone(),
            reason: Some(reason.to_owned()),
            at,
            told: false,
        });
    }

    /// The version that is tried works, and stays.
    pub fn accept(&mut self, version: &Version, at: Timestamp) {
        let from = self.running.replace(version.clone());
        self.trial = None;
        self.refused = None;
        self.before = from.filter(|from| from != version);
        if let Some(from) = &self.before {
            let from = from.name.clone();
            self.end(Outcome {
                from,
                to: version.name.clone(),
                reason: None,
                at,
                told: false,
            });
        }
    }

    /// Somebody wants the version before, though the one that runs has proven itself. Gives both, the one to leave first;
    /// `None` when there is none before.
    pub fn go_back(&mut self, reason: &str, at: Timestamp) -> Option<(Version, Version)> {
        let running = self.running.clone()?;
        let before = self.before.take()?;
        self.running = Some(before.clone());
        self.trial = None;
        self.give_up(&running, reason, at, true);
        self.end(Outcome {
            from: before.name.clone(),
            to: running.name.clone(),
            reason: Some(reason.to_owned()),
            at,
            told: false,
        });
        Some((running, before))
    }

    fn give_up(&mut self, version: &Version, reason: &str, at: Timestamp, on_purpose: bool) {
        self.refused = Some(Refused {
            version: version.clone(),
            reason: reason.to_owned(),
            at,
            on_purpose,
        });
    }

    fn end(&mut self, outcome: Outcome) {
        let last = self.outcome.replace(outcome);
        self.earlier.extend(last.filter(|last| !last.told));
    }

    /// What the audit log has to be told next.
    pub fn untold(&self) -> Option<&Outcome> {
        let last = self.outcome.as_ref().filter(|outcome| !outcome.told);
        self.earlier.first().or(last)
    }

    /// The audit log has [`Record::untold`].
    pub fn told(&mut self) {
        if !self.earlier.is_empty() {
            self.earlier.remove(0);
        } else if let Some(outcome) = &mut self.outcome {
            outcome.told = true;
        }
    }

    /// The versions whose programs are kept while nothing is tried.
    pub fn wanted(&self) -> Vec<&Version> {
        self.running.iter().chain(&self.before).collect()
    }
}
