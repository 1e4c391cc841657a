//! The `mpanel` program: the supervisor, the processes it runs, and the command-line client.

#![forbid(unsafe_code)]

mod checks;
mod child;
mod cli;
mod demo;
mod dns;
mod doctor;
mod edge;
mod installation;
mod operator;
mod pretence;
mod recovery;
mod serve;
mod setup;
mod up;
mod upgrade;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use tikv_jemallocator::Jemalloc;

/// Gives back what a crowd made it take, of which the C library's keeps most, and takes less time (`bench/README.md`, what was tried).
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

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
    Setup(setup::Args),
    Upgrade(upgrade::Args),
    Serve(serve::Args),
    Edge(edge::Args),
    Dns(dns::Args),
    #[command(hide = true)]
    Demo(demo::Args),
    /// The master key, without which a backup of the database cannot be read
    #[command(subcommand)]
    Keys(operator::Keys),
    /// Backups of the installation itself
    #[command(subcommand)]
    Backup(recovery::Backup),
    Restore(recovery::Restore),
    Doctor(doctor::Doctor),
    SupportBundle(doctor::SupportBundle),
    /// Checks of this installation by itself
    #[command(subcommand)]
    Selftest(operator::Selftest),
    /// Print the OpenAPI document
    #[command(hide = true)]
    Openapi,
    /// Write the manual pages of all commands
    #[command(hide = true)]
    Manual(operator::Manual),
    #[command(flatten)]
    Client(cli::Commands),
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Commands::Up(args) => up::run(args),
        Commands::Setup(args) => setup::run(&args),
        Commands::Upgrade(args) => upgrade::run(&args),
        Commands::Serve(args) => serve::run(&args),
        Commands::Edge(args) => edge::run(&args),
        Commands::Dns(args) => dns::run(&args),
        Commands::Demo(args) => demo::run(&args),
        Commands::Keys(command) => operator::keys(&command),
        Commands::Backup(command) => recovery::backup(&command),
        Commands::Restore(args) => recovery::restore(&args),
        Commands::Doctor(args) => doctor::doctor(&args),
        Commands::SupportBundle(args) => doctor::support_bundle(&args),
        Commands::Selftest(command) => operator::selftest(&command),
        Commands::Openapi => operator::openapi(),
        Commands::Manual(args) => operator::manual(&args, Cli::command()),
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
