//! Dead jobs as people see them: what is shown, whose they are, and what becomes of them.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::SignedDuration;
use mpanel_kernel::clock::{Clock as _, ManualClock, SystemClock};
use mpanel_kernel::error::PublicError as _;
use mpanel_kernel::ids::{JobId, TenantId};
use mpanel_kernel::paging::PageRequest;
use mpanel_pg::{Reason, Tx};
use serde_json::{Value, json};

use super::support::{Fixture, server, until};
use crate::{
    DeadFilter, DeadJob, Job, JobCx, JobError, Reach, Reconciler as _, Retention, count_dead, discard_dead, enqueue,
    get_dead, list_dead, retry_all_dead, retry_dead,
};

/// Works only when its payload says so.
struct Choosy(&'static str);

#[async_trait]
impl Job for Choosy {
    fn kind(&self) -> &'static str {
        self.0
    }

    async fn run(&self, payload: &Value, _cx: &JobCx) -> Result<(), JobError> {
        match payload.as_str() {
            Some("panic") => panic!("as it was told"),
            _ => Err(JobError::Dead("the mail server refused the address".into())),
        }
    }

    fn max_attempts(&self) -> u32 {
        2
    }

    fn backoff(&self, _: u32) -> Duration {
        Duration::ZERO
    }
}

async fn add(fixture: &Fixture, tenant: Option<TenantId>, kind: &'static str, payload: Value) -> JobId {
    let mut tx = fixture.db().platform(Reason::Lifecycle("test")).await.unwrap();
    let id = enqueue(&mut tx, tenant, kind, &payload, Duration::ZERO, &fixture.clock)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    id
}

async fn dead(fixture: &Fixture, reach: Reach, kind: Option<&str>) -> Vec<DeadJob> {
    let mut tx = fixture.db().platform(Reason::Administer("test")).await.unwrap();
    let filter = DeadFilter {
        kind: kind.map(str::to_owned),
        ..DeadFilter::default()
    };
    list_dead(&mut tx, reach, &filter, PageRequest::default())
        .await
        .unwrap()
        .items
}

async fn all_died(fixture: &Fixture, count: usize) {
    until(|| async { (dead(fixture, Reach::Everyone, None).await.len() == count).then_some(()) }).await;
}

#[tokio::test]
async fn a_dead_job_shows_which_objects_it_was_about_and_nothing_that_was_said() {
    let fixture = Fixture::new().await;
    let site = "site_01h2xcejqtf2nbrexx3vqjhp41";
    let payload = json!({
        "site": site, "to": "ada@example.com", "count": 3, "urgent": true, "none": null,
        "lines": [{"secret": "hunter2", "Ada Lovelace": 1}],
    });
    let id = add(&fixture, Some(fixture.tenant), "test.choosy", payload).await;
    let _server = server(fixture.working(Arc::new(Choosy("test.choosy"))));
    all_died(&fixture, 1).await;
    let mut tx = fixture.db().tenant(fixture.tenant).await.unwrap();
    let job = get_dead(&mut tx, Reach::Of(fixture.tenant), id).await.unwrap();
    assert_eq!(
        job.payload,
        json!({
            "site": site, "to": "…", "count": 3, "urgent": true, "none": null,
            "lines": [{"secret": "…", "…": 1}],
        })
    );
    assert_eq!(
        (job.attempts, job.error.as_str()),
        (1, "the mail server refused the address")
    );
    // Its tenant is told.
    let told: Vec<Value> = {
        let mut tx = fixture.db().spine().await.unwrap();
        sqlx::query_scalar("select value from spine.outbox where topic = 'jobs.job.died.v1' and tenant_id = $1")
            .bind(fixture.tenant.uuid())
            .fetch_all(tx.conn())
            .await
            .unwrap()
    };
    assert_eq!(told.len(), 1);
    assert_eq!(told[0]["subject"], id.to_string());
    assert_eq!(told[0]["data"], json!({"kind": "test.choosy", "attempts": 1}));
}

