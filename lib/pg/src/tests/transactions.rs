use std::collections::BTreeSet;
use std::time::Duration;

use mpanel_kernel::error::{Kind, PublicError as _};
use mpanel_kernel::ids::TenantId;

use super::{db, insert, insert_by, seen};
use crate::{Db, Error, Reason, Tx};

/// Role and tenant as a bare connection of the pool has them.
async fn left_behind(db: &Db) -> (String, String, String, Option<String>) {
    sqlx::query_as(
        "select current_user::text, session_user::text, current_setting('role'), nullif(current_setting('mpanel.tenant', true), '')",
    )
    .fetch_one(db.pool())
    .await
    .unwrap()
}

#[tokio::test]
async fn a_tenant_sees_and_changes_its_own_rows_only() {
    let db = db(2).await;
    let (a, b) = (TenantId::generate(), TenantId::generate());
    let mut tx = db.tenant(a).await.unwrap();
    insert(&mut tx, a, 1).await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = db.tenant(b).await.unwrap();
    assert!(seen(&mut tx).await.is_empty());
    for statement in ["update things.things set id = 9", "delete from things.things"] {
        let done = sqlx::query(statement).execute(tx.conn()).await.unwrap();
        assert_eq!(done.rows_affected(), 0, "{statement}");
    }
    let forged = insert(&mut tx, a, 2).await.unwrap_err();
    assert!(forged.to_string().contains("row-level security"), "{forged}");
    drop(tx);
    let mut tx = db.tenant(a).await.unwrap();
    assert_eq!(seen(&mut tx).await, [1]);
    let given_away = sqlx::query("update things.things set tenant_id = $1")
        .bind(b.uuid())
        .execute(tx.conn())
        .await;
    assert!(given_away.unwrap_err().to_string().contains("row-level security"));
}

#[tokio::test]
async fn a_transaction_that_goes_over_to_another_tenant_leaves_the_first_one_behind() {
    let db = db(1).await;
    let (a, b) = (TenantId::generate(), TenantId::generate());
    let mut tx = db.tenant(a).await.unwrap();
    insert(&mut tx, a, 1).await.unwrap();
    tx.switch(b).await.unwrap();
    assert_eq!(tx.tenant(), b);
    assert!(seen(&mut tx).await.is_empty());
    insert(&mut tx, b, 2).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(left_behind(&db).await.3, None, "nothing stays on the connection");
    for (tenant, id) in [(a, 1), (b, 2)] {
        let mut tx = db.tenant(tenant).await.unwrap();
        assert_eq!(seen(&mut tx).await, [id]);
    }
}

#[tokio::test]
async fn a_transaction_without_a_tenant_raises_rather_than_seeing_nothing() {
    let db = db(1).await;
    let tenant = TenantId::generate();
    // On a connection that never had one, and on one that had one before.
    for _ in 0..2 {
        let mut connection = db.pool().acquire().await.unwrap();
        for statement in [
            "begin; set local role mpanel_app; select count(*) from things.things",
            "begin; set local role mpanel_app; insert into things.things values (gen_random_uuid(), 1)",
        ] {
            let refused = sqlx::raw_sql(statement)
                .execute(&mut *connection)
                .await
                .unwrap_err()
                .to_string();
            assert!(
                refused.contains("mpanel.tenant") || refused.contains("uuid"),
                "{refused}"
            );
            sqlx::raw_sql("rollback").execute(&mut *connection).await.unwrap();
        }
        drop(connection);
        let mut tx = db.tenant(tenant).await.unwrap();
        insert(&mut tx, tenant, 1).await.unwrap();
        drop(tx);
    }
}

#[tokio::test]
async fn nothing_is_left_on_the_connection_however_a_transaction_ends() {
    let db = db(1).await;
    let clean = left_behind(&db).await;
    assert_eq!((&clean.0, clean.2.as_str(), &clean.3), (&clean.1, "none", &None));
    let tenant = TenantId::generate();
    let mut tx = db.tenant(tenant).await.unwrap();
    insert(&mut tx, tenant, 1).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(left_behind(&db).await, clean, "after a commit");
    drop(db.tenant(tenant).await.unwrap());
    assert_eq!(left_behind(&db).await, clean, "after a rollback");
    let mut tx = db.tenant(tenant).await.unwrap();
    assert!(insert(&mut tx, tenant, 1).await.is_err());
    drop(tx);
    assert_eq!(left_behind(&db).await, clean, "after an error");
    let mut tx = db.platform(Reason::Lifecycle("test")).await.unwrap();
    assert_eq!(seen(&mut tx).await, [1]);
    tx.commit().await.unwrap();
    drop(db.spine().await.unwrap());
    assert_eq!(left_behind(&db).await, clean, "after the other kinds");
}

