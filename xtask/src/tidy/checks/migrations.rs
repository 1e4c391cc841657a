//! Invariant 6, as far as text shows it: tables of tenants are keyed by tenant and protected.
//!
//! The catalogue test of app/e2e asks PostgreSQL itself; this check answers in a second and names the line.

use crate::queries::schema_of;
use crate::tidy::Finding;
use crate::tidy::sql::{self, Table};
use crate::tidy::tree::{Tree, line_of};
use std::collections::{BTreeMap, BTreeSet};

/// The tables that belong to nobody or to the platform, each with its reason.
const PLATFORM_TABLES: &str = "xtask/platform-tables.toml";
/// The functions that cross tenants, each with its reason.
const DEFINER_FUNCTIONS: &str = "xtask/definer-functions.toml";
/// Where `mpanel.protect` and `mpanel.definer` are made.
const FOUNDATION: &str = "lib/pg";
/// The one table of another schema that everything may refer to.
const ROOT_TABLE: &str = "tenancy.tenants";

struct Migration<'a> {
    path: &'a str,
    /// Folder of the crate.
    owner: &'a str,
    schema: String,
    tables: Vec<Table>,
    /// With strings, for calls such as `mpanel.protect('sites.sites')`.
    full: String,
}

pub fn check(tree: &Tree) -> Vec<Finding> {
    let migrations: Vec<Migration> = tree
        .with_extension(&["sql"])
        .filter_map(|(path, text)| read(path, text))
        .collect();
    let listed = entries(tree, PLATFORM_TABLES);
    let definers = entries(tree, DEFINER_FUNCTIONS);
    let mut findings = Vec::new();
    let tenant_tables: BTreeSet<&str> = migrations
        .iter()
        .flat_map(|m| &m.tables)
        .filter(|table| table.has_column("tenant_id") && !listed.contains_key(&table.name))
        .map(|table| table.name.as_str())
        .collect();
    for migration in &migrations {
        let all: String = migrations
            .iter()
            .filter(|m| m.schema == migration.schema)
            .map(|m| m.full.as_str())
            .collect();
        let all = sql::squeeze(&all);
        for table in &migration.tables {
            for problem in table_problems(table, migration, &all, &listed, &tenant_tables) {
                findings.push(Finding::new(migration.path, table.line, problem));
            }
        }
        findings.extend(functions(migration, &definers));
        findings.extend(packaging(tree, migration));
    }
    findings.extend(same_numbers(&migrations));
    let tables: BTreeSet<&str> = migrations
        .iter()
        .flat_map(|m| &m.tables)
        .map(|t| t.name.as_str())
        .collect();
    findings.extend(list_problems(tree, PLATFORM_TABLES, &listed, |name| {
        tables.contains(name)
    }));
    findings.extend(list_problems(tree, DEFINER_FUNCTIONS, &definers, |name| {
        migrations
            .iter()
            .any(|m| m.full.contains(&format!("mpanel.definer('{name}')")))
    }));
    findings
}

fn read<'a>(path: &'a str, text: &str) -> Option<Migration<'a>> {
    let (owner, _) = path.split_once("/migrations/")?;
    if !owner.starts_with("contexts/") && !owner.starts_with("lib/") {
        return None;
    }
    let schema = schema_of(owner);
    let tables = sql::tables(&sql::normalise(text, false), "public");
    Some(Migration {
        path,
        owner,
        schema,
        tables,
        full: sql::normalise(text, true),
    })
}

fn entries(tree: &Tree, file: &str) -> BTreeMap<String, String> {
    let table: toml::Table = tree.text(file).and_then(|text| text.parse().ok()).unwrap_or_default();
    table
        .into_iter()
        .map(|(name, reason)| (name, reason.as_str().unwrap_or_default().to_owned()))
        .collect()
}

/// Entries of a list that name nothing any more, or have no reason.
fn list_problems(
    tree: &Tree,
    file: &str,
    entries: &BTreeMap<String, String>,
    exists: impl Fn(&str) -> bool,
) -> Vec<Finding> {
    let text = tree.text(file).unwrap_or_default();
    let mut findings = Vec::new();
    for (name, reason) in entries {
        if !exists(name) {
            let problem = format!("no migration creates {name}: remove the entry");
            findings.push(Finding::new(file, line_of(text, name), problem));
        }
        if reason.len() < 10 {
            findings.push(Finding::new(
                file,
                line_of(text, name),
                format!("say why {name} is an exception"),
            ));
        }
    }
    findings
}

