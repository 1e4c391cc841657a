//! Looks at a finished package as somebody who is about to install it.

use crate::process;
use anyhow::{Result, bail};
use std::path::Path;
use std::process::Command;

/// What every package has.
const NEEDED: [&str; 13] = [
    "./usr/bin/mpanel",
    "./usr/bin/mpanel-agent",
    "./usr/lib/systemd/system/mpanel.service",
    "./usr/lib/sysusers.d/mpanel.conf",
    "./usr/lib/tmpfiles.d/mpanel.conf",
    "./etc/mpanel/environment",
    "./usr/share/doc/mpanel/copyright",
    "./usr/share/doc/mpanel/changelog.gz",
    "./usr/share/doc/mpanel/sbom.cdx.json.gz",
    "./usr/share/doc/mpanel/third-party-licences.txt.gz",
    "./usr/share/man/man1/mpanel.1.gz",
    "./usr/share/man/man8/mpanel-agent.8.gz",
    "./usr/share/bash-completion/completions/mpanel",
];
/// Places that belong to the machine's owner, and to data.
const FOREIGN: [&str; 5] = ["./usr/local/", "./var/", "./opt/", "./srv/", "./home/"];

/// Refuses a package that is not as it should be.
pub fn check(file: &Path) -> Result<()> {
    let listing = process::output(Command::new("dpkg-deb").arg("--contents").arg(file))?;
    let fields = process::output(Command::new("dpkg-deb").arg("--field").arg(file))?;
    let faults = faults(&listing, &fields);
    if !faults.is_empty() {
        bail!("{}:\n  {}", file.display(), faults.join("\n  "));
    }
    Ok(())
}

/// What is wrong in what `dpkg-deb` prints of contents and fields.
pub fn faults(listing: &str, fields: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let mut names = Vec::new();
    for line in listing.lines() {
        // `-rwxr-xr-x root/root 1234 2026-11-23 04:10 ./usr/bin/mpanel`
        let mut columns = line.split_ascii_whitespace();
        let (Some(mode), Some(owner), Some(name)) = (columns.next(), columns.next(), columns.nth(3)) else {
            faults.push(format!("cannot read the line {line:?}"));
            continue;
        };
        if owner != "root/root" {
            faults.push(format!("{name} belongs to {owner}"));
        }
        if mode.contains(['s', 'S', 't']) || mode.as_bytes().get(8) == Some(&b'w') {
            faults.push(format!("{name} has the mode {mode}"));
        }
        if FOREIGN.iter().any(|foreign| name.starts_with(foreign)) {
            faults.push(format!("{name} is no place for a package"));
        }
        names.push(name);
    }
    for needed in NEEDED {
        if !names.contains(&needed) {
            faults.push(format!("{needed} is missing"));
        }
    }
    for field in [
        "Package",
        "Version",
        "Architecture",
        "Depends",
        "Maintainer",
        "Installed-Size",
        "Description",
    ] {
        let value = fields
            .lines()
            .find_map(|line| line.strip_prefix(field)?.strip_prefix(": "));
        match value {
            None => faults.push(format!("the field {field} is missing")),
            Some(value) if value.contains('@') && field != "Maintainer" => {
                faults.push(format!("the field {field} is not filled in: {value}"));
            }
            Some(_) => {}
        }
    }
    faults
}
