//! Operations that fail after what cannot be taken back: they go on, and nothing undoes them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use mpanel_kernel::ids::{OperationId, TenantId};
use mpanel_pg::{Reason, Tx as _};
use serde_json::Value;

use super::support::{Fixture, Script, THREE, fail, retry, server, until};
use crate::{OperationState, StepError, Stuck, stuck_operations, try_operation_now};

impl Fixture {
    async fn stuck(&self, of: Option<TenantId>) -> Vec<(String, Stuck)> {
        let mut tx = self.db().platform(Reason::Administer("test")).await.unwrap();
        stuck_operations(&mut tx, of, 10).await.unwrap()
    }

    async fn try_now(&self, tenant: TenantId, id: OperationId) -> bool {
        let mut tx = self.db().tenant(tenant).await.unwrap();
        let tried = try_operation_now(&mut tx, id).await.unwrap();
        tx.commit().await.unwrap();
        tried
    }

    /// As if the pause were over.
    async fn due(&self, id: OperationId) {
        let mut tx = self.db().spine().await.unwrap();
        sqlx::query("update jobs.operations set due_at = now(), cancel_requested = cancel_requested where id = $1")
            .bind(id.uuid())
            .execute(tx.conn())
            .await
            .unwrap();
        tx.commit().await.unwrap();
    }
}

/// Its second step burns bridges and then does what `then` says, as often as it is not yet `mended`.
fn burning(
    mended: &Arc<AtomicBool>,
    attempts: u32,
    then: impl Fn() -> Result<Value, StepError> + Clone + Send + Sync + 'static,
) -> Arc<Script> {
    let mended = mended.clone();
    Script::with_attempts(&THREE, attempts, move |what, cx| {
        let (mended, then) = (mended.clone(), then.clone());
        async move {
            if what != "run two" {
                return Ok(Value::Null);
            }
            cx.no_way_back().await?;
            if mended.load(Ordering::SeqCst) {
                Ok(Value::Null)
            } else {
                then()
            }
        }
    })
}

#[tokio::test]
async fn what_fails_or_panics_after_the_point_of_no_return_is_stuck_and_never_undone() {
    let fixture = Fixture::new().await;
    for then in [
        (|| fail("the wall is gone")) as fn() -> Result<Value, StepError>,
        || panic!("a bug"),
    ] {
        let mended = Arc::new(AtomicBool::new(false));
        let script = burning(&mended, 10, then);
        let _server = server(fixture.operating([script.clone()]));
        let id = fixture.start(&THREE, fixture.tenant, "site_1").await;
        let (kind, stuck) = until(|| async { fixture.stuck(None).await.pop() }).await;
        assert_eq!(
            (kind.as_str(), stuck.tenant, stuck.subject, stuck.name.as_str()),
            ("test.three", fixture.tenant, id.to_string(), "Do the second thing")
        );
        assert!(fixture.stuck(Some(TenantId::generate())).await.is_empty());
        let status = fixture.get(id).await;
        assert_eq!((status.state, status.cancellable), (OperationState::Running, false));

        mended.store(true, Ordering::SeqCst);
        assert!(!fixture.try_now(TenantId::generate(), id).await, "another's");
        assert!(fixture.try_now(fixture.tenant, id).await);
        assert_eq!(fixture.ended(id).await.state, OperationState::Succeeded);
        assert!(fixture.stuck(None).await.is_empty());
        assert!(!fixture.try_now(fixture.tenant, id).await, "it has ended");
        let log = script.log();
        assert!(!log.iter().any(|what| what.starts_with("undo")), "{log:?}");
        assert_eq!(log[log.len() - 2..], ["run three", "finished succeeded"]);
    }
}

#[tokio::test]
async fn attempts_that_run_out_are_no_end_but_are_shown() {
    let fixture = Fixture::new().await;
    let mended = Arc::new(AtomicBool::new(false));
    let script = burning(&mended, 2, || retry("the agent is away"));
    let _server = server(fixture.operating([script.clone()]));
    let id = fixture.start(&THREE, fixture.tenant, "site_1").await;
    let (_, stuck) = until(|| async { fixture.stuck(None).await.pop() }).await;
    assert_eq!((stuck.failures, stuck.problem.as_str()), (2, "the agent is away"));
    // However often it fails after that, it was stuck since then.
    let more = until(|| async {
        fixture.due(id).await;
        let (_, now) = fixture.stuck(None).await.pop()?;
        (now.failures > 4).then_some(now)
    })
    .await;
    assert_eq!(more.since, stuck.since);
    mended.store(true, Ordering::SeqCst);
    fixture.due(id).await;
    assert_eq!(fixture.ended(id).await.state, OperationState::Succeeded);
}

#[tokio::test]
async fn one_that_takes_the_process_with_it_is_stuck_and_tried_after_a_pause() {
    let fixture = Fixture::new().await;
    let begun = Arc::new(AtomicU32::new(0));
    let count = begun.clone();
    let script = Script::with_attempts(&THREE, 2, move |what, cx| {
        let count = count.clone();
        async move {
            if what == "run two" {
                cx.no_way_back().await?;
                if count.fetch_add(1, Ordering::SeqCst) < 3 {
                    std::future::pending::<()>().await;
                }
            }
            Ok(Value::Null)
        }
    });
    let id = fixture.start(&THREE, fixture.tenant, "site_1").await;
    for deaths in 1..=2 {
        let running = server(fixture.operating([script.clone()]));
        until(|| async { (begun.load(Ordering::SeqCst) == deaths).then_some(()) }).await;
        drop(running);
    }
    let running = server(fixture.operating([script.clone()]));
    let (_, stuck) = until(|| async { fixture.stuck(None).await.pop() }).await;
    assert_eq!(stuck.problem, "this step was interrupted too often");
    assert_eq!(begun.load(Ordering::SeqCst), 2, "it was not begun at once");
    until(|| async { (begun.load(Ordering::SeqCst) == 3).then_some(()) }).await;
    drop(running);
    let _server = server(fixture.operating([script.clone()]));
    until(|| async {
        fixture.due(id).await;
        (begun.load(Ordering::SeqCst) == 4).then_some(())
    })
    .await;
    assert_eq!(fixture.ended(id).await.state, OperationState::Succeeded);
}
