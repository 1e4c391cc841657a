//! Jobs that wait for something that does not answer: whose they keep waiting, and for how long.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use mpanel_kernel::ids::TenantId;
use mpanel_kernel::paging::PageRequest;
use mpanel_pg::Reason;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::support::{Fixture, server, until};
use crate::{DeadFilter, Job, JobCx, JobError, Reach, Runtime, enqueue, list_dead};

/// Waits for a gate when its payload says so.
struct Gated {
    kind: &'static str,
    open: watch::Receiver<bool>,
    longest: Duration,
    at_once: usize,
    begun: AtomicUsize,
    done: AtomicUsize,
}

impl Gated {
    fn new(kind: &'static str, open: &watch::Sender<bool>) -> Arc<Self> {
        Arc::new(Self {
            kind,
            open: open.subscribe(),
            longest: Duration::from_secs(300),
            at_once: 4,
            begun: AtomicUsize::new(0),
            done: AtomicUsize::new(0),
        })
    }

    fn begun(&self) -> usize {
        self.begun.load(Ordering::SeqCst)
    }

    fn done(&self) -> usize {
        self.done.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl Job for Gated {
    fn kind(&self) -> &'static str {
        self.kind
    }

    async fn run(&self, payload: &Value, _cx: &JobCx) -> Result<(), JobError> {
        self.begun.fetch_add(1, Ordering::SeqCst);
        if payload["waits"] == true {
            let mut open = self.open.clone();
            open.wait_for(|open| *open).await.expect("the test keeps the gate");
        }
        self.done.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    fn longest(&self) -> Duration {
        self.longest
    }

    fn at_once(&self) -> usize {
        self.at_once
    }

    fn max_attempts(&self) -> u32 {
        2
    }

    fn backoff(&self, _: u32) -> Duration {
        Duration::ZERO
    }
}

async fn add(fixture: &Fixture, tenant: TenantId, kind: &'static str, waits: bool) {
    let mut tx = fixture.db().platform(Reason::Lifecycle("test")).await.unwrap();
    let payload = json!({"waits": waits});
    enqueue(&mut tx, Some(tenant), kind, &payload, Duration::ZERO, &fixture.clock)
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

fn working(fixture: &Fixture, jobs: &[&Arc<Gated>]) -> Runtime {
    Runtime {
        jobs: jobs.iter().map(|job| Arc::clone(job) as Arc<dyn Job>).collect(),
        ..fixture.runtime()
    }
}

#[tokio::test]
async fn jobs_of_one_tenant_that_hang_keep_no_other_tenant_waiting() {
    let fixture = Fixture::new().await;
    let (gate, _) = watch::channel(false);
    let letters = Gated::new("test.letter", &gate);
    for _ in 0..10 {
        add(&fixture, fixture.tenant, "test.letter", true).await;
    }
    let _server = server(working(&fixture, &[&letters]));
    until(|| async { (letters.begun() == 2).then_some(()) }).await;
    for done in 1..=3 {
        add(&fixture, TenantId::generate(), "test.letter", false).await;
        until(|| async { (letters.done() == done).then_some(()) }).await;
    }
    assert_eq!(letters.begun(), 2 + 3, "the tenant whose jobs hang has two places");
    gate.send_replace(true);
    until(|| async { (letters.done() == 13).then_some(()) }).await;
}

#[tokio::test]
async fn one_tenant_never_takes_all_places_of_a_kind_however_few_they_are() {
    let fixture = Fixture::new().await;
    let (gate, _) = watch::channel(false);
    let few = Arc::new(Gated {
        at_once: 2,
        ..Arc::into_inner(Gated::new("test.letter", &gate)).unwrap()
    });
    let others = Gated::new("test.other", &gate);
    for _ in 0..10 {
        add(&fixture, fixture.tenant, "test.letter", true).await;
    }
    let _server = server(working(&fixture, &[&few, &others]));
    until(|| async { (few.begun() == 1).then_some(()) }).await;
    for done in 1..=3 {
        add(&fixture, TenantId::generate(), "test.letter", false).await;
        until(|| async { (few.done() == done).then_some(()) }).await;
    }
    assert_eq!(few.begun(), 1 + 3, "the tenant whose jobs hang has half of the places");
    // Which says nothing of its other kinds.
    add(&fixture, fixture.tenant, "test.other", false).await;
    until(|| async { (others.done() == 1).then_some(()) }).await;
    gate.send_replace(true);
    until(|| async { (few.done() == 13).then_some(()) }).await;
}

#[tokio::test]
async fn a_kind_with_one_place_gives_it_to_whoever_comes() {
    let fixture = Fixture::new().await;
    let (gate, _) = watch::channel(true);
    let single = Arc::new(Gated {
        at_once: 1,
        ..Arc::into_inner(Gated::new("test.letter", &gate)).unwrap()
    });
    for tenant in [fixture.tenant, fixture.tenant, TenantId::generate()] {
        add(&fixture, tenant, "test.letter", true).await;
    }
    let _server = server(working(&fixture, &[&single]));
    until(|| async { (single.done() == 3).then_some(()) }).await;
}

#[tokio::test]
async fn a_kind_of_job_that_hangs_keeps_no_other_kind_waiting_however_many_tenants_have_it() {
    let fixture = Fixture::new().await;
    let (gate, _) = watch::channel(false);
    let (letters, others) = (Gated::new("test.letter", &gate), Gated::new("test.other", &gate));
    for _ in 0..10 {
        add(&fixture, TenantId::generate(), "test.letter", true).await;
    }
    let _server = server(working(&fixture, &[&letters, &others]));
    until(|| async { (letters.begun() == 4).then_some(()) }).await;
    // Of a tenant that waits for one of the kind as well, and of one that does not.
    add(&fixture, fixture.tenant, "test.letter", true).await;
    for (tenant, done) in [(fixture.tenant, 1), (TenantId::generate(), 2)] {
        add(&fixture, tenant, "test.other", false).await;
        until(|| async { (others.done() == done).then_some(()) }).await;
    }
    assert_eq!((letters.begun(), letters.done()), (4, 0), "no more at once");
    gate.send_replace(true);
    until(|| async { (letters.done() == 11).then_some(()) }).await;
}

#[tokio::test]
async fn an_attempt_that_takes_too_long_has_failed_and_says_so() {
    let fixture = Fixture::new().await;
    let (gate, _) = watch::channel(false);
    let hanging = Arc::new(Gated {
        longest: Duration::from_millis(20),
        ..Arc::into_inner(Gated::new("test.letter", &gate)).unwrap()
    });
    add(&fixture, fixture.tenant, "test.letter", true).await;
    let _server = server(working(&fixture, &[&hanging]));
    let dead = until(|| async {
        let mut tx = fixture.db().platform(Reason::Administer("test")).await.unwrap();
        let filter = DeadFilter::default();
        let dead = list_dead(&mut tx, Reach::Everyone, &filter, PageRequest::default()).await;
        dead.unwrap().items.pop()
    })
    .await;
    assert_eq!((hanging.begun(), hanging.done(), dead.attempts), (2, 0, 2));
    assert_eq!(
        dead.error,
        "it was not done after 0.02 seconds, which is as long as an attempt may take"
    );
}
