//! What dpkg reads: control, conffiles, md5sums, maintainer scripts.

use super::{Order, tree};
use crate::{process, workspace};
use anyhow::{Context as _, Result};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

const SCRIPTS: [&str; 4] = ["preinst", "postinst", "prerm", "postrm"];

/// Writes `DEBIAN/…` into a filled folder.
pub fn write(root: &Path, order: &Order, architecture: &str, folder: &Path) -> Result<()> {
    let files = workspace::files(folder, "");
    let mut size = 0;
    for file in &files {
        size += fs::metadata(folder.join(file))?.len().div_ceil(1024);
    }
    let mut libc = (2, 17);
    for program in ["usr/bin/mpanel", "usr/bin/mpanel-agent"] {
        libc = libc.max(newest_libc(&fs::read(folder.join(program))?));
    }
    let control = fs::read_to_string(root.join("deploy/debian/control"))
        .context("deploy/debian/control")?
        .replace("@version@", &order.version)
        .replace("@architecture@", architecture)
        .replace("@size@", &size.to_string())
        .replace("@libc@", &format!("{}.{}", libc.0, libc.1));
    let mut sums = Command::new("md5sum");
    let sums = process::output(sums.current_dir(folder).arg("--").args(&files))?;

    let mut conffiles = String::new();
    for file in files.iter().filter(|file| file.starts_with("etc/")) {
        writeln!(conffiles, "/{file}")?;
    }
    tree::put(folder, "DEBIAN/control", control.as_bytes(), 0o644)?;
    tree::put(folder, "DEBIAN/md5sums", sums.as_bytes(), 0o644)?;
    tree::put(folder, "DEBIAN/conffiles", conffiles.as_bytes(), 0o644)?;
    for script in SCRIPTS {
        let text = fs::read(root.join("deploy/debian").join(script))?;
        tree::put(folder, &format!("DEBIAN/{script}"), &text, 0o755)?;
    }
    Ok(())
}

/// The newest `GLIBC_2.34` that a program's symbols name: what the library on the target has to be at least.
pub fn newest_libc(program: &[u8]) -> (u32, u32) {
    const MARK: &[u8] = b"GLIBC_";
    /// The names of dynamic symbols stand at the beginning of a program.
    const BEGINNING: usize = 8 << 20;
    let mut newest = (0, 0);
    let mut rest = &program[..program.len().min(BEGINNING)];
    while let Some(at) = rest.windows(MARK.len()).position(|window| window == MARK) {
        rest = &rest[at + MARK.len()..];
        let end = rest
            .iter()
            .position(|byte| !byte.is_ascii_digit() && *byte != b'.')
            .unwrap_or(rest.len());
        let version = std::str::from_utf8(&rest[..end]).unwrap_or_default();
        let mut numbers = version.split('.').map(str::parse);
        if let (Some(Ok(major)), Some(Ok(minor))) = (numbers.next(), numbers.next()) {
            newest = newest.max((major, minor));
        }
    }
    newest
}
