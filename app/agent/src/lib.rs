//! The one privileged process of a node: a closed set of verbs over a Unix socket, no shell, no SQL, no HTTP.
//!
//! As root it does two things itself: it makes a site's empty folder inside a folder only root can write, and
//! it removes that folder once it is empty. Everything below is done by a helper, this same binary run again,
//! which gives up root before it opens anything ([`helper`]).

mod agent;
mod answer;
mod args;
mod audit;
mod blob;
mod connection;
pub mod helper;
mod inherit;
mod listen;
mod server;
mod site_dirs;
mod spawn;

use std::ffi::OsString;
use std::process::ExitCode;

use args::Invocation;

/// What `main` does. Exit codes: 0 done, 1 failure, 2 wrong arguments.
pub fn run(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    match args::parse(arguments.skip(1)) {
        Ok(Invocation::Help) => {
            println!("{}", args::USAGE);
            ExitCode::SUCCESS
        }
        Ok(Invocation::Helper(job)) => helper::main(&job),
        Ok(Invocation::Serve(options)) => match server::serve(&options) {
            Ok(never) => match never {},
            Err(error) => {
                audit::line("error", "agent cannot run", &[("error", error.to_string().into())]);
                ExitCode::FAILURE
            }
        },
        Err(message) => {
            eprintln!("{message}\n\n{}", args::USAGE);
            ExitCode::from(2)
        }
    }
}

/// The version in handshakes.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");
