//! The `mpanel` program: the supervisor, the processes it runs, and the command-line client.

#![forbid(unsafe_code)]

mod child;
mod dns;
mod edge;
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
    Edge(edge::Args),
    Dns(dns::Args),
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Commands::Up(args) => up::run(args),
        Commands::Edge(args) => edge::run(&args),
        Commands::Dns(args) => dns::run(&args),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("mpanel: {error:#}");
            ExitCode::FAILURE
        }
    }
}
