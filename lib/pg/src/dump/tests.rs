use std::io::{Read as _, Write as _};
use std::path::Path;

use mpanel_testkit::postgres::{TestDatabase, TestPostgres};
use sqlx::{Connection, PgConnection};

use super::{DumpError, Load, Snapshot, Target, adopt, is_empty, programs};
use crate::{FOUNDATION, Migrations, migrate};

/// A tenant's table, a table of nobody, and a function that runs as the platform.
const THINGS: Migrations = Migrations {
    schema: "things",
    files: &[(
        "0001_things",
        "create table things.things (tenant_id uuid not null, id bigint generated always as identity, text text not null,
                                     primary key (tenant_id, id));
         select mpanel.protect('things.things');
         create table things.plain (id int primary key);
         create function things.all_texts() returns setof text language sql set search_path = pg_catalog
             as 'select text from things.things order by id';
         grant usage on schema things to mpanel_app, mpanel_platform;
         grant execute on function things.all_texts() to mpanel_app;
         select mpanel.definer('things.all_texts');",
    )],
};
const MODULES: &[Migrations] = &[FOUNDATION, THINGS];

async fn migrated() -> TestDatabase {
    let database = TestPostgres::shared().create_database("dumped").await;
    migrate(&database.panel, MODULES).await.unwrap();
    database
}

async fn connected(options: &sqlx::postgres::PgConnectOptions) -> PgConnection {
    PgConnection::connect_with(options).await.unwrap()
}

#[tokio::test]
async fn what_is_dumped_at_a_moment_is_loaded_with_its_owners_and_policies() {
    let source = migrated().await;
    let mut writer = connected(&source.admin).await;
    let fill = "insert into things.things (tenant_id, text) select gen_random_uuid(), 'thing ' || n from generate_series(1, 50) n;
                insert into things.plain select generate_series(1, 7)";
    sqlx::raw_sql(fill).execute(&mut writer).await.unwrap();

    let target = Target::local(source.panel.clone());
    let mut snapshot = Snapshot::open(&source.panel).await.unwrap();
    sqlx::raw_sql(
        "delete from things.plain; insert into things.things (tenant_id, text) values (gen_random_uuid(), 'late')",
    )
    .execute(&mut writer)
    .await
    .unwrap();
    let rows = snapshot.rows().await.unwrap();
    assert_eq!((rows["things.things"], rows["things.plain"]), (50, 7));
    assert_eq!(snapshot.migrations().await.unwrap()["things"], ["0001_things"]);
    let counted: Vec<(i64,)> = snapshot
        .fetch("select count(*) from things.things where text like 'thing%'")
        .await
        .unwrap();
    assert_eq!(counted, [(50,)]);
    let mut dump = snapshot.dump(&target).unwrap();
    let mut bytes = Vec::new();
    dump.read_to_end(&mut bytes).unwrap();
    dump.finish().unwrap();

    let empty = TestPostgres::shared().create_database("loaded").await;
    assert!(is_empty(&empty.panel).await.unwrap());
    let mut load = Load::start(&Target::local(empty.panel.clone()), snapshot.major()).unwrap();
    load.write_all(&bytes).unwrap();
    load.finish().unwrap();
    adopt(&empty.panel).await.unwrap();
    assert!(!is_empty(&empty.panel).await.unwrap());
    // Migrations are known as applied, and backups read the copy as well.
    migrate(&empty.panel, MODULES).await.unwrap();
    assert_eq!(Snapshot::open(&empty.panel).await.unwrap().rows().await.unwrap(), rows);

    let mut panel = connected(&empty.panel).await;
    let owner: String = sqlx::query_scalar("select proowner::regrole::text from pg_proc where proname = 'all_texts'")
        .fetch_one(&mut panel)
        .await
        .unwrap();
    assert_eq!(owner, "mpanel_platform");
    // Without a tenant nobody reads, by the function everybody does, and the numbers go on.
    sqlx::raw_sql("begin; set local role mpanel_app")
        .execute(&mut panel)
        .await
        .unwrap();
    let texts: Vec<String> = sqlx::query_scalar("select things.all_texts()")
        .fetch_all(&mut panel)
        .await
        .unwrap();
    assert_eq!(texts.len(), 50);
    let direct = sqlx::raw_sql("select count(*) from things.things")
        .execute(&mut panel)
        .await;
    assert!(direct.is_err(), "row-level security is gone");
}

#[tokio::test]
async fn a_table_whose_rows_would_be_hidden_stops_a_backup() {
    let source = migrated().await;
    let mut admin = connected(&source.admin).await;
    sqlx::raw_sql("drop policy backup on things.things")
        .execute(&mut admin)
        .await
        .unwrap();
    match Snapshot::open(&source.panel).await {
        Err(DumpError::Hidden(table)) => assert_eq!(table, "things.things"),
        other => panic!("{other:?}"),
    }
    // The next start puts it back.
    migrate(&source.panel, MODULES).await.unwrap();
    Snapshot::open(&source.panel).await.unwrap();
}

