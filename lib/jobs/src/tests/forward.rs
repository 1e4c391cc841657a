use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mpanel_pg::Tx;
use serde_json::{Value, json};

use super::support::{Fixture, SINGLE, Script, THREE, fail, retry, server, until};
use crate::{OperationState, StepError, StepState};

#[tokio::test]
async fn steps_run_in_order_once_and_the_outcome_is_told_before_it_is_written() {
    let fixture = Fixture::new().await;
    let script = Script::smooth(&THREE);
    let _server = server(fixture.operating([script.clone()]));
    let id = fixture.start(&THREE, fixture.tenant, "site_1").await;
    let status = fixture.ended(id).await;
    assert_eq!(status.state, OperationState::Succeeded);
    assert!(
        status
            .steps
            .iter()
            .all(|step| step.state == StepState::Done && step.finished_at.is_some())
    );
    assert_eq!(script.log(), ["run one", "run two", "run three", "finished succeeded"]);
    assert_eq!(status.actor, "system:test");
    let told: Vec<_> = fixture.told(id).await;
    let running = |step: &str| (OperationState::Running, Some(step.to_owned()));
    let expected = [
        (OperationState::Pending, None),
        running("one"),
        running("two"),
        running("three"),
        (OperationState::Succeeded, None),
    ];
    assert_eq!(told, expected);
}

#[tokio::test]
async fn a_step_sees_the_input_and_what_earlier_steps_returned() {
    let fixture = Fixture::new().await;
    let seen = Arc::new(Mutex::new(Vec::new()));
    let seen_by_step = seen.clone();
    let script = Script::new(&THREE, move |what, cx| {
        let input: Value = cx.input().unwrap();
        let one: Option<u32> = cx.output("one").unwrap();
        seen_by_step.lock().unwrap().push((what, input["subject"].clone(), one));
        async { Ok(json!(7)) }
    });
    let _server = server(fixture.operating([script]));
    fixture
        .ended(fixture.start(&THREE, fixture.tenant, "site_1").await)
        .await;
    let seen = seen.lock().unwrap();
    assert_eq!(seen[0], ("run one".to_owned(), json!("site_1"), None));
    assert_eq!(seen[2], ("run three".to_owned(), json!("site_1"), Some(7)));
}

#[tokio::test]
async fn a_step_that_asks_for_it_is_tried_again_and_shows_why() {
    let fixture = Fixture::new().await;
    let tries = Arc::new(AtomicU32::new(0));
    let count = tries.clone();
    let script = Script::new(&THREE, move |what, _| {
        let last = what == "run two" && count.fetch_add(1, Ordering::SeqCst) < 3;
        async move { if last { retry("not yet") } else { Ok(Value::Null) } }
    });
    let _server = server(fixture.operating([script.clone()]));
    let status = fixture
        .ended(fixture.start(&THREE, fixture.tenant, "site_1").await)
        .await;
    assert_eq!(status.state, OperationState::Succeeded);
    assert_eq!(tries.load(Ordering::SeqCst), 4);
    assert_eq!(status.steps[1].error, None, "what went well in the end shows no error");
    assert_eq!(
        script.log().iter().filter(|what| *what == "run one").count(),
        1,
        "what is done is not done again"
    );
}

#[tokio::test]
async fn a_step_that_never_works_fails_after_its_attempts() {
    let fixture = Fixture::new().await;
    let script = Script::with_attempts(&SINGLE, 3, |what, _| async move {
        if what == "run only" {
            retry("the agent is away")
        } else {
            Ok(Value::Null)
        }
    });
    let _server = server(fixture.operating([script.clone()]));
    let status = fixture
        .ended(fixture.start(&SINGLE, fixture.tenant, "site_1").await)
        .await;
    assert_eq!(status.state, OperationState::Failed);
    let failure = status.error.unwrap();
    assert_eq!(
        (failure.code.as_str(), failure.message.as_str()),
        ("jobs.step.gave_up", "the agent is away")
    );
    assert_eq!(
        script.log(),
        ["run only", "run only", "run only", "undo only", "finished failed"]
    );
}

