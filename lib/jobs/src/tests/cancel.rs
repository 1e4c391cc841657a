use std::time::Duration;

use mpanel_kernel::error::{Kind, PublicError};
use mpanel_kernel::ids::OperationId;
use serde_json::Value;
use tokio::sync::watch;

use super::support::{Fixture, SINGLE, Script, THREE, fail, server, until};
use crate::{Error, OperationState, StepError, StepState, request_cancel};

async fn cancel(fixture: &Fixture, id: OperationId) -> Result<(), Error> {
    let mut tx = fixture.db().tenant(fixture.tenant).await.unwrap();
    request_cancel(&mut tx, id).await?;
    tx.commit().await.unwrap();
    Ok(())
}

async fn step_runs(fixture: &Fixture, id: OperationId, position: usize) {
    until(|| async { (fixture.get(id).await.steps[position].state == StepState::Running).then_some(()) }).await;
}

#[tokio::test]
async fn a_cancelled_operation_finishes_its_step_and_is_undone() {
    let fixture = Fixture::new().await;
    let script = Script::new(&THREE, |what, cx| async move {
        if what == "run two" {
            cx.cancelled().await;
            assert!(cx.is_cancelled());
        }
        Ok(Value::Null)
    });
    let _server = server(fixture.operating([script.clone()]));
    let id = fixture.start(&THREE, fixture.tenant, "site_1").await;
    step_runs(&fixture, id, 1).await;
    cancel(&fixture, id).await.unwrap();
    let status = fixture.ended(id).await;
    assert_eq!(status.state, OperationState::Cancelled);
    assert_eq!(status.error, None);
    assert_eq!(
        script.log(),
        ["run one", "run two", "undo two", "undo one", "finished cancelled"]
    );
    let states: Vec<_> = status.steps.iter().map(|step| step.state).collect();
    assert_eq!(states, [StepState::Undone, StepState::Undone, StepState::Skipped]);
}

#[tokio::test]
async fn a_step_that_breaks_off_when_cancelled_has_not_failed() {
    let fixture = Fixture::new().await;
    let script = Script::new(&SINGLE, |what, cx| async move {
        if what == "run only" {
            cx.cancelled().await;
            return fail("broken off");
        }
        Ok(Value::Null)
    });
    let _server = server(fixture.operating([script.clone()]));
    let id = fixture.start(&SINGLE, fixture.tenant, "site_1").await;
    step_runs(&fixture, id, 0).await;
    cancel(&fixture, id).await.unwrap();
    let status = fixture.ended(id).await;
    assert_eq!((status.state, status.error), (OperationState::Cancelled, None));
    assert_eq!(script.log(), ["run only", "undo only", "finished cancelled"]);
}

#[tokio::test]
async fn an_operation_cancelled_before_it_begins_does_nothing() {
    let fixture = Fixture::new().await;
    let script = Script::smooth(&THREE);
    let id = fixture.start(&THREE, fixture.tenant, "site_1").await;
    assert!(fixture.get(id).await.cancellable);
    cancel(&fixture, id).await.unwrap();
    cancel(&fixture, id).await.unwrap();
    assert!(!fixture.get(id).await.cancellable, "it is being cancelled");
    let _server = server(fixture.operating([script.clone()]));
    assert_eq!(fixture.ended(id).await.state, OperationState::Cancelled);
    assert_eq!(script.log(), ["finished cancelled"]);
}

#[tokio::test]
async fn a_cancellation_does_not_wait_for_the_next_attempt() {
    let fixture = Fixture::new().await;
    let script = Script::new(&SINGLE, |what, _| async move {
        if what == "run only" {
            return Err(StepError::Retry {
                message: "in an hour".into(),
                after: Duration::from_secs(3600),
            });
        }
        Ok(Value::Null)
    });
    let _server = server(fixture.operating([script.clone()]));
    let id = fixture.start(&SINGLE, fixture.tenant, "site_1").await;
    until(|| async { fixture.get(id).await.steps[0].error.clone() }).await;
    cancel(&fixture, id).await.unwrap();
    assert_eq!(fixture.ended(id).await.state, OperationState::Cancelled);
    assert_eq!(script.log(), ["run only", "undo only", "finished cancelled"]);
}

#[tokio::test]
async fn what_has_ended_cannot_be_cancelled_and_what_is_unknown_is_not_found() {
    let fixture = Fixture::new().await;
    let _server = server(fixture.operating([Script::smooth(&SINGLE)]));
    let id = fixture.start(&SINGLE, fixture.tenant, "site_1").await;
    fixture.ended(id).await;
    assert!(matches!(cancel(&fixture, id).await, Err(Error::Ended)));
    assert!(matches!(
        cancel(&fixture, OperationId::generate()).await,
        Err(Error::NotFound)
    ));
}

#[tokio::test]
async fn what_cannot_be_taken_back_refuses_to_be_cancelled() {
    let fixture = Fixture::new().await;
    let (tell, told) = watch::channel(false);
    let script = Script::new(&THREE, move |what, cx| {
        let mut told = told.clone();
        async move {
            if what == "run two" {
                cx.no_way_back().await?;
                cx.no_way_back().await?;
                cx.progress(1, None, "walls");
                told.wait_for(|go_on| *go_on).await.unwrap();
            }
            Ok(Value::Null)
        }
    });
    let _server = server(fixture.operating([script.clone()]));
    let id = fixture.start(&THREE, fixture.tenant, "site_1").await;
    until(|| async { fixture.get(id).await.progress }).await;
    assert!(!fixture.get(id).await.cancellable);
    // Whoever watches is told when that changes: once, however often it is said.
    let told = fixture.told(id).await;
    let of_two = told.iter().filter(|(_, step)| step.as_deref() == Some("two"));
    assert!(of_two.count() >= 2, "{told:?}");
    let late = cancel(&fixture, id).await.unwrap_err();
    assert_eq!(
        (late.kind(), late.code()),
        (Kind::Conflict, "jobs.operation.irrevocable")
    );
    tell.send(true).unwrap();
    let status = fixture.ended(id).await;
    assert_eq!(
        (status.state, status.cancel_requested),
        (OperationState::Succeeded, false)
    );
    assert_eq!(script.log(), ["run one", "run two", "run three", "finished succeeded"]);
}

#[tokio::test]
async fn who_cancels_first_keeps_a_step_from_what_cannot_be_taken_back() {
    let fixture = Fixture::new().await;
    let (tell, told) = watch::channel(false);
    let script = Script::new(&SINGLE, move |what, cx| {
        let mut told = told.clone();
        async move {
            if what == "run only" {
                told.wait_for(|go_on| *go_on).await.unwrap();
                cx.no_way_back().await?;
                panic!("it went on");
            }
            Ok(Value::Null)
        }
    });
    let _server = server(fixture.operating([script.clone()]));
    let id = fixture.start(&SINGLE, fixture.tenant, "site_1").await;
    step_runs(&fixture, id, 0).await;
    cancel(&fixture, id).await.unwrap();
    tell.send(true).unwrap();
    let status = fixture.ended(id).await;
    assert_eq!((status.state, status.error), (OperationState::Cancelled, None));
    assert_eq!(script.log(), ["run only", "undo only", "finished cancelled"]);
}