#[tokio::test]
async fn a_tenant_reaches_its_own_dead_jobs_and_no_others() {
    let fixture = Fixture::new().await;
    let other = TenantId::generate();
    let own = add(&fixture, Some(fixture.tenant), "test.choosy", json!({})).await;
    let foreign = add(&fixture, Some(other), "test.choosy", json!({})).await;
    let platform = add(&fixture, None, "test.choosy", json!({})).await;
    let running = server(fixture.working(Arc::new(Choosy("test.choosy"))));
    all_died(&fixture, 3).await;
    drop(running);

    // Whatever reach is asked for, a tenant's transaction has the tenant's.
    for reach in [Reach::Of(fixture.tenant), Reach::Everyone] {
        let mut tx = fixture.db().tenant(fixture.tenant).await.unwrap();
        let page = PageRequest::default();
        let seen = list_dead(&mut tx, reach, &DeadFilter::default(), page).await.unwrap();
        let seen: Vec<JobId> = seen.items.iter().map(|job| job.id).collect();
        assert_eq!(seen, [own]);
        assert_eq!(
            count_dead(&mut tx, reach, &DeadFilter::default(), 100).await.unwrap(),
            1
        );
        for id in [foreign, platform] {
            for error in [
                get_dead(&mut tx, reach, id).await.map(|_| ()).unwrap_err(),
                retry_dead(&mut tx, reach, id).await.unwrap_err(),
                discard_dead(&mut tx, reach, id).await.unwrap_err(),
            ] {
                assert_eq!(error.code(), "jobs.job.not_found");
            }
        }
    }
    assert_eq!(dead(&fixture, Reach::Platform, None).await[0].tenant, None);
    assert_eq!(dead(&fixture, Reach::Everyone, None).await.len(), 3);

    let mut tx = fixture.db().tenant(fixture.tenant).await.unwrap();
    assert_eq!(
        retry_all_dead(&mut tx, Reach::Everyone, "test.choosy").await.unwrap(),
        1
    );
    tx.commit().await.unwrap();
    assert_eq!(dead(&fixture, Reach::Everyone, None).await.len(), 2);
}

#[tokio::test]
async fn what_is_discarded_is_gone_and_what_is_retried_has_all_its_attempts_again() {
    let fixture = Fixture::new().await;
    let tenant = Some(fixture.tenant);
    let one = add(&fixture, tenant, "test.choosy", json!({})).await;
    let two = add(&fixture, tenant, "test.choosy", json!("panic")).await;
    let running = server(fixture.working(Arc::new(Choosy("test.choosy"))));
    all_died(&fixture, 2).await;
    drop(running);
    let reach = Reach::Of(fixture.tenant);
    let panicked = dead(&fixture, reach, None).await.into_iter().find(|job| job.id == two);
    assert_eq!(
        panicked.map(|job| (job.attempts, job.error)),
        Some((2, "it panicked".into()))
    );
    let mut tx = fixture.db().tenant(fixture.tenant).await.unwrap();
    discard_dead(&mut tx, reach, one).await.unwrap();
    assert_eq!(retry_all_dead(&mut tx, reach, "test.other").await.unwrap(), 0);
    assert_eq!(retry_all_dead(&mut tx, reach, "test.choosy").await.unwrap(), 1);
    tx.commit().await.unwrap();
    assert!(dead(&fixture, reach, None).await.is_empty());
    let _server = server(fixture.working(Arc::new(Choosy("test.choosy"))));
    all_died(&fixture, 1).await;
    let again = dead(&fixture, reach, Some("test.choosy")).await;
    assert_eq!((again[0].id, again[0].attempts), (two, 2));
}

#[tokio::test]
async fn dead_jobs_are_kept_for_a_season_and_waiting_ones_for_ever() {
    let fixture = Fixture::new().await;
    add(&fixture, Some(fixture.tenant), "test.choosy", json!({})).await;
    let running = server(fixture.working(Arc::new(Choosy("test.choosy"))));
    all_died(&fixture, 1).await;
    drop(running);
    add(&fixture, Some(fixture.tenant), "test.choosy", json!({})).await;
    let clock = Arc::new(ManualClock::new(SystemClock.now()));
    let retention = Retention {
        db: fixture.db().clone(),
        clock: clock.clone(),
    };
    clock.advance(SignedDuration::from_hours(89 * 24));
    assert_eq!(retention.pass().await.unwrap().deleted, 0);
    clock.advance(SignedDuration::from_hours(2 * 24));
    assert_eq!(retention.pass().await.unwrap().deleted, 1);
    let mut tx = fixture.db().spine().await.unwrap();
    let left: i64 = sqlx::query_scalar("select count(*) from jobs.jobs where state = 'pending'")
        .fetch_one(tx.conn())
        .await
        .unwrap();
    assert_eq!(left, 1);
}

#[tokio::test]
async fn a_job_of_a_kind_that_nobody_knows_dies_after_a_day() {
    let fixture = Fixture::new().await;
    let (fresh, old) = (
        add(&fixture, Some(fixture.tenant), "test.unknown", json!({})).await,
        add(&fixture, Some(fixture.tenant), "test.unknown", json!({})).await,
    );
    let mut tx = fixture.db().spine().await.unwrap();
    sqlx::query("update jobs.jobs set due_at = now() - interval '25 hours' where id = $1")
        .bind(old.uuid())
        .execute(tx.conn())
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let _server = server(fixture.working(Arc::new(Choosy("test.choosy"))));
    all_died(&fixture, 1).await;
    let gone = dead(&fixture, Reach::Everyone, None).await;
    assert_eq!(gone[0].id, old);
    assert!(gone[0].error.contains("no part of this version"), "{}", gone[0].error);
    assert_ne!(fresh, old);
    let metrics = mpanel_telemetry::metrics::exposition();
    assert!(
        metrics.contains("mpanel_jobs_dead{kind=\"test.unknown\"} 1"),
        "{metrics}"
    );
}
