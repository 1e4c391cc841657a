//! Offline query data: a throw-away PostgreSQL with every migration applied, against which the
//! `query!` macros of each crate are checked and recorded in `<crate>/.sqlx`.

use anyhow::{Context as _, Result, bail};
use std::path::{Path, PathBuf};

pub mod database;
mod migrations;
mod prepare;
pub mod server;

pub use migrations::{migrated_crates, schema_of};

#[derive(Debug, Default)]
struct Options {
    check: bool,
    serve: bool,
    dir: Option<PathBuf>,
    apply: Option<String>,
    database_url: Option<String>,
    packages: Vec<String>,
}

fn parse(args: &[String]) -> Result<Options> {
    let mut options = Options::default();
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let mut value = || args.next().cloned().with_context(|| format!("{arg} needs a value"));
        match arg.as_str() {
            "--check" => options.check = true,
            "--serve" => options.serve = true,
            "--dir" => options.dir = Some(PathBuf::from(value()?)),
            "--apply" => options.apply = Some(value()?),
            "--database-url" => options.database_url = Some(value()?),
            "-p" | "--package" => options.packages.push(value()?),
            other => bail!("unknown argument `{other}` of `cargo xtask sqlx`"),
        }
    }
    Ok(options)
}

/// `cargo xtask sqlx …`
///
/// # Errors
/// When PostgreSQL cannot start, a migration or a query is wrong, or committed data differs (`--check`).
pub fn run(root: &Path, args: &[String]) -> Result<()> {
    let options = parse(args)?;
    if let Some(url) = &options.apply {
        let url = database::Url::parse(url)?;
        database::migrate_afresh(root, &url)?;
        println!("{}", url.text());
        return Ok(());
    }
    if options.serve {
        return serve(root, options.dir.as_deref());
    }
    if let Some(url) = &options.database_url {
        let url = database::Url::parse(url)?;
        return prepare::prepare(root, &url, &options.packages, options.check);
    }
    let server = server::Server::start_ephemeral()?;
    let url = server.url("mpanel");
    database::migrate_afresh(root, &url)?;
    prepare::prepare(root, &url, &options.packages, options.check)
}

/// Runs (or finds running) the development server and stays until it is stopped.
fn serve(root: &Path, dir: Option<&Path>) -> Result<()> {
    let server = match dir {
        Some(dir) => server::Server::start_in(dir)?,
        None => server::Server::start_ephemeral()?,
    };
    let url = server.url("mpanel");
    database::migrate_afresh(root, &url)?;
    println!("DATABASE_URL={}", url.text());
    if server.is_adopted() {
        println!("the server was running already and goes on");
        return Ok(());
    }
    println!("press Ctrl-C to stop; `cargo xtask sqlx --apply URL` migrates afresh");
    server.wait()
}

#[cfg(test)]
mod tests;
