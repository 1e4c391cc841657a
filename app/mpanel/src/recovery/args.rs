//! The command lines.

use std::path::PathBuf;

use clap::Subcommand;

use crate::installation::Installation;

/// Backups of the installation itself
#[derive(Debug, Subcommand)]
pub enum Backup {
    /// Write database, keys, uploads, sites and configuration to one archive, while everything runs
    #[command(name = "self")]
    Own(Own),
    /// Check every sum of an archive; with --deep also that its database can be loaded
    Verify(Verify),
}

#[derive(Debug, clap::Args)]
pub struct Own {
    #[command(flatten)]
    pub installation: Installation,
    /// The file to write, or a folder that gets a file with a name of its own
    #[arg(long, value_name = "FILE|DIR")]
    pub to: PathBuf,
    /// Delete older archives of this installation from the folder once this one is made, but for so many in all
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    pub keep: Option<u32>,
    /// Nobody sees how it ends: the audit log says also that it failed
    #[arg(long, hide = true)]
    pub unattended: bool,
    /// Leave the master key out: whoever restores needs a copy of it, or loses what it seals
    #[arg(long)]
    pub without_keys: bool,
    /// Configuration file to back up [env: MPANEL_CONFIG] [default: config.toml in the data folder]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    #[command(flatten)]
    pub seal: Seal,
}

/// Who can open the archive.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub struct Seal {
    /// Seal the archive with a passphrase, asked for at the terminal
    #[arg(long, conflicts_with = "recipient")]
    pub passphrase: bool,
    /// Seal the archive with the passphrase in this file
    #[arg(long, value_name = "FILE", conflicts_with_all = ["recipient", "passphrase"])]
    pub passphrase_file: Option<PathBuf>,
    /// Seal the archive for the holder of this age key; may be given several times
    #[arg(long, value_name = "age1…")]
    pub recipient: Vec<String>,
}

/// What opens a sealed archive.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub struct Opener {
    /// The passphrase of a sealed archive, instead of asking for it
    #[arg(long, value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,
    /// The age identity file of a recipient of a sealed archive
    #[arg(long, value_name = "FILE")]
    pub identity: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub struct Verify {
    /// The archive
    pub file: PathBuf,
    /// Load the database into a PostgreSQL that is thrown away, and compare what is in it
    #[arg(long)]
    pub deep: bool,
    /// Folder for that PostgreSQL [default: the system's for temporary files]
    #[arg(long, value_name = "DIR", requires = "deep")]
    pub scratch: Option<PathBuf>,
    #[command(flatten)]
    pub opener: Opener,
    /// One JSON document on standard output
    #[arg(long)]
    pub json: bool,
}

/// Restore an installation from an archive, or make new keys where the master key is lost
#[derive(Debug, clap::Args)]
pub struct Restore {
    /// The archive; without one, --keys-lost makes new keys for the installation in the data folder
    #[arg(required_unless_present_any = ["keys_lost", "abandon"])]
    pub file: Option<PathBuf>,
    #[command(flatten)]
    pub installation: Installation,
    /// Restore the database into this empty one instead of a private PostgreSQL
    #[arg(long, value_name = "URL", requires = "file")]
    pub database_url: Option<String>,
    /// Put a setting into the restored configuration, such as panel=127.0.0.1:7081; may be given several times
    #[arg(long, value_name = "KEY=VALUE", requires = "file")]
    pub set: Vec<String>,
    /// The master key, for an archive without it
    #[arg(long, value_name = "FILE", requires = "file", conflicts_with = "keys_lost")]
    pub key: Option<PathBuf>,
    /// There is no copy of the master key: give up what it seals, and make everything anew that can be
    #[arg(long)]
    pub keys_lost: bool,
    /// Revoke every API token, of people and of service accounts: one that was revoked after the backup works again otherwise
    #[arg(long, requires = "file")]
    pub revoke_tokens: bool,
    /// Remove what a restore that was cut short has left
    #[arg(long, conflicts_with_all = ["file", "keys_lost"])]
    pub abandon: bool,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
    #[command(flatten)]
    pub opener: Opener,
}

#[derive(Debug, clap::Args)]
pub struct Import {
    /// The file with the key, as `mpanel keys export` printed it; `-` is standard input
    pub file: PathBuf,
    #[command(flatten)]
    pub installation: Installation,
}

#[derive(Debug, clap::Args)]
pub struct Rotate {
    #[command(flatten)]
    pub installation: Installation,
}
