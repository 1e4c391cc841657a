//! Chores of the repository: `cargo xtask <command>`.

#![forbid(unsafe_code)]

use anyhow::{Result, bail};
use std::process::ExitCode;

mod fuzz;
mod migrations;
mod new_context;
mod openapi;
mod package;
mod passwords;
mod process;
mod queries;
mod test;
mod tidy;
mod workspace;

const USAGE: &str = "\
usage: cargo xtask <command>

  tidy [--list] [CHECK…]           check the repository's invariants
  migrations                       can the release before (deploy/baseline) work on this tree's database
  migrations --compatible REVISION can that revision
  migrations --record [REVISION]   record a release, or what is committed, as what comes before
  new-context NAME                 scaffold contexts/NAME
  openapi [--check]                write (or compare) web/openapi.json
  package --programs DIR           the Debian package of built programs (--version, --out, --quick)
  package --check FILE             is a package as it should be
  package --trial --programs DIR   install, upgrade, remove it on a fresh Debian in a container
  passwords OUTPUT LIST…           make the filter of leaked passwords; see lib/crypto/src/password/breached
  test [ARG…]                      all Rust tests
  fuzz [SECONDS | --check]         every fuzz target, so long each; or do they compile
  sqlx [--check] [-p CRATE]…       prepare (or compare) the offline query data in <crate>/.sqlx
       [--database-url URL]        use a running server instead of an ephemeral one
  sqlx --serve [--dir DIR]         keep a development server running, migrated afresh; prints its URL
  sqlx --apply URL                 migrate afresh into the database URL names
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &[String]) -> Result<()> {
    let Some((command, rest)) = args.split_first() else {
        bail!("no command given\n\n{USAGE}");
    };
    match command.as_str() {
        "help" | "--help" | "-h" => {
            print!("{USAGE}");
            Ok(())
        }
        "fuzz" => fuzz::run(&workspace::find_root()?, rest),
        "migrations" => migrations::run(&workspace::find_root()?, rest),
        "new-context" => new_context::run(&workspace::find_root()?, rest),
        "openapi" => openapi::run(&workspace::find_root()?, rest),
        "package" => package::run(&workspace::find_root()?, rest),
        "passwords" => passwords::run(rest),
        "test" => test::run(&workspace::find_root()?, rest),
        "sqlx" => queries::run(&workspace::find_root()?, rest),
        "tidy" => tidy::run(&workspace::find_root()?, rest),
        other => bail!("unknown command `{other}`\n\n{USAGE}"),
    }
}
