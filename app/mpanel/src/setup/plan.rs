//! What a set-up consists of, and how much of it is done.

use std::path::Path;

use mpanel_process::account::Account;
use serde::Serialize;

use super::{CONFIG, DATA, steps};
use crate::checks::Machine;
use crate::up::accounts;

/// One step, and what it would change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    pub id: Id,
    pub title: &'static str,
    /// Nothing is left to do.
    pub done: bool,
    /// Every file, user and service that it would make or change.
    pub changes: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Id {
    Users,
    Data,
    Settings,
    Enable,
    Start,
}

/// The steps in their order.
///
/// # Errors
/// When the users cannot be read.
pub fn steps(machine: &Machine, text: &str) -> anyhow::Result<Vec<Step>> {
    let mut users = Vec::new();
    for name in accounts::NAMES {
        if Account::by_name(name)?.is_none() {
            users.push(format!("add the system user {name}, without home, shell and password"));
        }
    }
    let mut steps = vec![
        step(Id::Users, "users of the processes", users),
        step(Id::Data, "data folder", data(machine)),
        step(Id::Settings, "settings", settings(machine, text)),
    ];
    if machine.has_systemd() {
        steps.push(step(Id::Enable, "start with the machine", enable()));
        let applied = steps.iter().all(|step| step.done);
        steps.push(step(Id::Start, "the service", start(applied)));
    }
    Ok(steps)
}

fn step(id: Id, title: &'static str, changes: Vec<String>) -> Step {
    Step {
        id,
        title,
        done: changes.is_empty(),
        changes,
    }
}

fn data(machine: &Machine) -> Vec<String> {
    match machine.path(DATA).is_dir() {
        true => Vec::new(),
        false => vec![format!("make {DATA}, for everything that mPanel keeps")],
    }
}

fn settings(machine: &Machine, text: &str) -> Vec<String> {
    let mut changes = Vec::new();
    let file = machine.path(CONFIG);
    match std::fs::read_to_string(&file) {
        Ok(there) if there == text => {}
        found => {
            let verb = if found.is_ok() { "replace" } else { "write" };
            let lines = text.lines().filter(|line| !line.starts_with('#'));
            let shown: Vec<String> = lines.map(|line| format!("      {line}")).collect();
            changes.push(format!("{verb} {CONFIG}:\n{}", shown.join("\n")));
        }
    }
    let link = machine.path(Path::new(DATA).join("config.toml"));
    if std::fs::symlink_metadata(&link).is_err() {
        changes.push(format!("link {DATA}/config.toml to it, where commands look"));
    }
    changes
}

fn enable() -> Vec<String> {
    match steps::systemctl(&["is-enabled", "--quiet", steps::UNIT]).is_ok() {
        true => Vec::new(),
        false => vec![format!("enable {}", steps::UNIT)],
    }
}

fn start(applied: bool) -> Vec<String> {
    let runs = steps::systemctl(&["is-active", "--quiet", steps::UNIT]).is_ok();
    match (runs, applied) {
        (true, true) => Vec::new(),
        (true, false) => vec![format!("hand {} over to the new settings; sites stay up", steps::UNIT)],
        (false, _) => vec![format!("start {}", steps::UNIT)],
    }
}

/// A step a line, with its changes below.
pub fn told(steps: &[Step]) -> String {
    let mut text = String::new();
    for step in steps {
        match step.done {
            true => text += &format!("  {}: nothing to do\n", step.title),
            false => {
                text += &format!("  {}:\n", step.title);
                for change in &step.changes {
                    text += &format!("    - {change}\n");
                }
            }
        }
    }
    text
}
