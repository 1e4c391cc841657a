//! Backups that the installation makes of itself: when one is due, and how it is started.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use mpanel_config::Config;
use mpanel_process::Spawn;
use mpanel_server::recovery::Noted;

use super::{bequest, logs, settings, upgrade};

/// The name of its log.
pub const LOG: &str = "backup";
/// After one that failed.
const RETRY: SignedDuration = SignedDuration::from_hours(1);

/// Every day at an hour.
#[derive(Debug, Clone)]
pub struct Schedule {
    pub hour: i8,
    pub zone: TimeZone,
}

impl Schedule {
    /// Whether one is to begin now: none was made since the hour came last, and none has failed just now.
    pub fn is_due(&self, now: Timestamp, noted: &Noted) -> bool {
        let (due, now) = (self.last(now).as_second(), now.as_second());
        // What claims to be of later comes from a clock that was wrong.
        let since = |at: i64| (due..=now).contains(&at);
        let has_just_failed = since(noted.failed_at) && now - noted.failed_at < RETRY.as_secs();
        !since(noted.at) && !has_just_failed
    }

    /// When it was this hour last. On a day without it, since the clocks go forward, it comes as much later.
    fn last(&self, now: Timestamp) -> Timestamp {
        let on = |date: Date| {
            let hour = date.at(self.hour, 0, 0, 0).to_zoned(self.zone.clone());
            hour.map_or(Timestamp::MAX, |hour| hour.timestamp())
        };
        let mut date = now.to_zoned(self.zone.clone()).date();
        while on(date) > now
            && let Ok(before) = date.yesterday()
        {
            date = before;
        }
        on(date)
    }
}

/// The command and when it is due.
#[derive(Debug)]
pub struct Backups {
    pub schedule: Schedule,
    program: PathBuf,
    arguments: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    /// Once the panel has served there is an installation.
    pub has_served: bool,
    /// The one under way: its pid and start.
    pub running: Option<(u32, u64)>,
}

/// What `up` was told on its command line, which the command has to be told as well.
#[derive(Debug, Clone)]
pub struct Told {
    pub config: Option<PathBuf>,
    pub database_url: bool,
}

impl Backups {
    /// `None` where no folder is named for them.
    ///
    /// # Errors
    /// When the machine no longer knows the time zone.
    pub fn of(config: &Config, data: &Path, programs: &Path, told: &Told) -> anyhow::Result<Option<Self>> {
        let own = &config.backup.own;
        let Some(folder) = &own.folder else { return Ok(None) };
        let mut arguments: Vec<OsString> = vec!["backup".into(), "self".into(), "--unattended".into()];
        let mut option = |name: &str, value: &dyn AsRef<std::ffi::OsStr>| {
            arguments.extend([name.into(), value.as_ref().to_owned()]);
        };
        option("--data", &data);
        option("--to", folder);
        option("--keep", &own.keep.to_string());
        if let Some(file) = &told.config {
            option("--config", file);
        }
        for recipient in &own.recipients {
            option("--recipient", recipient);
        }
        match &own.passphrase_file {
            _ if !own.recipients.is_empty() => {}
            Some(file) => option("--passphrase-file", file),
            None => arguments.push("--without-keys".into()),
        }
        let mut environment: Vec<_> = std::env::vars_os()
            .filter(|(name, _)| name != upgrade::INSTALLED && name != bequest::MARK)
            .collect();
        if let Some(url) = config.database_url.as_ref().filter(|_| told.database_url) {
            environment.push((settings::variable("database_url").into(), url.expose().into()));
        }
        Ok(Some(Self {
            schedule: Schedule {
                hour: i8::try_from(own.hour)?,
                zone: TimeZone::get(&own.time_zone)?,
            },
            program: programs.join("mpanel"),
            arguments,
            environment,
            has_served: false,
            running: None,
        }))
    }

    /// It ends with the supervisor: half an archive is nobody's, and its successor begins anew.
    ///
    /// # Errors
    /// When its log cannot be opened.
    pub fn command(&self, data: &Path) -> std::io::Result<Spawn> {
        let mut command = Spawn::new(&self.program)
            .args(&self.arguments)
            .output(logs::open(data, LOG)?)
            .dies_with_thread("KILL");
        for (name, value) in &self.environment {
            command = command.env(name, value);
        }
        Ok(command)
    }
}
