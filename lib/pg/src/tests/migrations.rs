use super::{THINGS, database};
use crate::{Error, FOUNDATION, Migrations, Promise, Ts, migrate, migrate_promising};

/// The things with one more table.
fn more() -> Migrations {
    let files = [
        THINGS.files[0],
        ("0002_more", "create table things.more (id int primary key)"),
    ];
    Migrations {
        schema: "things",
        files: Box::leak(Box::new(files)),
    }
}

#[tokio::test]
async fn migrations_run_once_and_new_files_are_added() {
    let database = database().await;
    migrate(&database.panel, &[FOUNDATION, THINGS]).await.unwrap();
    migrate(&database.panel, &[FOUNDATION, more()]).await.unwrap();
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
    assert!(
        matches!(
            refused,
            Error::Edited {
                schema: "things",
                number: 1
            }
        ) && refused.to_string().contains("edited since"),
        "{refused}"
    );
    let wrong = [
        THINGS.files[0],
        ("0002_good", "create table things.half (id int primary key)"),
        ("0003_wrong", "select nonsense"),
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
async fn the_version_before_works_on_what_the_next_one_made_and_the_one_before_that_is_refused() {
    let database = database().await;
    let promise = |version, before| Promise { version, before };
    // 0.2 has one migration more than 0.1, and was proven to leave 0.1 what it needs.
    let next = promise("0.2.0", &[("things", 1)]);
    migrate_promising(&database.panel, &[FOUNDATION, more()], next)
        .await
        .unwrap();
    let own = promise("0.1.0", &[("things", 0)]);
    migrate_promising(&database.panel, &[FOUNDATION, THINGS], own)
        .await
        .unwrap();
    // 0.3 builds on 0.2: what 0.1 needs may be gone.
    let last = promise("0.3.0", &[("things", 2), ("unknown", 7)]);
    migrate_promising(&database.panel, &[FOUNDATION, more()], last)
        .await
        .unwrap();
    let refused = migrate_promising(&database.panel, &[FOUNDATION, THINGS], own)
        .await
        .unwrap_err();
    let text = refused.to_string();
    assert!(matches!(refused, Error::TooNew { .. }), "{text}");
    assert!(
        text.contains("install mPanel 0.3.0 or a newer one") && text.contains("(things)"),
        "{text}"
    );
    // A schema that an older version does not have is none of its business.
    migrate(&database.panel, &[FOUNDATION]).await.unwrap();
}

#[tokio::test]
async fn a_migration_waits_for_a_running_version_only_so_long_and_then_tries_again() {
    let database = database().await;
    let db = crate::Db::connect(database.panel.clone(), 1).await.unwrap();
    let mut running = db.pool().begin().await.unwrap();
    sqlx::raw_sql("lock table things.things in access share mode")
        .execute(&mut *running)
        .await
        .unwrap();
    let files = [
        THINGS.files[0],
        ("0002_column", "alter table things.things add column more text"),
    ];
    let changed = Migrations {
        schema: "things",
        files: Box::leak(Box::new(files)),
    };
    let modules = [FOUNDATION, changed];
    let migrating = migrate(&database.panel, &modules);
    let waiting = async {
        // Until it stands in the queue; then the running version is done.
        loop {
            let (waits,): (bool,) =
                sqlx::query_as("select exists (select from pg_locks where not granted and relation is not null)")
                    .fetch_one(&mut *running)
                    .await
                    .unwrap();
            if waits {
                break;
            }
            tokio::task::yield_now().await;
        }
        running.rollback().await.unwrap();
    };
    let (migrated, ()) = tokio::join!(migrating, waiting);
    migrated.unwrap();
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