fn table_problems(
    table: &Table,
    migration: &Migration,
    sql: &str,
    listed: &BTreeMap<String, String>,
    tenant_tables: &BTreeSet<&str>,
) -> Vec<String> {
    let name = &table.name;
    let mut problems = Vec::new();
    if !name.starts_with(&format!("{}.", migration.schema)) {
        problems.push(format!(
            "write the table as {}.…: every crate owns one schema",
            migration.schema
        ));
    }
    for part in &table.parts {
        problems.extend(reference_problem(
            part,
            migration,
            tenant_tables,
            tenant_tables.contains(name.as_str()),
        ));
    }
    if listed.contains_key(name) {
        return problems;
    }
    if !table.has_column("tenant_id") {
        problems.push(format!(
            "{name} has no tenant_id: add it, or list the table in {PLATFORM_TABLES} with the reason"
        ));
        return problems;
    }
    if table.primary_key().first().map(String::as_str) != Some("tenant_id") {
        problems.push(format!("the primary key of {name} starts with tenant_id"));
    }
    if sql.contains(&format!("mpanel.protect('{name}')")) {
        return problems;
    }
    if !sql.contains(&format!("alter table {name} enable row level security"))
        || !sql.contains(&format!("alter table {name} force row level security"))
    {
        problems.push(format!(
            "{name} is not protected: write `select mpanel.protect('{name}');`"
        ));
    }
    for role in ["mpanel_app", "mpanel_platform"] {
        let has_policy = sql
            .split(';')
            .any(|s| s.contains("create policy") && s.contains(&format!(" on {name} ")) && s.contains(role));
        if !has_policy {
            problems.push(format!(
                "{name} has no policy for {role}: write `select mpanel.protect('{name}');`"
            ));
        }
    }
    problems
}

/// A foreign key leaves the schema only for the tenants, and between tables of tenants it carries the tenant.
fn reference_problem(
    part: &str,
    migration: &Migration,
    tenant_tables: &BTreeSet<&str>,
    of_tenant: bool,
) -> Option<String> {
    let (before, after) = part.split_once("references ")?;
    let target = after.split(['(', ' ']).next().unwrap_or_default();
    if target == ROOT_TABLE {
        return None;
    }
    if target.split('.').next() != Some(migration.schema.as_str()) {
        return Some(format!(
            "a foreign key to {target} crosses schemas: only {ROOT_TABLE} may be referred to from elsewhere"
        ));
    }
    let own = sql::columns(before);
    let composite = before.contains("foreign key") && own.first().map(String::as_str) == Some("tenant_id");
    if of_tenant && tenant_tables.contains(target) && !composite {
        return Some(format!(
            "the foreign key to {target} needs the tenant: foreign key (tenant_id, …) references {target} (tenant_id, …)"
        ));
    }
    None
}

/// A definer function crosses tenants with its owner's rights: each is listed with its reason, binds the tenant
/// inside, and is not led astray by the caller's search path.
fn functions(migration: &Migration, listed: &BTreeMap<String, String>) -> Vec<Finding> {
    const CALL: &str = "mpanel.definer('";
    let mut findings = Vec::new();
    let line = |at: usize| migration.full[..at].matches('\n').count() + 1;
    for (at, _) in migration.full.match_indices(CALL) {
        let name = migration.full[at + CALL.len()..].split('\'').next().unwrap_or_default();
        let created = format!("create function {name}(");
        let definition = match migration.full.find(&created) {
            Some(start) if start < at => &migration.full[start..at],
            _ => "",
        };
        if !definition.contains("set search_path") {
            findings.push(Finding::new(
                migration.path,
                line(at),
                format!("{name} needs a fixed `set search_path`"),
            ));
        }
        if !listed.contains_key(name) {
            let text = format!("{name} crosses tenants: list it in {DEFINER_FUNCTIONS} with the reason");
            findings.push(Finding::new(migration.path, line(at), text));
        }
    }
    if migration.owner != FOUNDATION {
        for (at, _) in migration.full.match_indices("security definer") {
            findings.push(Finding::new(
                migration.path,
                line(at),
                "write `select mpanel.definer('…');` after the function",
            ));
        }
    }
    findings
}

/// The binary carries its migrations by `include_str!`: a file that is not named is never applied.
fn packaging(tree: &Tree, migration: &Migration) -> Option<Finding> {
    let file = migration.path.rsplit('/').next().unwrap_or_default();
    let sources = format!("{}/src/", migration.owner);
    let named = tree
        .with_extension(&["rs"])
        .any(|(path, text)| path.starts_with(&sources) && text.contains(file));
    (!named).then(|| {
        Finding::new(
            migration.path,
            0,
            format!("no source of {} includes {file}", migration.owner),
        )
    })
}

/// Each schema has one table of applied migrations, by number.
fn same_numbers(migrations: &[Migration]) -> Vec<Finding> {
    let mut taken: BTreeMap<(String, String), &str> = BTreeMap::new();
    let mut findings = Vec::new();
    for migration in migrations {
        let number = migration
            .path
            .rsplit('/')
            .next()
            .and_then(|file| file.split('_').next())
            .unwrap_or_default();
        if let Some(other) = taken.insert((migration.schema.clone(), number.to_owned()), migration.path) {
            findings.push(Finding::new(
                migration.path,
                0,
                format!("its number is taken by {other}"),
            ));
        }
    }
    findings
}