#[tokio::test]
async fn nothing_is_left_when_the_caller_goes_away_in_the_middle() {
    let db = db(1).await;
    let clean = left_behind(&db).await;
    for micros in (0..400).step_by(20) {
        let work = async {
            let tenant = TenantId::generate();
            let mut tx = db.tenant(tenant).await.unwrap();
            insert(&mut tx, tenant, 7).await.unwrap();
            std::future::pending::<()>().await;
        };
        let cut_off = tokio::time::timeout(std::time::Duration::from_micros(micros), work).await;
        assert!(cut_off.is_err());
        assert_eq!(left_behind(&db).await, clean);
    }
    let mut tx = db.spine().await.unwrap();
    assert!(seen(&mut tx).await.is_empty());
}

#[tokio::test]
async fn a_tenants_transaction_runs_in_a_role_that_no_policy_lets_through() {
    let db = db(1).await;
    let mut tx = db.tenant(TenantId::generate()).await.unwrap();
    let (role, bypasses): (String, bool) =
        sqlx::query_as("select current_user::text, rolbypassrls from pg_roles where rolname = current_user")
            .fetch_one(tx.conn())
            .await
            .unwrap();
    assert_eq!((role.as_str(), bypasses), ("mpanel_app", false));
}

#[tokio::test]
async fn the_owner_of_the_tables_is_held_to_the_policies_too() {
    let db = db(1).await;
    let tenant = TenantId::generate();
    let mut tx = db.tenant(tenant).await.unwrap();
    insert(&mut tx, tenant, 1).await.unwrap();
    tx.commit().await.unwrap();
    // The pool's own role owns the table and has no policy: it sees no row.
    let seen: i64 = sqlx::query_scalar("select count(*) from things.things")
        .fetch_one(db.pool())
        .await
        .unwrap();
    assert_eq!(seen, 0);
}

#[tokio::test]
async fn a_transaction_over_all_tenants_is_counted_by_its_reason() {
    let db = db(2).await;
    for _ in 0..2 {
        db.platform(Reason::Publish("test.counted"))
            .await
            .unwrap()
            .commit()
            .await
            .unwrap();
    }
    let line = r#"mpanel_platform_transactions_total{reason="publish",name="test.counted"} 2"#;
    assert!(mpanel_telemetry::metrics::exposition().contains(line));
}

#[tokio::test]
async fn a_commit_that_is_not_answered_is_not_said_to_have_changed_nothing() {
    let db = db(2).await;
    let tenant = TenantId::generate();
    let mut tx = db.tenant(tenant).await.unwrap();
    insert(&mut tx, tenant, 1).await.unwrap();
    let pid: i32 = sqlx::query_scalar("select pg_backend_pid()")
        .fetch_one(tx.conn())
        .await
        .unwrap();
    let ended: bool = sqlx::query_scalar("select pg_terminate_backend($1, 5000)")
        .bind(pid)
        .fetch_one(db.pool())
        .await
        .unwrap();
    assert!(ended);
    let error = tx.commit().await.unwrap_err();
    assert!(matches!(error, Error::Unknown(_)), "{error}");
    assert_eq!(
        (error.kind(), error.code()),
        (Kind::Unavailable, "spine.database.outcome_unknown")
    );
    assert!(error.public_text().contains("may have happened"));
}

#[tokio::test]
async fn a_look_has_the_role_of_the_spine_from_the_first_statement_and_after_a_broken_one() {
    let db = db(1).await;
    let a_tenant = TenantId::generate();
    let mut tx = db.tenant(a_tenant).await.unwrap();
    insert(&mut tx, a_tenant, 1).await.unwrap();
    tx.commit().await.unwrap();
    let mut backends = BTreeSet::new();
    for _ in 0..2 {
        let mut look = db.look().await.unwrap();
        let (role, is_reading, backend): (String, bool, i32) = sqlx::query_as(
            "select current_user::text, pg_current_xact_id_if_assigned() is null, pg_backend_pid() from things.things",
        )
        .fetch_one(look.conn())
        .await
        .unwrap();
        assert_eq!((role.as_str(), is_reading), ("mpanel_spine", true));
        backends.insert(backend);
        let written = insert_by(look.conn(), a_tenant, 2).await.unwrap_err();
        assert!(written.to_string().contains("permission denied"), "{written}");
    }
    assert_eq!(backends.len(), 1, "it is the same connection");
    let mut tx = db.tenant(a_tenant).await.unwrap();
    assert_eq!(seen(&mut tx).await, [1]);
}

#[tokio::test]
async fn a_look_that_nobody_waits_for_any_more_leaves_its_connection_fit_for_the_next() {
    let db = db(1).await;
    let mut look = db.look().await.unwrap();
    let asleep = sqlx::query("select pg_sleep(0.2)").execute(look.conn());
    assert!(tokio::time::timeout(Duration::from_millis(20), asleep).await.is_err());
    drop(look);
    let mut look = db.look().await.unwrap();
    let answer: i32 = sqlx::query_scalar("select 7").fetch_one(look.conn()).await.unwrap();
    assert_eq!(answer, 7);
}
