//! Lets a debug build pretend to be another version, and to fail in a way of its choice, by a file beside it: tests of upgrades need
//! a next version, and building one takes minutes. Release builds have none of it.

use std::io;
use std::path::Path;

/// In the folder of the programs: a line with the version's name, and one with how it fails.
const FILE: &str = "pretence";

/// How it fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// The panel ends at once.
    Crash,
    /// The panel does nothing.
    Hang,
    /// Its second migration is wrong.
    Migration,
    /// The supervisor ends at once.
    Supervisor,
    /// Its migrations never end.
    Endless,
    /// The edge ends at once.
    Edge,
    /// The edge does nothing.
    EdgeHang,
    /// The name servers do nothing.
    DnsHang,
}

#[cfg(debug_assertions)]
fn read(folder: &Path) -> Option<String> {
    std::fs::read_to_string(folder.join(FILE)).ok()
}

#[cfg(not(debug_assertions))]
fn read(_folder: &Path) -> Option<String> {
    None
}

fn own() -> Option<String> {
    read(std::env::current_exe().ok()?.parent()?)
}

/// This program's version.
pub fn version() -> String {
    let pretended = own().and_then(|text| Some(text.lines().next()?.to_owned()));
    pretended.unwrap_or_else(|| env!("CARGO_PKG_VERSION").to_owned())
}

/// Whether there is a pretence at all.
#[cfg(debug_assertions)]
pub fn is_on() -> bool {
    own().is_some()
}

/// How it is to fail, if so.
pub fn failure() -> Option<Failure> {
    match own()?.lines().nth(1)? {
        "crash" => Some(Failure::Crash),
        "hang" => Some(Failure::Hang),
        "migration" => Some(Failure::Migration),
        "supervisor" => Some(Failure::Supervisor),
        "endless" => Some(Failure::Endless),
        "edge" => Some(Failure::Edge),
        "edge-hang" => Some(Failure::EdgeHang),
        "dns-hang" => Some(Failure::DnsHang),
        _ => None,
    }
}

/// Does nothing for good where this version is to fail so.
pub fn hang(how: Failure) {
    while failure() == Some(how) {
        std::thread::park();
    }
}

/// What makes another version of the programs in this folder.
pub fn mark(folder: &Path) -> String {
    read(folder).map_or_else(String::new, |text| {
        format!("-{}", text.trim().replace(['\n', '/'], "-"))
    })
}

/// Takes the pretence along.
///
/// # Errors
/// When it cannot be written.
pub fn keep(from: &Path, to: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let Some(text) = read(from) else { return Ok(()) };
    std::fs::write(to.join(FILE), text)?;
    std::fs::set_permissions(to.join(FILE), std::fs::Permissions::from_mode(0o644))
}

/// Stands still where a test asks for it, until it is killed or let go: as `mpanel_jobs` does in operations.
#[cfg(debug_assertions)]
pub fn hold(point: &str) {
    let Some(folder) = std::env::var_os("MPANEL_HOLD_AT") else {
        return;
    };
    let asked = Path::new(&folder).join(format!("upgrade,{point}"));
    let held = asked.with_added_extension("held");
    if std::fs::rename(asked, &held).is_ok() {
        while held.exists() {
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
    }
}

#[cfg(not(debug_assertions))]
pub fn hold(_point: &str) {}
