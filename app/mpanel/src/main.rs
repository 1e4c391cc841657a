//! The `mpanel` program: the supervisor, the processes it runs, and the command-line client.

#![forbid(unsafe_code)]

mod child;
mod cli;
mod demo;
mod dns;
mod edge;
mod operator;
mod serve;
mod up;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

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
    Serve(serve::Args),
    Edge(edge::Args),
    Dns(dns::Args),
    #[command(hide = true)]
    Demo(demo::Args),
    /// The master key, without which a backup of the database cannot be read
    #[command(subcommand)]
    Keys(operator::Keys),
    /// Checks of this installation by itself
    #[command(subcommand)]
    Selftest(operator::Selftest),
    /// Print the OpenAPI document
    #[command(hide = true)]
    Openapi,
    #[command(flatten)]
    Client(cli::Commands),
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Commands::Up(args) => up::run(args),
        Commands::Serve(args) => serve::run(&args),
        Commands::Edge(args) => edge::run(&args),
        Commands::Dns(args) => dns::run(&args),
        Commands::Demo(args) => demo::run(&args),
        Commands::Keys(command) => operator::keys(&command),
        Commands::Selftest(command) => operator::selftest(&command),
        Commands::Openapi => operator::openapi(),
        Commands::Client(command) => return cli::run(command, &mut Cli::command()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("mpanel: {error:#}");
            ExitCode::FAILURE
        }
    }
}
