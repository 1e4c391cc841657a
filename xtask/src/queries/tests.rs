use super::database::Url;
use super::migrations::{migrated_crates, schema_of};
use super::parse;
use super::prepare::compare;
use crate::workspace::{Member, members};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

fn write(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().expect("has a parent")).expect("folder");
    fs::write(path, text).expect("file");
}

fn workspace(root: &Path, crates: &[(&str, &str)]) {
    write(
        root,
        "Cargo.toml",
        "[workspace]\nmembers = [\"lib/*\", \"contexts/*\"]\n",
    );
    for (path, dependencies) in crates {
        let name = path.replace('/', "-");
        write(
            root,
            &format!("{path}/Cargo.toml"),
            &format!("[package]\nname = \"{name}\"\n[dependencies]\n{dependencies}"),
        );
        write(root, &format!("{path}/migrations/0001_first.sql"), "select 1;\n");
    }
}

#[test]
fn migrations_run_from_the_libraries_to_the_contexts_that_build_on_tenancy() {
    let dir = tempfile::tempdir().expect("temp dir");
    workspace(
        dir.path(),
        &[
            ("contexts/billing", ""),
            ("contexts/sites", ""),
            ("contexts/tenancy", ""),
            ("lib/events", ""),
            ("lib/alpha", "lib-jobs.workspace = true\n"),
            ("lib/jobs", "lib-events.workspace = true\n"),
        ],
    );
    let crates = migrated_crates(dir.path(), &members(dir.path()).expect("members")).expect("migrations");
    let order: Vec<&str> = crates.iter().map(|c| c.path.as_str()).collect();
    assert_eq!(
        order,
        [
            "lib/events",
            "lib/jobs",
            "lib/alpha",
            "contexts/tenancy",
            "contexts/sites",
            "contexts/billing"
        ]
    );
}

#[test]
fn two_migrations_with_one_number_are_refused() {
    let dir = tempfile::tempdir().expect("temp dir");
    workspace(dir.path(), &[("lib/events", "")]);
    write(dir.path(), "lib/events/migrations/0001_again.sql", "select 1;\n");
    let error = migrated_crates(dir.path(), &members(dir.path()).expect("members")).expect_err("must fail");
    assert!(error.to_string().contains("same number"), "{error}");
}

#[test]
fn the_schema_is_the_short_name_of_the_crate() {
    assert_eq!(schema_of("lib/events"), "spine");
    assert_eq!(schema_of("lib/jobs"), "jobs");
    assert_eq!(schema_of("contexts/sites"), "sites");
}

#[test]
fn a_url_is_split_at_its_database() {
    let url = Url::parse("postgresql://me:pw@%2Ftmp%2Frun/dev?application_name=x").expect("valid");
    assert_eq!(url.text(), "postgres://me:pw@%2Ftmp%2Frun/dev?application_name=x");
    assert_eq!(
        url.with_database("other").text(),
        "postgres://me:pw@%2Ftmp%2Frun/other?application_name=x"
    );
}

#[test]
fn a_database_that_is_not_scratch_is_refused() {
    for text in [
        "postgres://h/postgres",
        "postgres://h/",
        "postgres://h/a;b",
        "postgres://h",
        "mysql://h/a",
    ] {
        assert!(Url::parse(text).is_err(), "{text}");
    }
}

#[test]
fn an_unknown_argument_is_named() {
    let error = parse(&["--chekc".to_owned()]).expect_err("must fail");
    assert!(error.to_string().contains("--chekc"));
    assert!(parse(&["-p".to_owned()]).is_err());
}

#[test]
fn stale_query_data_is_named_file_by_file() {
    let member = Member {
        name: "mpanel-sites".to_owned(),
        path: "contexts/sites".to_owned(),
        manifest: toml::Table::new(),
    };
    let files = |entries: &[(&str, &str)]| -> BTreeMap<String, Vec<u8>> {
        let bytes = entries
            .iter()
            .map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec()));
        bytes.collect()
    };
    let recorded = files(&[("same", "1"), ("changed", "2"), ("new", "3")]);
    assert!(compare(&member, &recorded, &recorded).is_empty());
    let committed = files(&[("same", "1"), ("changed", "1"), ("old", "4")]);
    assert_eq!(
        compare(&member, &committed, &recorded),
        [
            "contexts/sites/.sqlx/changed differs",
            "contexts/sites/.sqlx/new is missing",
            "contexts/sites/.sqlx/old belongs to no query",
        ]
    );
}
