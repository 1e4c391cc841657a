//! The database goes away under the worker.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mpanel_pg::PgConnectOptions;
use serde_json::Value;
use sqlx::{ConnectOptions as _, Connection as _};

use super::support::{Fixture, SINGLE, Script, THREE, server, until};
use crate::{OperationState, StepState};

/// Cuts every session of the test's database, as a restart of PostgreSQL would.
async fn cut_sessions(admin: &PgConnectOptions) {
    let mut connection = admin.connect().await.unwrap();
    sqlx::query(
        "select pg_terminate_backend(pid) from pg_stat_activity
         where datname = current_database() and pid <> pg_backend_pid()",
    )
    .execute(&mut connection)
    .await
    .unwrap();
    connection.close().await.unwrap();
}

#[tokio::test]
async fn a_step_goes_on_while_the_database_restarts_and_is_not_run_twice() {
    let fixture = Fixture::new().await;
    let open = Arc::new(AtomicBool::new(false));
    let gate = open.clone();
    let script = Script::new(&SINGLE, move |what, cx| {
        let gate = gate.clone();
        async move {
            while what == "run only" && !gate.load(Ordering::SeqCst) {
                cx.progress(1, None, "looks");
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            Ok(Value::Null)
        }
    });
    let _server = server(fixture.operating([script.clone()]));
    let id = fixture.start(&SINGLE, fixture.tenant, "site_1").await;
    until(|| async { (fixture.get(id).await.steps[0].state == StepState::Running).then_some(()) }).await;
    // For as long as a worker that starts looks for dead ones, lest it takes itself for one.
    for _ in 0..40 {
        cut_sessions(&fixture.database.admin).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    open.store(true, Ordering::SeqCst);
    assert_eq!(fixture.ended(id).await.state, OperationState::Succeeded);
    assert_eq!(script.log(), ["run only", "finished succeeded"]);
}

#[tokio::test]
async fn operations_come_to_their_end_however_often_sessions_are_cut() {
    let fixture = Fixture::new().await;
    let script = Script::new(&THREE, |_, _| async {
        tokio::time::sleep(Duration::from_millis(2)).await;
        Ok(Value::Null)
    });
    let mut ids = Vec::new();
    for n in 0..10 {
        ids.push(fixture.start(&THREE, fixture.tenant, &format!("site_{n}")).await);
    }
    let _server = server(fixture.operating([script.clone()]));
    for _ in 0..15 {
        cut_sessions(&fixture.database.admin).await;
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    for id in ids {
        assert_eq!(fixture.ended(id).await.state, OperationState::Succeeded);
    }
}
