//! The demo provider: `mpanel up --demo` runs `mpanel demo seed` once the panel serves.
//!
//! It has no door of its own: everything goes through the API over `serve.sock`, as an owner whose random password it draws. A
//! start that was cut short is continued by the next one; what is finished is never touched again.

mod accounts;
mod content;
mod decide;
mod report;
mod seed;
mod world;

#[cfg(test)]
mod tests;

use std::path::PathBuf;

use anyhow::Context;

/// Fill a fresh installation with examples (started by `up --demo`)
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Commands,
}

#[derive(Debug, clap::Subcommand)]
enum Commands {
    /// Add a reseller, customers, plans and sites
    Seed(SeedArgs),
}

#[derive(Debug, clap::Args)]
struct SeedArgs {
    /// Folder of everything mPanel keeps
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Where the panel is, to print it
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:7080/")]
    panel_url: String,
    /// The port of the sites' addresses, to print them
    #[arg(long, value_name = "PORT", default_value_t = 8443)]
    https_port: u16,
}

/// Seeds what is missing and prints where everything is.
///
/// # Errors
/// A text for the operator.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let Commands::Seed(args) = &args.command;
    let data = args
        .data
        .canonicalize()
        .with_context(|| format!("data folder {}", args.data.display()))?;
    let shown = report::Shown {
        panel: args.panel_url.clone(),
        https_port: args.https_port,
        data: data.clone(),
        program: std::env::current_exe().unwrap_or_else(|_unknown| PathBuf::from("mpanel")),
    };
    crate::child::small_runtime()?.block_on(seed::run(&data, &shown))
}
