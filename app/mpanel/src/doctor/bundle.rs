//! What goes into a support bundle: the checks, the configuration, the machine, the newest of each log, the figures.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use mpanel_config::Config;

use super::redact::Redaction;
use crate::checks::{Check, Machine};

/// Bytes of each log, from its end.
const LOG: u64 = 512 * 1024;
/// What tells of the machine.
const SYSTEM: [&str; 7] = [
    "/etc/os-release",
    "/proc/version",
    "/proc/meminfo",
    "/proc/loadavg",
    "/proc/uptime",
    "/proc/mounts",
    "/proc/pressure/memory",
];

/// A file of the archive, without what is nobody's business.
pub struct Member {
    pub name: String,
    pub text: String,
}

pub fn gather(data: &Path, config: &Config, machine: &Machine, checks: &[Check], metrics: Option<&str>) -> Vec<Member> {
    let mut redaction = Redaction::default();
    let mut members = Vec::new();
    let mut add = |name: String, text: &str| {
        let text = redaction.text(text);
        members.push(Member { name, text });
    };
    add(
        "version.txt".to_owned(),
        &format!("mpanel {}\n", env!("CARGO_PKG_VERSION")),
    );
    add("doctor.txt".to_owned(), &crate::checks::told(checks));
    add("configuration.txt".to_owned(), &configuration(config));
    if let Ok(state) = std::fs::read_to_string(data.join("state.json")) {
        add("state.json".to_owned(), &state);
    }
    let mut system = String::new();
    for file in SYSTEM {
        if let Ok(text) = std::fs::read_to_string(machine.path(file)) {
            system += &format!("==> {file}\n{text}\n");
        }
    }
    add("system.txt".to_owned(), &system);
    add("files.txt".to_owned(), &files(data));
    if let Some(metrics) = metrics {
        add("metrics.txt".to_owned(), metrics);
    }
    for (name, text) in logs(data) {
        add(format!("logs/{name}"), &text);
    }
    members
}

/// Each key, its value and where it comes from. Secrets are hidden by the configuration itself.
fn configuration(config: &Config) -> String {
    let lines = config.explain().iter().map(|line| {
        let value = line.value.as_deref().unwrap_or("(unset)");
        format!("{} = {value}  # {}\n", line.key, line.source)
    });
    lines.collect()
}

/// What lies in the data folder, two levels deep: size, mode and owner; names of sites only as their ids.
fn files(data: &Path) -> String {
    let mut lines = Vec::new();
    list(data, data, 2, &mut lines);
    lines.sort();
    lines.concat()
}

fn list(root: &Path, folder: &Path, deep: u32, lines: &mut Vec<String>) {
    use std::os::unix::fs::MetadataExt;
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let Ok(found) = entry.metadata() else { continue };
        let name = path.strip_prefix(root).unwrap_or(&path);
        lines.push(format!(
            "{} {:o} {}:{} {}\n",
            name.display(),
            found.mode(),
            found.uid(),
            found.gid(),
            found.size()
        ));
        if found.is_dir() && deep > 1 {
            list(root, &path, deep - 1, lines);
        }
    }
}

/// The end of each log.
fn logs(data: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(data.join("logs")).into_iter().flatten().flatten() {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.ends_with(".log")
            && let Ok(text) = tail(&path)
        {
            found.push((name, text));
        }
    }
    found.sort();
    found
}

fn tail(path: &Path) -> std::io::Result<String> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(LOG)))?;
    let mut bytes = Vec::new();
    file.take(LOG).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    // Half a line could be the half that nothing in it is recognised by.
    let whole = match text.split_once('\n') {
        Some((_, rest)) if length > LOG => rest,
        _ => &text,
    };
    Ok(whole.to_owned())
}

/// Writes a file that only its owner reads, and that is not there already.
///
/// # Errors
/// When it is, or cannot be written.
pub fn write(file: &Path, members: &[Member]) -> std::io::Result<()> {
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file)?;
    let mut archive = tar::Builder::new(GzEncoder::new(file, Compression::default()));
    for member in members {
        let mut header = tar::Header::new_gnu();
        header.set_size(member.text.len() as u64);
        header.set_mode(0o600);
        archive.append_data(
            &mut header,
            format!("mpanel-support/{}", member.name),
            member.text.as_bytes(),
        )?;
    }
    archive.into_inner()?.finish()?.sync_all()
}
