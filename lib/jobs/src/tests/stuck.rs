//! Operations that fail after what cannot be taken back: they go on, and nothing undoes them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use mpanel_kernel::ids::{OperationId, TenantId};
use mpanel_pg::{Reason, Tx as _};
use serde_json::Value;

use super::support::{Fixture, Script, THREE, fail, retry, server, until};
use crate::{Kind, OperationState, StepError, Stuck, stuck_operations, try_operation_now};

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

        assert!(!fixture.try_now(TenantId::generate(), id).await, "another's");
        mended.store(true, Ordering::SeqCst);
        // The pause may be over by itself.
        fixture.try_now(fixture.tenant, id).await;
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
    // It may have been tried again before anybody looked.
    assert!(stuck.failures >= 2, "{stuck:?}");
    assert_eq!(stuck.problem, "the agent is away");
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

/// All its steps work. Its end hangs or fails, until it is mended.
fn endless(mended: &Arc<AtomicBool>, begun: &Arc<AtomicU32>, hangs: bool) -> Arc<Script> {
    let (mended, begun) = (mended.clone(), begun.clone());
    Script::with_attempts(&THREE, 2, move |what, cx| {
        let (mended, begun) = (mended.clone(), begun.clone());
        async move {
            if what != "finished succeeded" || cx.subject() != "site_1" || mended.load(Ordering::SeqCst) {
                return Ok(Value::Null);
            }
            begun.fetch_add(1, Ordering::SeqCst);
            if hangs {
                std::future::pending::<()>().await;
            }
            retry("the site is locked")
        }
    })
}

#[tokio::test]
async fn one_whose_end_fails_again_and_again_is_stuck_with_its_reason_until_it_ends() {
    let fixture = Fixture::new().await;
    let (mended, begun) = (Arc::default(), Arc::default());
    let script = endless(&mended, &begun, false);
    let _server = server(fixture.operating([script.clone()]));
    let id = fixture.start(&THREE, fixture.tenant, "site_1").await;
    let behind = fixture.start(&THREE, fixture.tenant, "site_1").await;
    let (kind, stuck) = until(|| async { fixture.stuck(None).await.pop() }).await;
    assert_eq!(
        (
            kind.as_str(),
            stuck.subject,
            stuck.name.as_str(),
            stuck.problem.as_str()
        ),
        (
            "test.three",
            id.to_string(),
            "Bring it to its end",
            "the site is locked"
        )
    );
    assert!(stuck.failures >= 2, "as many as it may have, and none is shown before");
    let waits = fixture.get(behind).await;
    assert_eq!(
        waits.state,
        OperationState::Pending,
        "it is what keeps this one waiting"
    );

    let more = until(|| async {
        fixture.due(id).await;
        let (_, now) = fixture.stuck(None).await.pop()?;
        (now.failures > 3).then_some(now)
    })
    .await;
    assert_eq!(more.since, stuck.since, "it was stuck since then");

    mended.store(true, Ordering::SeqCst);
    // An attempt that is under way may succeed before it.
    fixture.try_now(fixture.tenant, id).await;
    assert_eq!(fixture.ended(id).await.state, OperationState::Succeeded);
    assert!(fixture.stuck(None).await.is_empty());
    assert_eq!(fixture.ended(behind).await.state, OperationState::Succeeded);
}

#[tokio::test]
async fn an_end_that_takes_the_process_with_it_is_stuck_and_tried_after_a_pause_or_when_asked() {
    let fixture = Fixture::new().await;
    let (mended, begun) = (Arc::default(), Arc::<AtomicU32>::default());
    let script = endless(&mended, &begun, true);
    let id = fixture.start(&THREE, fixture.tenant, "site_1").await;
    for deaths in 1..=3 {
        let running = server(fixture.operating([script.clone()]));
        until(|| async { (begun.load(Ordering::SeqCst) == deaths).then_some(()) }).await;
        drop(running);
    }
    let (_, stuck) = fixture
        .stuck(None)
        .await
        .pop()
        .expect("two attempts were all it may have");
    assert_eq!(stuck.problem, "it was interrupted too often");
    assert!(stuck.next_at > stuck.since, "no server that starts begins with it");

    mended.store(true, Ordering::SeqCst);
    assert!(fixture.try_now(fixture.tenant, id).await);
    let _server = server(fixture.operating([script.clone()]));
    assert_eq!(fixture.ended(id).await.state, OperationState::Succeeded);
    let runs = script.log().iter().filter(|what| what.starts_with("run")).count();
    assert_eq!(runs, 3, "no step ran again");
}

#[tokio::test]
async fn stuck_operations_are_counted_by_kind() {
    let fixture = Fixture::new().await;
    static COUNTED: Kind = Kind {
        name: "test.counted",
        steps: THREE.steps,
    };
    let script = Script::with_attempts(&COUNTED, 1, |what, _| async move {
        if what == "finished succeeded" {
            retry("no")
        } else {
            Ok(Value::Null)
        }
    });
    let running = server(fixture.operating([script.clone()]));
    fixture.start(&COUNTED, fixture.tenant, "site_1").await;
    until(|| async { fixture.stuck(None).await.pop() }).await;
    drop(running);
    // It counts when it starts, and then every now and again.
    let _server = server(fixture.operating([script]));
    until(|| async {
        let metrics = mpanel_telemetry::metrics::exposition();
        metrics
            .contains("mpanel_operations_stuck{kind=\"test.counted\"} 1")
            .then_some(())
    })
    .await;
}
