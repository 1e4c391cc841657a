//! What the operator's commands have in common: on which data folder they work, and how they answer.

use std::io::{ErrorKind, Write as _};
use std::path::PathBuf;

use mpanel_config::{Config, Sources};

/// The data folder of the installation, and how to answer.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub struct Installation {
    /// Folder of everything mPanel keeps [env: MPANEL_DATA]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// One JSON document on standard output
    #[arg(long)]
    pub json: bool,
}

impl Installation {
    pub fn path(&self) -> anyhow::Result<PathBuf> {
        let named = self
            .data
            .as_ref()
            .map(|data| ("data", data.to_string_lossy().into_owned()));
        Ok(Config::load(&Sources::from_process(None, named.into_iter().collect()))?.data)
    }
}

/// A text on standard output, and a line feed.
///
/// # Errors
/// When it cannot be written, unless its reader has gone.
pub fn print(text: &str) -> anyhow::Result<()> {
    match writeln!(std::io::stdout(), "{text}") {
        // Whoever read has seen enough.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => Ok(written?),
    }
}
