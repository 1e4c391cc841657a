//! Where the data folders of tests live, and clearing away what a killed test run left.

use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};

use mpanel_process::{Process, Signal, account, procfs};

use super::disks;

/// A new folder that the processes' own users can pass through, named by the test process that owns it. Its path is short: it holds
/// Unix sockets.
pub fn fresh() -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    static SWEEP: Once = Once::new();
    let base = base();
    SWEEP.call_once(|| sweep(&base));
    let pid = std::process::id();
    let start = procfs::stat(pid).unwrap().start;
    let folder = base.join(format!("{pid}-{start}-{}", NEXT.fetch_add(1, Ordering::Relaxed)));
    std::fs::DirBuilder::new().mode(0o711).create(&folder).unwrap();
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o711)).unwrap();
    folder
}

fn base() -> PathBuf {
    let base = std::env::temp_dir().join(format!("mp-e2e-{}", account::effective_uid()));
    match std::fs::DirBuilder::new().mode(0o711).create(&base) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => panic!("{}: {error}", base.display()),
        _ => {}
    }
    // Anybody may write to /tmp: a folder of this name that somebody else made is not to be trusted.
    let metadata = std::fs::symlink_metadata(&base).unwrap();
    assert!(
        metadata.is_dir() && metadata.uid() == account::effective_uid(),
        "{} is not ours",
        base.display()
    );
    std::fs::set_permissions(&base, std::fs::Permissions::from_mode(0o711)).unwrap();
    base
}

/// Removes the folders of test processes that have ended, with the processes that still use them.
fn sweep(base: &Path) {
    for entry in std::fs::read_dir(base).unwrap().flatten() {
        let name = entry.file_name();
        let mut parts = name.to_str().unwrap_or_default().split('-');
        let (Some(Ok(pid)), Some(Ok(start))) = (parts.next().map(str::parse), parts.next().map(str::parse::<u64>))
        else {
            continue;
        };
        if procfs::stat(pid).is_some_and(|stat| stat.start == start && stat.is_alive()) {
            continue;
        }
        end_all(&entry.path().join("data"));
        disks::unmount_below(&entry.path());
        let _best_effort = std::fs::remove_dir_all(entry.path());
    }
}

/// Kills supervisor, children and PostgreSQL of a data folder, found by what they wrote down. The supervisor goes first, or it
/// would start the others again.
pub fn end_all(data: &Path) {
    let first_line = |file: &str| {
        let text = std::fs::read_to_string(data.join(file)).ok()?;
        text.lines().next()?.trim().parse().ok()
    };
    // A pid in a file proves nothing: it must be a process that has this data folder in its arguments.
    let ours = |pid: &u32| {
        let arguments = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let needle = data.as_os_str().as_encoded_bytes();
        arguments.windows(needle.len()).any(|window| window == needle)
    };
    let supervisor: Option<u32> = first_line("lock");
    if let Some(pid) = supervisor.filter(ours) {
        kill(pid, Signal::KILL);
    }
    for _ in 0..500 {
        let alive = |pid: &u32| procfs::stat(*pid).is_some_and(|stat| stat.is_alive()) && ours(pid);
        let state = std::fs::read(data.join("state.json")).unwrap_or_default();
        let state: serde_json::Value = serde_json::from_slice(&state).unwrap_or_default();
        let children = state["children"].as_array().cloned().unwrap_or_default();
        let children = children
            .iter()
            .filter_map(|child| child["pid"].as_u64()?.try_into().ok());
        let children: Vec<u32> = children.filter(alive).collect();
        let postmaster = first_line("postgres/postmaster.pid").filter(alive);
        if children.is_empty() && postmaster.is_none() {
            return;
        }
        for pid in children {
            kill(pid, Signal::KILL);
        }
        // PostgreSQL ends at once on SIGQUIT and takes its own children along.
        if let Some(pid) = postmaster {
            kill(pid, Signal::QUIT);
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}

pub fn kill(pid: u32, signal: Signal) {
    let Some(stat) = procfs::stat(pid) else { return };
    if let Ok(Some(process)) = Process::adopt(pid, stat.start) {
        process.signal(signal).unwrap();
    }
}
