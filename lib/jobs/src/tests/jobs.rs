use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use mpanel_kernel::ids::{JobId, TenantId};
use mpanel_kernel::paging::PageRequest;
use mpanel_pg::{Reason, Tx};
use serde_json::{Value, json};

use super::support::{Fixture, server, until};
use crate::{DeadFilter, DeadJob, Job, JobCx, JobError, Reach, Runtime, Tuning, enqueue, list_dead, retry_dead};

/// Does as its payload says: `ok`, `retry`, `dead`, `hang`, or `third` (the third attempt works).
#[derive(Default)]
struct Obedient {
    seen: Mutex<Vec<(Option<TenantId>, u32)>>,
    runs: AtomicU32,
}

#[async_trait]
impl Job for Obedient {
    fn kind(&self) -> &'static str {
        "test.obedient"
    }

    async fn run(&self, payload: &Value, cx: &JobCx) -> Result<(), JobError> {
        self.seen.lock().unwrap().push((cx.tenant, cx.attempt));
        self.runs.fetch_add(1, Ordering::SeqCst);
        match payload.as_str().unwrap_or_default() {
            "retry" => Err(JobError::Retry("not now".into())),
            "third" if cx.attempt < 3 => Err(JobError::Retry("not yet".into())),
            "dead" => Err(JobError::Dead("never".into())),
            "hang" => std::future::pending().await,
            _ => Ok(()),
        }
    }

    fn max_attempts(&self) -> u32 {
        4
    }

    fn backoff(&self, _: u32) -> Duration {
        Duration::from_millis(1)
    }
}

async fn add(fixture: &Fixture, tenant: Option<TenantId>, payload: &str) -> JobId {
    let mut tx = fixture.db().platform(Reason::Lifecycle("test")).await.unwrap();
    let id = enqueue(
        &mut tx,
        tenant,
        "test.obedient",
        &json!(payload),
        Duration::ZERO,
        &fixture.clock,
    )
    .await
    .unwrap();
    tx.commit().await.unwrap();
    id
}

async fn left(fixture: &Fixture) -> i64 {
    let mut tx = fixture.db().spine().await.unwrap();
    sqlx::query_scalar("select count(*) from jobs.jobs where state <> 'dead'")
        .fetch_one(tx.conn())
        .await
        .unwrap()
}

async fn dead(fixture: &Fixture) -> Vec<DeadJob> {
    let mut tx = fixture.db().platform(Reason::Administer("test")).await.unwrap();
    list_dead(&mut tx, Reach::Everyone, &DeadFilter::default(), PageRequest::default())
        .await
        .unwrap()
        .items
}

async fn all_gone(fixture: &Fixture) {
    until(|| async { (left(fixture).await == 0).then_some(()) }).await;
}

#[tokio::test]
async fn a_job_runs_for_its_tenant_or_the_platform_and_leaves() {
    let fixture = Fixture::new().await;
    let job = Arc::new(Obedient::default());
    add(&fixture, Some(fixture.tenant), "ok").await;
    add(&fixture, None, "ok").await;
    let _server = server(fixture.working(job.clone()));
    all_gone(&fixture).await;
    let mut seen = job.seen.lock().unwrap().clone();
    seen.sort();
    assert_eq!(seen, [(None, 1), (Some(fixture.tenant), 1)]);
    assert!(dead(&fixture).await.is_empty());
}

#[tokio::test]
async fn a_job_is_tried_again_until_it_works() {
    let fixture = Fixture::new().await;
    let job = Arc::new(Obedient::default());
    add(&fixture, Some(fixture.tenant), "third").await;
    let _server = server(fixture.working(job.clone()));
    all_gone(&fixture).await;
    assert_eq!(job.runs.load(Ordering::SeqCst), 3);
    assert!(dead(&fixture).await.is_empty());
}

#[tokio::test]
async fn a_job_that_never_works_dies_stays_visible_and_can_be_tried_again() {
    let fixture = Fixture::new().await;
    let job = Arc::new(Obedient::default());
    let retried = add(&fixture, Some(fixture.tenant), "retry").await;
    let refused = add(&fixture, None, "dead").await;
    let _server = server(fixture.working(job.clone()));
    all_gone(&fixture).await;
    let letters = dead(&fixture).await;
    let of = |id| letters.iter().find(|letter| letter.id == id).unwrap();
    assert_eq!((of(retried).attempts, of(retried).error.as_str()), (4, "not now"));
    assert_eq!((of(refused).attempts, of(refused).tenant), (1, None));
    let mut tx = fixture.db().platform(Reason::Administer("test")).await.unwrap();
    retry_dead(&mut tx, Reach::Everyone, retried).await.unwrap();
    assert!(retry_dead(&mut tx, Reach::Everyone, JobId::generate()).await.is_err());
    tx.commit().await.unwrap();
    until(|| async { (job.runs.load(Ordering::SeqCst) == 9).then_some(()) }).await;
}

#[tokio::test]
async fn a_job_of_a_dead_server_runs_again_at_once() {
    let fixture = Fixture::new().await;
    let stuck = Arc::new(Obedient::default());
    add(&fixture, Some(fixture.tenant), "hang").await;
    let dying = server(fixture.working(stuck.clone()));
    until(|| async { (stuck.runs.load(Ordering::SeqCst) == 1).then_some(()) }).await;
    drop(dying);
    let heir = Arc::new(Obedient::default());
    let _server = server(fixture.working(heir.clone()));
    until(|| async { (heir.runs.load(Ordering::SeqCst) == 1).then_some(()) }).await;
    assert_eq!(heir.seen.lock().unwrap()[0].1, 2, "it is the second attempt");
}

#[tokio::test]
async fn jobs_of_tenants_take_turns() {
    let fixture = Fixture::new().await;
    let (busy, calm) = (TenantId::generate(), TenantId::generate());
    for _ in 0..5 {
        add(&fixture, Some(busy), "ok").await;
    }
    add(&fixture, Some(calm), "ok").await;
    let job = Arc::new(Obedient::default());
    let runtime = fixture.working(job.clone());
    let _server = server(Runtime {
        tuning: Tuning {
            jobs: 1,
            ..runtime.tuning
        },
        ..runtime
    });
    all_gone(&fixture).await;
    let order: Vec<_> = job
        .seen
        .lock()
        .unwrap()
        .iter()
        .map(|(tenant, _)| tenant.unwrap())
        .collect();
    assert_eq!(order, [busy, calm, busy, busy, busy, busy]);
}

#[tokio::test]
async fn a_tenants_transaction_adds_no_job_for_others() {
    let fixture = Fixture::new().await;
    for owner in [None, Some(TenantId::generate())] {
        let mut tx = fixture.db().tenant(fixture.tenant).await.unwrap();
        let refused = enqueue(
            &mut tx,
            owner,
            "test.obedient",
            &json!("ok"),
            Duration::ZERO,
            &fixture.clock,
        )
        .await;
        assert!(
            refused.unwrap_err().to_string().contains("row-level security"),
            "{owner:?}"
        );
    }
}
