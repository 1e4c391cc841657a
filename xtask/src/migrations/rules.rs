//! What a migration must not do to a schema that the release before works on. Text alone is looked at, so some of it is forbidden
//! although it would be harmless: a line `-- compatible: <reason>` above the statement allows it.

use crate::tidy::sql::{normalise, squeeze};

/// What the release before would run into.
const FORBIDDEN: &[(&str, &str)] = &[
    ("drop table", "its tables are used"),
    ("drop view", "its views are used"),
    ("drop column", "its columns are used"),
    ("drop function", "its functions are called"),
    ("drop type", "its types are used"),
    ("drop schema", "its tables are used"),
    ("drop default", "its inserts leave the column out"),
    ("rename", "it knows the old name"),
    ("set not null", "its inserts may leave the column empty"),
    ("set schema", "it knows the old name"),
    ("truncate", "its rows are gone"),
    ("revoke", "its roles need what they have"),
    ("add constraint", "its writes may break it: add it as `not valid`"),
    ("create unique index", "its writes may break it"),
];

/// Line and text of everything in it that is not an addition.
pub fn problems(migration: &str) -> Vec<(usize, String)> {
    let text = normalise(migration, true);
    let made = made_here(&text);
    let mut found = Vec::new();
    let mut begin = 0;
    for statement in statements(&text) {
        let lead = statement.len() - statement.trim_start().len();
        let line = text[..begin + lead].matches('\n').count() + 1;
        begin += statement.len() + 1;
        let squeezed = squeeze(statement);
        let excused = migration.lines().nth(line.wrapping_sub(2)).is_some_and(|above| {
            let reason = above.trim().strip_prefix("-- compatible:");
            reason.is_some_and(|reason| reason.trim().len() >= 10)
        });
        if excused || made.iter().any(|table| is_about(&squeezed, table)) {
            continue;
        }
        found.extend(problem(&squeezed).map(|what| (line, what)));
    }
    found
}

fn problem(statement: &str) -> Option<String> {
    // Bodies of functions run for whoever calls them; only what a migration does itself counts.
    if statement.starts_with("create function") || statement.starts_with("create or replace function") {
        return None;
    }
    for (words, why) in FORBIDDEN {
        let not_valid = *words == "add constraint" && statement.contains("not valid");
        if statement.contains(words) && !not_valid {
            return Some(format!(
                "`{words}`: the release before works on this schema too, and {why}"
            ));
        }
    }
    let alters_type = statement.starts_with("alter table")
        && (statement.contains(" set data type ")
            || (statement.contains("alter column") && statement.contains(" type ")));
    if alters_type {
        return Some("a column's type: the release before reads and writes the old one".to_owned());
    }
    // One `add column` after another in the same statement.
    let added = statement
        .starts_with("alter table")
        .then(|| statement.split("add column").skip(1));
    let wants = |column: &str| {
        let own = column.split(", add ").next().unwrap_or_default();
        own.contains("not null") && !own.contains("default") && !own.contains("generated")
    };
    added?
        .into_iter()
        .any(wants)
        .then(|| "`not null` without a default: the release before does not fill the column".to_owned())
}

/// Tables and functions that the migration makes itself, which the release before does not know.
fn made_here(text: &str) -> Vec<String> {
    let squeezed = squeeze(text);
    let after = |words: &str| -> Vec<String> {
        let rests = squeezed.split(words).skip(1);
        rests
            .filter_map(|rest| rest.trim_start_matches("if not exists ").split([' ', '(']).next())
            .map(str::to_owned)
            .collect()
    };
    [after("create table "), after("create function ")].concat()
}

fn is_about(statement: &str, table: &str) -> bool {
    let about = |lead: &str| {
        let rest = statement.strip_prefix(lead);
        rest.is_some_and(|rest| rest.split([' ', '(']).next() == Some(table))
    };
    about("alter table ")
        || about("create table ")
        || about("revoke all on ")
        || about("revoke all on function ")
        || (statement.starts_with("create unique index") && statement.contains(&format!(" on {table} ")))
        || (statement.starts_with("create unique index") && statement.contains(&format!(" on {table}(")))
}

/// The statements of normalised SQL: what is between semicolons that stand in no dollar quotes. Strings have none here that matter.
fn statements(text: &str) -> Vec<&str> {
    let (mut found, mut begin, mut quoted) = (Vec::new(), 0, false);
    let bytes = text.as_bytes();
    for index in 0..bytes.len() {
        match bytes[index] {
            b'$' if bytes.get(index + 1) == Some(&b'$') => quoted = !quoted,
            b';' if !quoted => {
                found.push(&text[begin..index]);
                begin = index + 1;
            }
            _ => {}
        }
    }
    found.push(&text[begin..]);
    found
}