#[tokio::test]
async fn a_step_that_panics_fails_and_takes_nothing_with_it() {
    let fixture = Fixture::new().await;
    let script = Script::new(&THREE, |what, cx| async move {
        assert!(what != "run two" || cx.subject() != "site_bad", "boom");
        Ok(Value::Null)
    });
    let _server = server(fixture.operating([script]));
    let bad = fixture.start(&THREE, fixture.tenant, "site_bad").await;
    let status = fixture.ended(bad).await;
    assert_eq!(status.state, OperationState::Failed);
    assert_eq!(status.error.unwrap().code, "jobs.step.panicked");
    let good = fixture.start(&THREE, fixture.tenant, "site_good").await;
    assert_eq!(fixture.ended(good).await.state, OperationState::Succeeded);
}

#[tokio::test]
async fn progress_is_shown_while_a_step_works_and_gone_afterwards() {
    let fixture = Fixture::new().await;
    let script = Script::new(&SINGLE, |what, cx| async move {
        if what == "run only" {
            cx.progress(3, Some(10), "files");
            cx.cancelled().await;
        }
        Ok(Value::Null)
    });
    let _server = server(fixture.operating([script]));
    let id = fixture.start(&SINGLE, fixture.tenant, "site_1").await;
    let progress = until(|| async { fixture.get(id).await.progress }).await;
    assert_eq!(
        (progress.done, progress.total, progress.unit.as_str()),
        (3, Some(10), "files")
    );
    let mut tx = fixture.db().tenant(fixture.tenant).await.unwrap();
    crate::request_cancel(&mut tx, id).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(fixture.ended(id).await.progress, None);
}

#[tokio::test]
async fn no_transaction_is_open_while_a_step_works() {
    let fixture = Fixture::new().await;
    let script = Script::new(&SINGLE, |what, cx| async move {
        if what != "run only" {
            return Ok(Value::Null);
        }
        // Long enough for signs of life and progress to be written meanwhile.
        let mut seen = 0;
        for n in 0..20 {
            cx.progress(n, None, "looks");
            tokio::time::sleep(Duration::from_millis(25)).await;
            let mut tx = cx.spine().db().spine().await?;
            let open: i64 = sqlx::query_scalar(
                "select count(*) from pg_stat_activity
                 where datname = current_database() and pid <> pg_backend_pid() and state like 'idle in transaction%'",
            )
            .fetch_one(tx.conn())
            .await
            .map_err(|error| StepError::failed("test.sql", error.to_string()))?;
            seen += i32::from(open > 0);
        }
        // Short ones may be caught in the act; one that stays would be seen every time.
        if seen > 5 {
            fail("a transaction stayed open")
        } else {
            Ok(json!(seen))
        }
    });
    let _server = server(fixture.operating([script]));
    let status = fixture
        .ended(fixture.start(&SINGLE, fixture.tenant, "site_1").await)
        .await;
    assert_eq!(status.state, OperationState::Succeeded, "{:?}", status.error);
}

#[tokio::test]
async fn an_operation_whose_transaction_does_not_commit_never_was() {
    let fixture = Fixture::new().await;
    let script = Script::smooth(&SINGLE);
    let _server = server(fixture.operating([script.clone()]));
    let cx = mpanel_authz::OpCx::system("test", fixture.tenant, fixture.clock.clone());
    let mut tx = fixture.db().tenant(fixture.tenant).await.unwrap();
    crate::start(&mut tx, &cx, &SINGLE, "site_gone", &json!({}))
        .await
        .unwrap();
    drop(tx);
    fixture
        .ended(fixture.start(&SINGLE, fixture.tenant, "site_kept").await)
        .await;
    assert!(!script.subjects().contains(&"site_gone".to_owned()));
}
