//! `state.json`: which children run, so that a restarted supervisor finds them again.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    pub children: Vec<Child>,
    /// Addresses as bound, by setting; for tools and tests.
    pub addresses: std::collections::BTreeMap<String, String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Child {
    pub name: String,
    pub pid: u32,
    /// Clock ticks after boot, `/proc/<pid>/stat` field 22.
    pub start: u64,
    /// What it was started from: program file and settings.
    pub fingerprint: u64,
    /// Names of its listeners, as descriptors 3, 4, …
    pub listeners: Vec<String>,
}

const FILE: &str = "state.json";

/// What the last supervisor wrote. A missing or broken file means that nothing can be adopted, which is safe: the processes it
/// named are then found by their arguments and ended.
pub fn load(data: &Path) -> State {
    match std::fs::read(data.join(FILE)) {
        Ok(bytes) => serde_json::from_slice(&bytes).unwrap_or_else(|error| {
            tracing::warn!(%error, "state.json is unreadable, no process is adopted");
            State::default()
        }),
        Err(_missing) => State::default(),
    }
}

/// Replaces the file in one step.
///
/// # Errors
/// When the disk is full or the folder is read-only.
pub fn save(data: &Path, state: &State) -> std::io::Result<()> {
    let fresh = data.join("state.json.new");
    let mut file = std::fs::File::options()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&fresh)?;
    file.write_all(&serde_json::to_vec_pretty(state)?)?;
    std::fs::rename(fresh, data.join(FILE))
}