#[tokio::test]
async fn a_dump_that_breaks_off_leaves_nothing_and_says_why() {
    let empty = TestPostgres::shared().create_database("broken").await;
    let mut load = Load::start(&Target::local(empty.panel.clone()), 15).unwrap();
    // It may end before all is taken.
    let _closed = load.write_all(b"PGDMP and nonsense");
    let error = load.finish().unwrap_err();
    assert!(
        matches!(
            error,
            DumpError::Failed {
                program: "pg_restore",
                ..
            }
        ),
        "{error}"
    );
    assert!(is_empty(&empty.panel).await.unwrap());
}

#[test]
fn a_program_that_complains_a_lot_comes_to_its_end_all_the_same() {
    let target = Target::remote("postgres://u@h/d").unwrap();
    // More than a pipe and what is kept of it hold together.
    let missing = format!("/nowhere/{}", "x".repeat(180));
    let names = vec![missing.as_str(); 2000];
    let error = programs::start((Path::new("/bin"), "cat"), &names, &target, None)
        .unwrap()
        .finish()
        .unwrap_err();
    match error {
        DumpError::Failed { program, text, .. } => {
            assert_eq!(program, "cat");
            assert!(text.starts_with("/bin/cat: /nowhere/xxx"), "{}", &text[..80]);
            assert!(text.len() <= 64 << 10);
        }
        other => panic!("{other:?}"),
    }
}

/// What somebody forged who wants more than the database.
#[tokio::test]
async fn what_runs_while_a_dump_is_loaded_reaches_no_programs_of_the_machine() {
    let source = migrated().await;
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    let mark = folder.path().join("mark");
    let mut admin = connected(&source.admin).await;
    sqlx::raw_sql(
        "create table things.a_mark (path text);
         create table things.out (text text);
         create function things.reach() returns boolean language plpgsql as $$
             begin
                 execute format('copy things.out from program %L', 'touch ' || (select path from things.a_mark));
                 return true;
             end $$;
         create table things.bait (id int check (things.reach()))",
    )
    .execute(&mut admin)
    .await
    .unwrap();
    sqlx::query("insert into things.a_mark values ($1)")
        .bind(mark.to_str().unwrap())
        .execute(&mut admin)
        .await
        .unwrap();
    sqlx::raw_sql("insert into things.bait values (1)")
        .execute(&mut admin)
        .await
        .unwrap();
    assert!(mark.exists(), "a superuser reaches them");
    std::fs::remove_file(&mark).unwrap();
    sqlx::raw_sql(
        "grant usage on schema things to mpanel_backup; grant select on all tables in schema things to mpanel_backup",
    )
    .execute(&mut admin)
    .await
    .unwrap();
    let snapshot = Snapshot::open(&source.panel).await.unwrap();
    let mut dump = snapshot.dump(&Target::local(source.panel.clone())).unwrap();
    let mut bytes = Vec::new();
    dump.read_to_end(&mut bytes).unwrap();
    dump.finish().unwrap();

    let empty = TestPostgres::shared().create_database("forged").await;
    let mut load = Load::start(&Target::local(empty.panel.clone()), snapshot.major()).unwrap();
    // It may end before all is taken.
    let _closed = load.write_all(&bytes);
    match load.finish().unwrap_err() {
        DumpError::Failed { text, .. } => assert!(text.contains("pg_execute_server_program"), "{text}"),
        other => panic!("{other:?}"),
    }
    assert!(!mark.exists());
    assert!(is_empty(&empty.panel).await.unwrap());
}

#[test]
fn an_address_is_taken_apart_for_the_programs() {
    let of = |url: &str| {
        let target = Target::remote(url).unwrap();
        let pairs: Vec<String> = target
            .environment()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        pairs.join(" ")
    };
    assert_eq!(
        of("postgres://u%40x:p%3Aw@db.example:5433/panel?sslmode=verify-full"),
        "PGHOST=db.example PGPORT=5433 PGUSER=u@x PGPASSWORD=p:w PGDATABASE=panel PGSSLMODE=verify-full"
    );
    assert_eq!(of("postgres://me@[::1]/p"), "PGHOST=::1 PGUSER=me PGDATABASE=p");
    assert_eq!(
        of("postgres://mpanel@localhost/mpanel?host=%2Frun%2Fpg"),
        "PGUSER=mpanel PGDATABASE=mpanel PGHOST=/run/pg"
    );
    assert!(Target::remote("postgres://u:%zz@h/d").is_err());
}
