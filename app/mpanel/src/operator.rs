//! What only the machine's operator does, with the data folder at hand: no panel has to run.

mod isolation;
mod keys;

use std::path::{Path, PathBuf};

use crate::installation::{Installation, print};
use clap::Subcommand;

/// The master key, without which a backup of the database cannot be read
#[derive(Debug, Subcommand)]
pub enum Keys {
    /// Print the master key, to be kept apart from the machine
    Export(Export),
    /// Put the master key back from the copy that was kept apart
    Import(crate::recovery::Import),
    /// Make a new master key, and wrap by it what the old one wrapped
    Rotate(crate::recovery::Rotate),
}

#[derive(Debug, clap::Args)]
pub struct Export {
    #[command(flatten)]
    installation: Installation,
}

/// Checks of this installation by itself
#[derive(Debug, Subcommand)]
pub enum Selftest {
    /// Say what separates the processes, and customers' files, on this machine
    Isolation(Isolation),
    /// Say whether the panel answers; ends with 1 when it does not
    Ready(Ready),
}

#[derive(Debug, clap::Args)]
pub struct Ready {
    #[command(flatten)]
    installation: Installation,
}

#[derive(Debug, clap::Args)]
pub struct Manual {
    /// Folder for the pages
    folder: PathBuf,
}

#[derive(Debug, clap::Args)]
pub struct Isolation {
    #[command(flatten)]
    installation: Installation,
}

/// # Errors
/// A text for the operator.
pub fn keys(command: &Keys) -> anyhow::Result<()> {
    match command {
        Keys::Export(export) => keys::export(&export.installation.path()?, export.installation.json),
        Keys::Import(args) => crate::recovery::import(args),
        Keys::Rotate(args) => crate::recovery::rotate(args),
    }
}

/// # Errors
/// A text for the operator; also when something that should be separate is not.
pub fn selftest(command: &Selftest) -> anyhow::Result<()> {
    match command {
        Selftest::Isolation(isolation) => {
            isolation::report(&isolation.installation.path()?, isolation.installation.json)
        }
        Selftest::Ready(ready) => self::ready(&ready.installation.path()?, ready.installation.json),
    }
}

/// Asks the panel itself, past edge and network.
fn ready(data: &Path, as_json: bool) -> anyhow::Result<()> {
    let ready = crate::up::ready::once(&data.join("run/serve.sock"))?;
    match as_json {
        true => print(&serde_json::json!({"ready": ready}).to_string())?,
        false if ready => print("the panel answers")?,
        false => {}
    }
    anyhow::ensure!(ready, "the panel does not answer: see {}", data.join("logs").display());
    Ok(())
}

/// Writes a manual page for each command.
///
/// # Errors
/// When the folder cannot be written to.
pub fn manual(args: &Manual, root: clap::Command) -> anyhow::Result<()> {
    Ok(clap_mangen::generate_to(root, &args.folder)?)
}

/// Prints the OpenAPI document of this version.
///
/// # Errors
/// When it cannot be written as JSON, which is a bug.
pub fn openapi() -> anyhow::Result<()> {
    let document = mpanel_server::ordered(&mpanel_server::document())?;
    print(&serde_json::to_string_pretty(&document)?)
}
