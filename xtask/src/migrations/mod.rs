//! Whether the release before can work on the database that this tree makes, so that an upgrade can be undone: its queries are
//! prepared against the new schema, and the migrations that were added only add.

mod baseline;
mod rules;

use crate::queries::{database, migrated_crates, server};
use crate::workspace;
use anyhow::{Context as _, Result, bail, ensure};
use baseline::Baseline;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// `cargo xtask migrations …`
///
/// # Errors
/// When the release before could not work on the new schema, or a migration of it was edited.
pub fn run(root: &Path, args: &[String]) -> Result<()> {
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match words.as_slice() {
        [] => check(root, &Baseline::load(root)?),
        ["--compatible", revision] => check(root, &Baseline::of_revision(root, revision)?),
        ["--record"] => record(root, "HEAD"),
        ["--record", revision] => record(root, revision),
        _ => bail!("`cargo xtask migrations` takes nothing, --compatible REVISION or --record [REVISION]"),
    }
}

fn record(root: &Path, revision: &str) -> Result<()> {
    let baseline = Baseline::of_revision(root, revision)?;
    baseline.store(root)?;
    println!(
        "{}: {} migrations and {} queries ({})",
        baseline::FOLDER,
        baseline.migrations.len(),
        baseline.queries.len(),
        baseline.what()
    );
    Ok(())
}

fn check(root: &Path, baseline: &Baseline) -> Result<()> {
    let ours = ours(root)?;
    let mut problems = Vec::new();
    for ((schema, name), blob) in &baseline.migrations {
        match ours.get(&(schema.clone(), name.clone())) {
            None => problems.push(format!("{schema}/{name} is gone, but databases were made with it")),
            // Nobody has a database yet that would have to be changed by another migration.
            Some(migration) if migration.blob != *blob && baseline.is_released() => problems.push(format!(
                "{schema}/{name} was edited after its release: installed databases refuse that; add a migration instead"
            )),
            Some(_) => {}
        }
    }
    let added = ours.iter().filter(|(key, _)| !baseline.migrations.contains_key(*key));
    let made_before: Vec<&str> = baseline.migrations.keys().map(|(schema, _)| schema.as_str()).collect();
    for ((schema, _), migration) in added {
        // What is in a schema of its own is unknown to the release before.
        if made_before.contains(&schema.as_str()) {
            let text = std::fs::read_to_string(&migration.path)?;
            let found = rules::problems(&text);
            problems.extend(found.into_iter().map(|(line, what)| {
                format!(
                    "{}:{line}: {what}",
                    migration.path.strip_prefix(root).unwrap_or(&migration.path).display()
                )
            }));
        }
    }
    let server = server::Server::start_ephemeral()?;
    let url = server.url("mpanel");
    database::migrate_afresh(root, &url)?;
    for (index, error) in database::unprepared(&url, &baseline.queries)? {
        problems.push(format!(
            "a query of {} fails now:\n  {}\n  {error}",
            baseline.what(),
            baseline.queries[index]
        ));
    }
    if !problems.is_empty() {
        println!("{}", problems.join("\n"));
        let remedy = match baseline.is_released() {
            true => {
                "the release before must be able to work on this schema: only add to it, and take away a release later"
            }
            false => {
                "nothing is released yet: if this is as it should be, `cargo xtask migrations --record` (from what is committed)"
            }
        };
        bail!("{} problems; {remedy}", problems.len());
    }
    println!(
        "{} queries of {} work on this schema",
        baseline.queries.len(),
        baseline.what()
    );
    Ok(())
}

/// A migration of this tree.
struct Migration {
    path: PathBuf,
    blob: String,
}

fn ours(root: &Path) -> Result<BTreeMap<(String, String), Migration>> {
    let mut found = BTreeMap::new();
    for migrated in migrated_crates(root, &workspace::members(root)?)? {
        for path in migrated.files {
            let name = path.file_stem().context("a migration has a name")?;
            let name = name.to_string_lossy().into_owned();
            let blob = baseline::git(root, &["hash-object", "--no-filters", "--", &path.to_string_lossy()])?;
            let blob = blob.trim().to_owned();
            found.insert((migrated.schema.clone(), name), Migration { path, blob });
        }
    }
    ensure!(!found.is_empty(), "there are no migrations here");
    Ok(found)
}

#[cfg(test)]
mod tests;
