use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use mpanel_authz::Actor;
use mpanel_kernel::ids::RequestId;
use mpanel_pg::Tx;
use mpanel_telemetry::spawn_named;
use tokio_util::task::AbortOnDropHandle;

use super::support::{Fixture, server, until};
use crate::{BoxError, PassReport, Reconciler, deletes_allowed};

const HOUR: Duration = Duration::from_secs(3600);

#[derive(Default)]
struct Counted {
    every: Option<Duration>,
    passes: AtomicU32,
    at_once: AtomicU32,
    most_at_once: AtomicU32,
    takes: Duration,
    fails: AtomicBool,
}

impl Counted {
    fn passes(&self) -> u32 {
        self.passes.load(Ordering::SeqCst)
    }

    async fn passed(&self, least: u32) {
        until(|| async { (self.passes() >= least).then_some(()) }).await;
    }
}

#[async_trait]
impl Reconciler for Counted {
    fn name(&self) -> &'static str {
        "test.counted"
    }

    fn wakes_on(&self, event: &str) -> bool {
        event == "test.thing.changed.v1"
    }

    fn every(&self) -> Duration {
        self.every.unwrap_or(HOUR)
    }

    async fn pass(&self) -> Result<PassReport, BoxError> {
        let now = self.at_once.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_at_once.fetch_max(now, Ordering::SeqCst);
        tokio::time::sleep(self.takes).await;
        self.at_once.fetch_sub(1, Ordering::SeqCst);
        self.passes.fetch_add(1, Ordering::SeqCst);
        if self.fails.load(Ordering::SeqCst) {
            deletes_allowed("things", 100, 50)?;
        }
        Ok(PassReport::default())
    }
}

/// What a server runs besides, so that events arrive.
fn feed(fixture: &Fixture) -> [AbortOnDropHandle<()>; 2] {
    let (db, tail) = (fixture.db().clone(), fixture.tail.clone());
    [
        AbortOnDropHandle::new(spawn_named("leader", mpanel_events::run_leader(fixture.db().clone()))),
        AbortOnDropHandle::new(spawn_named("tail", async move { tail.run(db).await })),
    ]
}

async fn emit(fixture: &Fixture, kind: &str) {
    emit_for(fixture, kind, "thing_1").await;
}

