//! An archive of somebody who wants more than its database.

use std::fs::File;

use mpanel_archive::{Opening, Protection, Writer};
use mpanel_pg::dump::{Snapshot, Target};
use mpanel_pg::{FOUNDATION, Migrations, migrate};
use mpanel_process::account::{self, Account};
use mpanel_testkit::postgres::{TestDatabase, TestPostgres};

use super::decisions::head;
use crate::recovery::verify::{check, deep, scratch_server};
use crate::up::accounts;

/// A table whose rows are checked by a function when they are loaded, which is another one than when they were written.
const BAIT: (&str, &str) = (
    "0001_bait",
    "create table traps.out (text text);
     create function traps.reach() returns boolean language plpgsql as $$ begin return true; end $$;
     create table traps.bait (id int check (traps.reach()));
     insert into traps.bait values (1)",
);
/// What the function does instead, and what PostgreSQL says that it lacks.
const TRAPS: [((&str, &str), &str); 2] = [
    (
        (
            "0002_program",
            "create or replace function traps.reach() returns boolean language plpgsql as $$
             begin copy traps.out from program 'id'; return true; end $$",
        ),
        "pg_execute_server_program",
    ),
    (
        (
            "0002_file",
            "create or replace function traps.reach() returns boolean language plpgsql as $$
             begin copy traps.out from '/etc/passwd'; return true; end $$",
        ),
        "pg_read_server_files",
    ),
];

/// How PostgreSQL's own programs find the database.
fn target(database: &TestDatabase) -> Target {
    let options = &database.panel;
    let folder = options.get_socket().expect("tests use a socket").display().to_string();
    let url = format!(
        "postgres://{}@localhost:{}/{}?host={}",
        options.get_username(),
        options.get_port(),
        database.name,
        folder.replace('/', "%2F")
    );
    Target::remote(&url).unwrap()
}

#[tokio::test]
async fn statements_in_a_forged_archive_reach_neither_programs_nor_files() {
    for (trap, lacks) in TRAPS {
        let database = TestPostgres::shared().create_database("forged").await;
        let files = [BAIT, trap];
        let traps = Migrations {
            schema: "traps",
            files: Vec::from(files).leak(),
        };
        migrate(&database.panel, &[FOUNDATION, traps]).await.unwrap();
        let snapshot = Snapshot::open(&database.panel).await.unwrap();
        let mut dump = snapshot.dump(&target(&database)).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("forged.tar.zst");
        let mut head = head();
        head.postgres = snapshot.major();
        let mut writer = Writer::new(File::create(&file).unwrap(), &Protection::None, &head).unwrap();
        writer.stream("database", &mut dump).unwrap();
        dump.finish().unwrap();
        writer.finish().unwrap();

        // Every sum is right.
        let opening = Opening::default();
        check(&file, &opening).unwrap();
        let scratch = tempfile::tempdir().unwrap();
        let error = deep(&file, &opening, &head, scratch.path()).await.unwrap_err();
        assert!(format!("{error:#}").contains(lacks), "{error:#}");
        assert_eq!(
            std::fs::read_dir(scratch.path()).unwrap().count(),
            0,
            "something is left"
        );
    }
}

#[test]
fn an_archive_is_tried_as_a_user_that_owns_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let options = scratch_server(folder.path()).unwrap();
    if !account::is_root() {
        assert_eq!(options.account, None);
        return;
    }
    let scratch = options.account.unwrap();
    assert_eq!(scratch.name, "mpanel-scratch");
    for name in accounts::NAMES {
        assert_ne!(
            Account::by_name(name).unwrap().map(|owner| owner.uid),
            Some(scratch.uid)
        );
    }
}
