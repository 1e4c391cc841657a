//! What only the machine's operator does, with the data folder at hand: no panel has to run.

mod isolation;
mod keys;

use std::io::{ErrorKind, Write as _};
use std::path::PathBuf;

use clap::Subcommand;
use mpanel_config::{Config, Sources};

/// The data folder of the installation, and how to answer.
#[derive(Debug, clap::Args)]
#[group(skip)]
struct Installation {
    /// Folder of everything mPanel keeps [env: MPANEL_DATA]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// One JSON document on standard output
    #[arg(long)]
    json: bool,
}

impl Installation {
    fn path(&self) -> anyhow::Result<PathBuf> {
        let named = self
            .data
            .as_ref()
            .map(|data| ("data", data.to_string_lossy().into_owned()));
        Ok(Config::load(&Sources::from_process(None, named.into_iter().collect()))?.data)
    }
}

/// The master key, without which a backup of the database cannot be read
#[derive(Debug, Subcommand)]
pub enum Keys {
    /// Print the master key, to be kept apart from the machine
    Export(Export),
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
}

#[derive(Debug, clap::Args)]
pub struct Isolation {
    #[command(flatten)]
    installation: Installation,
}

/// # Errors
/// A text for the operator.
pub fn keys(command: &Keys) -> anyhow::Result<()> {
    let Keys::Export(export) = command;
    keys::export(&export.installation.path()?, export.installation.json)
}

/// # Errors
/// A text for the operator; also when something that should be separate is not.
pub fn selftest(command: &Selftest) -> anyhow::Result<()> {
    let Selftest::Isolation(isolation) = command;
    isolation::report(&isolation.installation.path()?, isolation.installation.json)
}

/// Prints the OpenAPI document of this version.
///
/// # Errors
/// When it cannot be written as JSON, which is a bug.
pub fn openapi() -> anyhow::Result<()> {
    print(&serde_json::to_string_pretty(&mpanel_server::document())?)
}

/// A text on standard output, and a line feed.
fn print(text: &str) -> anyhow::Result<()> {
    match writeln!(std::io::stdout(), "{text}") {
        // Whoever read has seen enough.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => Ok(written?),
    }
}
