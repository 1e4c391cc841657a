use super::{THINGS, database};
use crate::{Error, FOUNDATION, Migrations, Ts, migrate};

#[tokio::test]
async fn migrations_run_once_and_new_files_are_added() {
    let database = database().await;
    migrate(&database.panel, &[FOUNDATION, THINGS]).await.unwrap();
    let files = [
        THINGS.files[0],
        ("0002_more", "create table things.more (id int primary key)"),
    ];
    let more = Migrations {
        schema: "things",
        files: Box::leak(Box::new(files)),
    };
    migrate(&database.panel, &[FOUNDATION, more]).await.unwrap();
    let db = crate::Db::connect(database.panel, 1).await.unwrap();
    let applied: i64 = sqlx::query_scalar("select count(*) from things._migrations")
        .fetch_one(db.pool())
        .await
        .unwrap();
    assert_eq!(applied, 2);
}

#[tokio::test]
async fn two_servers_that_start_at_once_migrate_once() {
    let database = mpanel_testkit::postgres::TestPostgres::shared()
        .create_database("pg")
        .await;
    let modules = [FOUNDATION, THINGS];
    let (first, second) = tokio::join!(migrate(&database.panel, &modules), migrate(&database.panel, &modules));
    first.unwrap();
    second.unwrap();
}

#[tokio::test]
async fn a_file_that_was_changed_after_it_ran_is_refused_and_a_wrong_one_changes_nothing() {
    let database = database().await;
    let changed = [("0001_things", "select 1")];
    let changed = Migrations {
        schema: "things",
        files: Box::leak(Box::new(changed)),
    };
    let refused = migrate(&database.panel, &[changed]).await.unwrap_err();
    assert!(matches!(refused, Error::Migrate { schema: "things", .. }), "{refused}");
    let wrong = [
        THINGS.files[0],
        (
            "0002_wrong",
            "create table things.half (id int primary key); select nonsense",
        ),
    ];
    let wrong = Migrations {
        schema: "things",
        files: Box::leak(Box::new(wrong)),
    };
    assert!(migrate(&database.panel, &[wrong]).await.is_err());
    let db = crate::Db::connect(database.panel, 1).await.unwrap();
    let half: Option<String> = sqlx::query_scalar("select to_regclass('things.half')::text")
        .fetch_one(db.pool())
        .await
        .unwrap();
    assert_eq!(half, None);
}

#[tokio::test]
async fn times_come_back_as_they_were_to_the_microsecond() {
    let db = super::db(1).await;
    for text in [
        "2026-11-23T04:05:06.123456Z",
        "1969-12-31T23:59:59.999999Z",
        "2000-01-01T00:00:00Z",
        "1582-10-15T00:00:00Z",
    ] {
        let at: jiff::Timestamp = text.parse().unwrap();
        let (back, shown): (Ts, String) =
            sqlx::query_as("select $1::timestamptz, to_char($1 at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS')")
                .bind(Ts(at))
                .fetch_one(db.pool())
                .await
                .unwrap();
        assert_eq!(back.0, at);
        assert!(text.starts_with(&shown), "{text} is stored as {shown}");
    }
}
