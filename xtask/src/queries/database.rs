//! A fresh database with every migration applied, by way of `psql`.

use super::migrations::{Migrated, migrated_crates};
use super::server::program;
use crate::{process, workspace};
use anyhow::{Context as _, Result, bail};
use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// Creates the roles of row-level security, as `mpanel up` does once per database.
const BOOTSTRAP: &str = "lib/pg/bootstrap.sql";

/// A connection URL, split where the database's name is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url {
    before: String,
    database: String,
    after: String,
}

impl Url {
    /// Splits `postgres://user@host:port/database?parameters`.
    ///
    /// # Errors
    /// When the text has no scheme of PostgreSQL or no database name of plain characters.
    pub fn parse(text: &str) -> Result<Self> {
        let rest = text
            .strip_prefix("postgres://")
            .or_else(|| text.strip_prefix("postgresql://"))
            .with_context(|| format!("`{text}` does not start with postgres://"))?;
        let (authority, tail) = rest
            .split_once('/')
            .with_context(|| format!("`{text}` names no database"))?;
        let (database, after) = match tail.split_once('?') {
            Some((database, parameters)) => (database, format!("?{parameters}")),
            None => (tail, String::new()),
        };
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if database.is_empty() || !database.chars().all(plain) || database == "postgres" {
            bail!("`{database}` is not a name for a scratch database: use a-z, 0-9 and _, and not `postgres`");
        }
        Ok(Self {
            before: format!("postgres://{authority}/"),
            database: database.to_owned(),
            after,
        })
    }

    /// The URL as text.
    pub fn text(&self) -> String {
        format!("{}{}{}", self.before, self.database, self.after)
    }

    /// The same server, another database.
    pub fn with_database(&self, database: &str) -> Self {
        Self {
            database: database.to_owned(),
            ..self.clone()
        }
    }
}

/// Replaces the database by a new one with all migrations applied. The old one stays when a migration fails.
///
/// # Errors
/// When the server does not answer or a migration is wrong: the message names the file and the line.
pub fn migrate_afresh(root: &Path, url: &Url) -> Result<()> {
    let members = workspace::members(root)?;
    let crates = migrated_crates(root, &members)?;
    let maintenance = url.with_database("postgres");
    let fresh = url.with_database(&format!("{}_{}", url.database, std::process::id()));
    let create = format!(
        "drop database if exists {0} with (force);\n\
         create database {0} template template0 encoding 'UTF8' locale 'C';\n",
        fresh.database
    );
    sql(&maintenance, &create)?;
    let applied = apply(root, &fresh, &crates);
    let finish = match applied {
        Ok(()) => format!(
            "drop database if exists {0} with (force);\nalter database {1} rename to {0};\n",
            url.database, fresh.database
        ),
        Err(_) => format!("drop database if exists {0} with (force);\n", fresh.database),
    };
    sql(&maintenance, &finish)?;
    applied
}

fn apply(root: &Path, url: &Url, crates: &[Migrated]) -> Result<()> {
    run_file(url, &root.join(BOOTSTRAP))?;
    for migrated in crates {
        sql(url, &format!("create schema if not exists {};\n", migrated.schema))?;
        for file in &migrated.files {
            run_file(url, file)?;
        }
    }
    Ok(())
}

/// One transaction for a file, as the real migrator has it.
fn run_file(url: &Url, file: &Path) -> Result<()> {
    let mut command = psql(url)?;
    command.arg("--single-transaction").arg("--file").arg(file);
    process::output(&mut command).with_context(|| format!("{} is wrong", file.display()))?;
    Ok(())
}

/// Which of these queries cannot be prepared, with what PostgreSQL says.
///
/// # Errors
/// When the server does not answer.
pub fn unprepared(url: &Url, queries: &[String]) -> Result<Vec<(usize, String)>> {
    let prepare = |index: usize| format!("prepare q{index} as {};\n", queries[index]);
    let mut script: String = (0..queries.len()).map(prepare).collect();
    script += "select name from pg_prepared_statements;\n";
    let mut all = psql(url)?;
    all.args(["--set=ON_ERROR_STOP=0", "--tuples-only", "--no-align"]);
    let (prepared, _) = feed(&mut all, &script)?;
    let prepared: BTreeSet<&str> = prepared.lines().collect();
    let missing = (0..queries.len()).filter(|index| !prepared.contains(format!("q{index}").as_str()));
    missing
        .map(|index| Ok((index, feed(&mut psql(url)?, &prepare(index))?.1.trim().to_owned())))
        .collect()
}

/// What psql says to a script, on both outputs.
fn feed(command: &mut Command, script: &str) -> Result<(String, String)> {
    command.arg("--file=-").stdin(Stdio::piped());
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("cannot run psql")?;
    let mut stdin = child.stdin.take().context("psql has no standard input")?;
    let script = script.to_owned();
    // It answers while it reads.
    let writer = std::thread::spawn(move || stdin.write_all(script.as_bytes()));
    let output = child.wait_with_output()?;
    // One that stopped at an error has said so.
    let _stopped = writer.join();
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Ok((text(output.stdout), text(output.stderr)))
}

fn psql(url: &Url) -> Result<Command> {
    let mut command = Command::new(program("psql")?);
    command.args([
        "--no-psqlrc",
        "--quiet",
        "--set=ON_ERROR_STOP=1",
        "--set=VERBOSITY=verbose",
    ]);
    command
        .env("PGAPPNAME", "xtask")
        .env("PGOPTIONS", "-c client_min_messages=warning")
        .arg("--dbname")
        .arg(url.text());
    Ok(command)
}

/// Sends statements one by one (some cannot run inside a transaction).
fn sql(url: &Url, statements: &str) -> Result<()> {
    let mut command = psql(url)?;
    command
        .arg("--file=-")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let mut child = command.spawn().context("cannot run psql")?;
    let mut stdin = child.stdin.take().context("psql has no standard input")?;
    stdin.write_all(statements.as_bytes())?;
    drop(stdin);
    let output = child.wait_with_output()?;
    if !output.status.success() {
        bail!(
            "psql failed on {}: {}",
            url.text(),
            String::from_utf8_lossy(&output.stderr).trim_end()
        );
    }
    Ok(())
}
