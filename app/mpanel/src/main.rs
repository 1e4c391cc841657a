//! The `mpanel` program: the supervisor, the processes it runs, and the command-line client.

#![forbid(unsafe_code)]

mod up;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Hosting platform: sites, DNS and customers on your own machines.
#[derive(Debug, Parser)]
#[command(name = "mpanel", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Commands,
}

#[derive(Debug, Subcommand)]
enum Commands {
    Up(up::Args),
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Commands::Up(args) => up::run(args),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("mpanel: {error:#}");
            ExitCode::FAILURE
        }
    }
}
