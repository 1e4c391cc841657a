//! `mpanel selftest isolation`: looks at the running processes and at the folders, and says of each
//! wall between them whether it stands.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use anyhow::{Context as _, bail};
use serde_json::json;

use crate::up::state;

/// Where the numbers of sites' users begin.
const FIRST_SITE_UID: u32 = 200_000;

/// One wall: what it is, and what is wrong with it, if anything.
pub struct Finding {
    pub wall: String,
    pub fault: Option<String>,
}

impl Finding {
    fn new(wall: impl Into<String>, fault: Option<String>) -> Self {
        Self {
            wall: wall.into(),
            fault,
        }
    }
}

/// Says of each wall whether it stands; as JSON `{"walls": [{"wall", "fault"}]}`, where a fault is null when it does.
///
/// # Errors
/// When one does not stand, or nothing runs.
pub fn report(data: &Path, as_json: bool) -> anyhow::Result<()> {
    let running = state::load(data);
    if running.children.is_empty() {
        bail!("nothing runs in {}: start it by `mpanel up` first", data.display());
    }
    let mut uids = BTreeMap::new();
    for child in &running.children {
        let uid = fs::metadata(format!("/proc/{}", child.pid))
            .with_context(|| format!("process {}", child.name))?
            .uid();
        uids.insert(child.name.clone(), uid);
    }
    if uids.get("agent").is_some_and(|uid| *uid != 0) {
        bail!(
            "this installation was started without root: all processes and all sites are one user, and nothing separates them"
        );
    }
    let mut findings = processes(&uids);
    findings.extend(folders(data, &uids)?);
    findings.extend(sites(&data.join("sites"))?);
    let broken = findings.iter().filter(|finding| finding.fault.is_some()).count();
    super::print(&told(&findings, as_json))?;
    if broken > 0 {
        bail!(
            "{broken} of {} walls do not stand; `mpanel up` sets owners and modes when it starts",
            findings.len()
        );
    }
    Ok(())
}

fn told(findings: &[Finding], as_json: bool) -> String {
    if as_json {
        let one = |finding: &Finding| json!({"wall": finding.wall, "fault": finding.fault});
        return json!({"walls": findings.iter().map(one).collect::<Vec<_>>()}).to_string();
    }
    let one = |finding: &Finding| match &finding.fault {
        None => format!("ok      {}", finding.wall),
        Some(fault) => format!("BROKEN  {}: {fault}", finding.wall),
    };
    findings.iter().map(one).collect::<Vec<_>>().join("\n")
}

/// The panel, the edge and the name servers are three users, none of them root.
fn processes(uids: &BTreeMap<String, u32>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut owner_of: BTreeMap<u32, &str> = BTreeMap::new();
    for (name, uid) in uids.iter().filter(|(name, _)| *name != "agent") {
        let role = name.split('-').next().unwrap_or(name);
        let fault = match owner_of.insert(*uid, role) {
            _ if *uid == 0 => Some("it runs as root".to_owned()),
            Some(other) if other != role => Some(format!("it is the same user as {other}")),
            _ => None,
        };
        findings.push(Finding::new(format!("process {name} has a user of its own"), fault));
    }
    findings
}

/// Folders that only their process may enter.
fn folders(data: &Path, uids: &BTreeMap<String, u32>) -> io::Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for (folder, process) in [
        ("keys", "serve"),
        ("blobs/uploads", "serve"),
        ("blobs/exports", "serve"),
        ("edge", "edge"),
        ("dns", "dns-1"),
    ] {
        let meta = fs::symlink_metadata(data.join(folder))?;
        let owner = uids.get(process).copied().unwrap_or_default();
        let fault = if meta.uid() != owner {
            Some(format!("it belongs to user {}", meta.uid()))
        } else if meta.mode() & 0o077 != 0 {
            Some(format!("others may enter it (mode {:o})", meta.mode() & 0o7777))
        } else {
            None
        };
        findings.push(Finding::new(
            format!("folder {folder} is open to {process} alone"),
            fault,
        ));
    }
    Ok(findings)
}

/// Every site's tree belongs to a user of its own, and lets the edge's group in and nobody else.
fn sites(folder: &Path) -> io::Result<Vec<Finding>> {
    let mut findings = Vec::new();
    let mut owners: BTreeMap<u32, String> = BTreeMap::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let meta = entry.metadata()?;
        let fault = if meta.uid() < FIRST_SITE_UID {
            Some(format!("it belongs to user {}", meta.uid()))
        } else if meta.mode() & 0o007 != 0 {
            Some(format!("others may enter it (mode {:o})", meta.mode() & 0o7777))
        } else {
            owners
                .insert(meta.uid(), name.clone())
                .map(|other| format!("it has the same user as {other}"))
        };
        findings.push(Finding::new(format!("site {name} has a user of its own"), fault));
    }
    Ok(findings)
}

#[cfg(test)]
mod tests;
