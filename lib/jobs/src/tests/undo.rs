use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value;

use super::support::{Fixture, Script, THREE, fail, retry, server};
use crate::{OperationState, StepState};

#[tokio::test]
async fn a_failure_undoes_what_was_begun_in_reverse() {
    let fixture = Fixture::new().await;
    let script = Script::new(&THREE, |what, _| async move {
        if what == "run three" {
            fail("no room")
        } else {
            Ok(Value::Null)
        }
    });
    let _server = server(fixture.operating([script.clone()]));
    let status = fixture
        .ended(fixture.start(&THREE, fixture.tenant, "site_1").await)
        .await;
    assert_eq!(status.state, OperationState::Failed);
    assert_eq!(status.error.unwrap().code, "test.failed");
    let expected = [
        "run one",
        "run two",
        "run three",
        "undo three",
        "undo two",
        "undo one",
        "finished failed",
    ];
    assert_eq!(script.log(), expected);
    let states: Vec<_> = status.steps.iter().map(|step| step.state).collect();
    assert_eq!(states, [StepState::Undone, StepState::Undone, StepState::Failed]);
    assert_eq!(status.steps[2].error.as_deref(), Some("no room"));
}

#[tokio::test]
async fn steps_that_were_never_begun_are_not_undone() {
    let fixture = Fixture::new().await;
    let script = Script::new(&THREE, |what, _| async move {
        if what == "run one" { fail("no") } else { Ok(Value::Null) }
    });
    let _server = server(fixture.operating([script.clone()]));
    let status = fixture
        .ended(fixture.start(&THREE, fixture.tenant, "site_1").await)
        .await;
    assert_eq!(script.log(), ["run one", "undo one", "finished failed"]);
    let states: Vec<_> = status.steps.iter().map(|step| step.state).collect();
    assert_eq!(states, [StepState::Failed, StepState::Skipped, StepState::Skipped]);
}

#[tokio::test]
async fn an_undo_that_does_not_work_yet_is_tried_again_and_the_others_once() {
    let fixture = Fixture::new().await;
    let tries = Arc::new(AtomicU32::new(0));
    let script = Script::new(&THREE, move |what, _| {
        let again = what == "undo two" && tries.fetch_add(1, Ordering::SeqCst) < 2;
        async move {
            match what.as_str() {
                "run three" => fail("no"),
                _ if again => retry("busy"),
                _ => Ok(Value::Null),
            }
        }
    });
    let _server = server(fixture.operating([script.clone()]));
    let status = fixture
        .ended(fixture.start(&THREE, fixture.tenant, "site_1").await)
        .await;
    assert_eq!(status.state, OperationState::Failed);
    let undone: Vec<_> = script
        .log()
        .into_iter()
        .filter(|what| what.starts_with("undo"))
        .collect();
    assert_eq!(undone, ["undo three", "undo two", "undo two", "undo two", "undo one"]);
}

#[tokio::test]
async fn what_cannot_be_undone_is_written_down_and_the_rest_is_undone_all_the_same() {
    let fixture = Fixture::new().await;
    let script = Script::with_attempts(&THREE, 2, |what, _| async move {
        match what.as_str() {
            "run three" => fail("no"),
            "undo two" => retry("stuck"),
            _ => Ok(Value::Null),
        }
    });
    let _server = server(fixture.operating([script.clone()]));
    let status = fixture
        .ended(fixture.start(&THREE, fixture.tenant, "site_1").await)
        .await;
    assert_eq!(
        status.error.unwrap().message,
        "no",
        "the operation's own failure is not hidden"
    );
    assert_eq!(status.steps[1].state, StepState::Failed);
    assert_eq!(status.steps[1].error.as_deref(), Some("could not be undone: stuck"));
    assert_eq!(status.steps[0].state, StepState::Undone);
    assert_eq!(script.log().last().map(String::as_str), Some("finished failed"));
}

#[tokio::test]
async fn the_end_is_tried_again_until_its_subject_is_told() {
    let fixture = Fixture::new().await;
    let tries = Arc::new(AtomicU32::new(0));
    let script = Script::new(&THREE, move |what, _| {
        let again = what == "finished succeeded" && tries.fetch_add(1, Ordering::SeqCst) < 3;
        async move { if again { retry("busy") } else { Ok(Value::Null) } }
    });
    let _server = server(fixture.operating([script.clone()]));
    let status = fixture
        .ended(fixture.start(&THREE, fixture.tenant, "site_1").await)
        .await;
    assert_eq!(status.state, OperationState::Succeeded);
    let log = script.log();
    assert_eq!(log.iter().filter(|what| *what == "finished succeeded").count(), 4);
    assert_eq!(log.iter().filter(|what| what.starts_with("run")).count(), 3);
}