async fn emit_for(fixture: &Fixture, kind: &str, subject: &str) {
    let mut tx = fixture.db().spine().await.unwrap();
    let actor = Actor::System("test");
    let data = serde_json::json!({});
    let now = fixture.clock.now();
    mpanel_events::event(
        &mut tx,
        Some(fixture.tenant),
        kind,
        subject,
        &actor,
        RequestId::generate(),
        &data,
        now,
    )
    .await
    .unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn a_reconciler_looks_at_the_start_and_when_an_event_it_wants_comes() {
    let fixture = Fixture::new().await;
    let reconciler = Arc::new(Counted::default());
    let _feed = feed(&fixture);
    until(|| async { (*fixture.tail.last().borrow() >= 0).then_some(()) }).await;
    let _server = server(fixture.reconciling(reconciler.clone()));
    reconciler.passed(1).await;
    emit(&fixture, "test.thing.changed.v1").await;
    reconciler.passed(2).await;
    emit(&fixture, "test.other.changed.v1").await;
    emit(&fixture, "test.thing.changed.v1").await;
    reconciler.passed(3).await;
    assert_eq!(reconciler.passes(), 3, "what it does not want does not wake it");
}

#[tokio::test]
async fn wakes_that_come_during_a_pass_are_one_more_pass() {
    let fixture = Fixture::new().await;
    let reconciler = Arc::new(Counted {
        takes: Duration::from_millis(400),
        ..Counted::default()
    });
    let _feed = feed(&fixture);
    until(|| async { (*fixture.tail.last().borrow() >= 0).then_some(()) }).await;
    let _server = server(fixture.reconciling(reconciler.clone()));
    until(|| async { (reconciler.at_once.load(Ordering::SeqCst) == 1).then_some(()) }).await;
    for _ in 0..30 {
        emit(&fixture, "test.thing.changed.v1").await;
    }
    let last = 30;
    until(|| async { (*fixture.tail.last().borrow() >= last).then_some(()) }).await;
    reconciler.passed(2).await;
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert!(reconciler.passes() <= 4, "{} passes for 30 events", reconciler.passes());
}

#[tokio::test]
async fn two_servers_run_a_reconciler_one_at_a_time() {
    let fixture = Fixture::new().await;
    let reconciler = Arc::new(Counted {
        every: Some(Duration::from_millis(5)),
        takes: Duration::from_millis(20),
        ..Counted::default()
    });
    let _servers = [
        server(fixture.reconciling(reconciler.clone())),
        server(fixture.reconciling(reconciler.clone())),
    ];
    reconciler.passed(20).await;
    assert_eq!(reconciler.most_at_once.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_pass_that_fails_is_written_down_and_tried_again() {
    let fixture = Fixture::new().await;
    let reconciler = Arc::new(Counted {
        fails: AtomicBool::new(true),
        ..Counted::default()
    });
    let _server = server(fixture.reconciling(reconciler.clone()));
    let read = || async {
        let mut tx = fixture.db().spine().await.unwrap();
        sqlx::query_as::<_, (Option<String>, i32, i64)>("select error, failures, passes from jobs.reconcilers")
            .fetch_optional(tx.conn())
            .await
            .unwrap()
    };
    let (error, failures, _) = until(|| async { read().await.filter(|(_, failures, _)| *failures >= 3) }).await;
    assert!(error.unwrap().contains("50 of 100 things"));
    assert!(failures >= 3);
    reconciler.fails.store(false, Ordering::SeqCst);
    let (error, _, passes) = until(|| async { read().await.filter(|(_, failures, _)| *failures == 0) }).await;
    assert_eq!(error, None);
    assert!(passes >= 4);
}

#[tokio::test]
async fn a_reconciler_that_waits_after_a_failure_is_run_at_once_when_somebody_asks() {
    let fixture = Fixture::new().await;
    let reconciler = Arc::new(Counted {
        fails: AtomicBool::new(true),
        ..Counted::default()
    });
    let _feed = feed(&fixture);
    until(|| async { (*fixture.tail.last().borrow() >= 0).then_some(()) }).await;
    // Long enough that nothing in this test is tried again by itself.
    let mut runtime = fixture.reconciling(reconciler.clone());
    runtime.tuning.poll = HOUR;
    let _server = server(runtime);
    reconciler.passed(1).await;
    let status = || async {
        let mut tx = fixture
            .db()
            .platform(mpanel_pg::Reason::Administer("test"))
            .await
            .unwrap();
        crate::reconcilers(&mut tx)
            .await
            .unwrap()
            .into_iter()
            .find(|status| status.failures > 0)
    };
    let failing = until(status).await;
    assert!(failing.error.unwrap().contains("50 of 100 things"));
    assert!(failing.next_at > failing.finished_at && failing.failing_since.is_some());
    reconciler.fails.store(false, Ordering::SeqCst);
    emit_for(&fixture, crate::ASKED, "test.other").await;
    emit_for(&fixture, crate::ASKED, "test.counted").await;
    reconciler.passed(2).await;
    until(|| async { status().await.is_none().then_some(()) }).await;
}

#[tokio::test]
async fn a_pass_that_wants_to_is_run_again_soon() {
    struct Again(AtomicU32);
    #[async_trait]
    impl Reconciler for Again {
        fn name(&self) -> &'static str {
            "test.again"
        }
        fn wakes_on(&self, _: &str) -> bool {
            false
        }
        fn every(&self) -> Duration {
            HOUR
        }
        async fn pass(&self) -> Result<PassReport, BoxError> {
            self.0.fetch_add(1, Ordering::SeqCst);
            Ok(PassReport {
                again: Some(Duration::from_millis(10)),
                ..PassReport::default()
            })
        }
    }
    let fixture = Fixture::new().await;
    let reconciler = Arc::new(Again(AtomicU32::new(0)));
    let _server = server(fixture.reconciling(reconciler.clone()));
    until(|| async { (reconciler.0.load(Ordering::SeqCst) >= 3).then_some(()) }).await;
}
