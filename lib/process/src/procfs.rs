//! What `/proc` says about a process. Every reader answers `None` when the process is gone or may not be looked at.

use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

/// The fields of `/proc/<pid>/stat` that identify a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    /// `R`, `S`, `D`, `Z`, …
    pub state: char,
    pub parent: u32,
    /// Those that have not ended, and the first even then (field 20).
    pub threads: u32,
    /// Clock ticks after boot at which the process started (field 22).
    pub start: u64,
}

impl Stat {
    /// A zombie has already exited: it only waits for its parent to read its status. But it is only the first thread that
    /// is one: as long as others of a killed process have not ended, they hold its files, and may still accept a connection.
    pub fn is_alive(self) -> bool {
        !matches!(self.state, 'Z' | 'X' | 'x') || self.threads > 1
    }
}

/// Reads `/proc/<pid>/stat`.
pub fn stat(pid: u32) -> Option<Stat> {
    parse_stat(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// Field 2 is the program's name in parentheses and may itself hold spaces and parentheses, so counting starts after the last `)`.
pub(crate) fn parse_stat(text: &str) -> Option<Stat> {
    let mut fields = text.rsplit_once(')')?.1.split_ascii_whitespace();
    let state = fields.next()?.chars().next()?;
    let parent = fields.next()?.parse().ok()?;
    let threads = fields.nth(15)?.parse().ok()?;
    let start = fields.nth(1)?.parse().ok()?;
    Some(Stat {
        state,
        parent,
        threads,
        start,
    })
}

/// The argument vector; empty for kernel threads.
pub fn argv(pid: u32) -> Option<Vec<Vec<u8>>> {
    let bytes = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let trimmed = bytes.strip_suffix(b"\0").unwrap_or(&bytes);
    if trimmed.is_empty() {
        return Some(Vec::new());
    }
    Some(trimmed.split(|byte| *byte == 0).map(<[u8]>::to_vec).collect())
}

/// The program's short name (at most 15 bytes).
pub fn name(pid: u32) -> Option<String> {
    Some(
        fs::read_to_string(format!("/proc/{pid}/comm"))
            .ok()?
            .trim_end()
            .to_owned(),
    )
}

/// The program file. A file replaced by an upgrade since is reported under its old path.
pub fn program(pid: u32) -> Option<PathBuf> {
    let path = fs::read_link(format!("/proc/{pid}/exe"))
        .ok()?
        .into_os_string()
        .into_vec();
    let path = path.strip_suffix(b" (deleted)").map(<[u8]>::to_vec).unwrap_or(path);
    Some(PathBuf::from(std::ffi::OsString::from_vec(path)))
}

/// Device and inode of the working directory: comparable even when the path is a bind mount or was renamed.
pub fn working_directory(pid: u32) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    let metadata = fs::metadata(format!("/proc/{pid}/cwd")).ok()?;
    Some((metadata.dev(), metadata.ino()))
}

/// Every process id visible now.
pub fn pids() -> Vec<u32> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect()
}

/// Resident memory in KiB: (all resident pages, the proportional share of them), from `smaps_rollup`.
pub fn memory(pid: u32) -> Option<(u64, u64)> {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    let field = |name: &str| {
        text.lines()
            .find_map(|line| line.strip_prefix(name)?.split_ascii_whitespace().next()?.parse().ok())
    };
    Some((field("Rss:")?, field("Pss:")?))
}
