//! What this machine has to offer to mPanel, one question a check, each with what to do when the answer is no. `mpanel setup`
//! asks them before it changes anything, `mpanel doctor` afterwards.
//!
//! A check reads and never changes; what it finds depends on [`Machine`] alone, so that tests can show it another one.

mod machine;
mod ports;
mod software;

#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Serialize;

/// What a check found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    Ok,
    /// It works, but somebody should know.
    Warning,
    /// It will not work.
    Failure,
}

/// One question about the machine and its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Stable, for scripts and `--ignore`: `memory`, `port.dns`, …
    pub id: &'static str,
    /// What was looked at.
    pub title: &'static str,
    pub state: State,
    /// What was found, with figures.
    pub detail: String,
    /// What to do about it; `None` when there is nothing to do.
    pub fix: Option<String>,
}

impl Check {
    pub fn ok(id: &'static str, title: &'static str, detail: impl Into<String>) -> Self {
        Self {
            id,
            title,
            state: State::Ok,
            detail: detail.into(),
            fix: None,
        }
    }

    pub fn warning(id: &'static str, title: &'static str, detail: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            state: State::Warning,
            fix: Some(fix.into()),
            ..Self::ok(id, title, detail)
        }
    }

    pub fn failure(id: &'static str, title: &'static str, detail: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            state: State::Failure,
            ..Self::warning(id, title, detail, fix)
        }
    }
}

/// The machine to look at.
#[derive(Debug, Clone)]
pub struct Machine {
    /// `/`, or what stands in for it in a test.
    root: PathBuf,
}

impl Machine {
    /// The machine that this program runs on.
    pub fn this() -> Self {
        Self {
            root: PathBuf::from("/"),
        }
    }

    #[cfg(test)]
    pub fn at(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// Where an absolute path is.
    pub fn path(&self, absolute: impl AsRef<Path>) -> PathBuf {
        let path = absolute.as_ref();
        self.root.join(path.strip_prefix("/").unwrap_or(path))
    }

    fn read(&self, absolute: &str) -> Option<String> {
        std::fs::read_to_string(self.path(absolute)).ok()
    }

    fn has(&self, absolute: &str) -> bool {
        self.path(absolute).exists()
    }

    /// Whether systemd is what starts and stops services here.
    pub fn has_systemd(&self) -> bool {
        self.has("/run/systemd/system")
    }

    /// Whether this is a container, whose clock and kernel are its host's business.
    fn is_container(&self) -> bool {
        ["/run/systemd/container", "/.dockerenv", "/run/.containerenv"]
            .iter()
            .any(|file| self.has(file))
    }
}

/// What an installation would ask of the machine.
#[derive(Debug, Clone)]
pub struct Demands<'a> {
    pub data: &'a Path,
    /// Setting, its address, and whether UDP is wanted besides TCP.
    pub addresses: Vec<(&'static str, SocketAddr, bool)>,
    /// Names at which the panel is to answer.
    pub hosts: &'a [String],
    /// Whether PostgreSQL is somebody else's.
    pub external_database: bool,
}

/// Every check, in the order in which they are read: the machine, its network, its software.
pub fn all(machine: &Machine, demands: &Demands<'_>) -> Vec<Check> {
    let mut checks = vec![
        machine::distribution(machine),
        machine::kernel(machine),
        machine::sandbox(machine),
        machine::memory(machine),
        machine::disk(machine, demands.data),
        machine::clock(machine),
        machine::host_name(machine, demands.hosts),
    ];
    checks.extend(ports::all(machine, demands));
    checks.push(software::postgresql(demands.external_database));
    checks.push(software::panels(machine));
    checks
}

/// Those that a machine on which mPanel runs is asked again: what changes after the set-up.
pub fn standing(machine: &Machine, data: &Path, external_database: bool) -> Vec<Check> {
    vec![
        machine::kernel(machine),
        machine::sandbox(machine),
        machine::memory(machine),
        machine::disk(machine, data),
        machine::clock(machine),
        software::postgresql(external_database),
    ]
}

/// The worst of all answers.
pub fn worst(checks: &[Check]) -> State {
    checks.iter().map(|check| check.state).max().unwrap_or(State::Ok)
}

/// A check a line, with what to do below those that need something.
pub fn told(checks: &[Check]) -> String {
    let mut text = String::new();
    for check in checks {
        let word = match check.state {
            State::Ok => "ok     ",
            State::Warning => "warning",
            State::Failure => "FAILURE",
        };
        text += &format!("  {word}  {}: {}\n", check.title, check.detail);
        if let Some(fix) = &check.fix {
            text += &format!("           {} ({})\n", fix, check.id);
        }
    }
    text
}
