//! Nothing is sealed that the list of losses does not name.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use mpanel_server::recovery;

/// Every source file of a tier that is no test.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        let name = name.to_string_lossy();
        if path.is_dir() && !["tests", "fuzz", "target", "node_modules", "examples"].contains(&&*name) {
            sources(&path, found);
        } else if name.ends_with(".rs") && name != "tests.rs" {
            found.push(path);
        }
    }
}

/// The quoted texts that follow directly.
fn texts(source: &str, most: usize) -> Vec<&str> {
    let mut texts = Vec::new();
    let mut rest = source;
    while texts.len() < most
        && let Some((_, after)) = rest.split_once('"')
        && let Some((text, after)) = after.split_once('"')
    {
        texts.push(text);
        rest = after;
    }
    texts
}

#[test]
fn every_place_that_is_sealed_for_is_in_the_inventory() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let listed: BTreeSet<(&str, &str)> = recovery::sealed()
        .iter()
        .map(|column| (column.table, column.column))
        .collect();
    let tables: BTreeSet<&str> = listed.iter().map(|(table, _)| *table).collect();
    let mut files = Vec::new();
    for tier in ["lib", "clients", "contexts", "app"] {
        sources(&root.join(tier), &mut files);
    }
    assert!(files.len() > 100, "the sources were not found");
    let mut used = BTreeSet::new();
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        for (_, after) in text
            .match_indices("Place::new(")
            .map(|(at, call)| text.split_at(at + call.len()))
        {
            let call = after.split(')').next().unwrap_or_default();
            match texts(call, 2)[..] {
                [table, column] if table.contains('.') => {
                    assert!(
                        listed.contains(&(table, column)),
                        "{}: {table}.{column} is sealed, and no SEALED list says what its loss means",
                        file.display()
                    );
                    used.insert((table.to_owned(), column.to_owned()));
                }
                // A column that is a variable: the table must be known at least, and its columns are listed by hand.
                [table] if table.contains('.') => {
                    assert!(
                        tables.contains(table),
                        "{}: {table} is sealed and not listed",
                        file.display()
                    );
                    used.extend(
                        listed
                            .iter()
                            .filter(|(known, _)| *known == table)
                            .map(|(t, c)| ((*t).to_owned(), (*c).to_owned())),
                    );
                }
                _ => {}
            }
        }
    }
    for (table, column) in listed {
        assert!(
            used.contains(&(table.to_owned(), column.to_owned())),
            "{table}.{column} is listed and never sealed"
        );
    }
}

#[test]
fn what_is_lost_is_told_with_numbers_and_consequences() {
    let counts = [
        ("identity.users.totp_secret".to_owned(), 12),
        ("certificates.authorities.sealed_key".to_owned(), 1),
        ("spine.idempotency.response".to_owned(), 0),
    ];
    let text = crate::recovery::losses::told(&counts.into());
    assert!(text.contains("12 second factors of people\n"), "{text}");
    assert!(text.contains("authenticator app"), "{text}");
    assert!(text.contains("1 keys of the internal authority"), "{text}");
    assert!(!text.contains("kept answers"), "nothing of it is lost:\n{text}");
    // What the archive did not count may be there.
    assert!(text.contains("some mails that wait"), "{text}");
}
