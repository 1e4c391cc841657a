//! `cargo xtask package`: the Debian package, from programs that are built already.
//!
//! The same commit gives the same bytes: times come from the commit (or `SOURCE_DATE_EPOCH`), everything belongs to root, lists are
//! sorted. Only `dpkg-deb`, `gzip`, `date` and git are started.

mod check;
mod components;
mod control;
mod licences;
mod sbom;
mod tree;
mod trial;

#[cfg(test)]
mod tests;

use crate::process;
use anyhow::{Context as _, Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;

const USAGE: &str = "usage: cargo xtask package --programs DIR [--version V] [--out DIR] [--quick]\n       \
                     cargo xtask package --check FILE\n       \
                     cargo xtask package --trial --programs DIR [--keep]";

/// What is to be packed.
#[derive(Debug, Clone)]
pub struct Order {
    /// Folder with `mpanel` and `mpanel-agent`.
    pub programs: PathBuf,
    pub version: String,
    /// Folder for the package.
    pub out: PathBuf,
    /// Not compressed: for trying it out.
    pub quick: bool,
    /// Seconds since 1970 that every time in the package is made from.
    pub epoch: u64,
}

/// `cargo xtask package …`
///
/// # Errors
/// When a program is missing, a licence is not allowed, or the package is not as it should be.
pub fn run(root: &Path, args: &[String]) -> Result<()> {
    let (mut programs, mut version, mut out, mut examined) = (None, None, None, None);
    let (mut quick, mut trial, mut keep) = (false, false, false);
    let mut rest = args.iter();
    while let Some(arg) = rest.next() {
        let mut value = || {
            rest.next()
                .cloned()
                .with_context(|| format!("{arg} needs a value\n\n{USAGE}"))
        };
        match arg.as_str() {
            "--programs" => programs = Some(PathBuf::from(value()?)),
            "--version" => version = Some(value()?),
            "--out" => out = Some(PathBuf::from(value()?)),
            "--check" => examined = Some(PathBuf::from(value()?)),
            "--quick" => quick = true,
            "--trial" => trial = true,
            "--keep" => keep = true,
            _ => bail!("{USAGE}"),
        }
    }
    if let Some(file) = examined {
        return check::check(&file);
    }
    let programs = std::path::absolute(programs.context(USAGE)?)?;
    let order = Order {
        version: version.map_or_else(|| workspace_version(root), Ok)?,
        out: std::path::absolute(out.unwrap_or_else(|| programs.join("package")))?,
        programs,
        quick: quick || trial,
        epoch: epoch(root)?,
    };
    if trial {
        return trial::run(root, &order, keep);
    }
    let file = make(root, &order)?;
    check::check(&file)?;
    println!("{}", file.display());
    Ok(())
}

/// Makes the package and the two lists beside it; gives its path.
pub fn make(root: &Path, order: &Order) -> Result<PathBuf> {
    std::fs::create_dir_all(&order.out).with_context(|| format!("cannot make {}", order.out.display()))?;
    let architecture = process::output(Command::new("dpkg").arg("--print-architecture"))?;
    let name = format!("mpanel_{}_{}", order.version, architecture.trim());
    let folder = order.out.join(&name);
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    let components = components::all(root)?;
    licences::refuse_others(&components, &licences::allowed(root)?)?;
    tree::assemble(root, order, &components, &folder)?;
    control::write(root, order, architecture.trim(), &folder)?;

    let file = order.out.join(format!("{name}.deb"));
    let compression: &[&str] = if order.quick { &["-Znone"] } else { &["-Zxz"] };
    let mut build = Command::new("dpkg-deb");
    build
        .env("SOURCE_DATE_EPOCH", order.epoch.to_string())
        .args(["--root-owner-group", "--build"])
        .args(compression)
        .args([&folder, &file]);
    process::output(&mut build)?;
    std::fs::remove_dir_all(&folder)?;
    Ok(file)
}

/// The version of the workspace, such as `0.1.0`.
fn workspace_version(root: &Path) -> Result<String> {
    let manifest = crate::workspace::read_toml(&root.join("Cargo.toml"))?;
    let version = manifest
        .get("workspace")
        .and_then(|w| w.get("package")?.get("version")?.as_str());
    Ok(version
        .context("Cargo.toml has no workspace.package.version")?
        .to_owned())
}

/// The time of the last commit, unless the environment has one.
fn epoch(root: &Path) -> Result<u64> {
    let text = match std::env::var("SOURCE_DATE_EPOCH") {
        Ok(text) => text,
        Err(_) => process::output(
            Command::new("git")
                .current_dir(root)
                .args(["log", "-1", "--format=%ct"]),
        )?,
    };
    text.trim().parse().context("SOURCE_DATE_EPOCH is no number of seconds")
}

/// An instant as `date` writes it, in UTC.
fn time(epoch: u64, format: &str) -> Result<String> {
    let mut date = Command::new("date");
    date.env("LC_ALL", "C")
        .args(["--utc".to_owned(), format!("--date=@{epoch}"), format!("+{format}")]);
    Ok(process::output(&mut date)?.trim().to_owned())
}
