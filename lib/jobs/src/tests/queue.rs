//! A tenant that has queued more than anybody works off: what the next piece of work of the others waits for.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use mpanel_kernel::ids::TenantId;
use mpanel_pg::{Reason, Tx};
use serde_json::{Value, json};
use uuid::Uuid;

use super::support::{Fixture, SINGLE, Script, server, until};
use crate::{Job, JobCx, JobError, Tuning, enqueue};

const QUEUED: i32 = 100_000;
const KIND: &str = "test.noted";

/// Notes whose it is.
#[derive(Default)]
struct Noted(Mutex<Vec<TenantId>>);

impl Noted {
    fn seen(&self) -> Vec<TenantId> {
        self.0.lock().unwrap().clone()
    }
}

#[async_trait]
impl Job for Noted {
    fn kind(&self) -> &'static str {
        KIND
    }

    async fn run(&self, _payload: &Value, cx: &JobCx) -> Result<(), JobError> {
        self.0.lock().unwrap().extend(cx.tenant);
        Ok(())
    }
}

async fn queue(fixture: &Fixture, tenant: TenantId, count: i32) {
    let mut tx = fixture.db().spine().await.unwrap();
    sqlx::query(
        "insert into jobs.jobs (tenant_id, id, kind, payload, created_at)
         select $1, gen_random_uuid(), $2, '{}', now() from generate_series(1, $3)",
    )
    .bind(tenant.uuid())
    .bind(KIND)
    .bind(count)
    .execute(tx.conn())
    .await
    .unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_job_of_another_tenant_waits_for_no_more_than_what_is_at_work() {
    let fixture = Fixture::new().await;
    let (busy, calm) = (TenantId::generate(), TenantId::generate());
    queue(&fixture, busy, QUEUED).await;
    let job = Arc::new(Noted::default());
    let _server = server(fixture.working(job.clone()));
    until(|| async { (job.seen().len() > 20).then_some(()) }).await;
    let mut tx = fixture.db().platform(Reason::Lifecycle("test")).await.unwrap();
    let payload = json!({});
    enqueue(&mut tx, Some(calm), KIND, &payload, Duration::ZERO, &fixture.clock)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let before = job.seen().len();
    let place = until(|| async { job.seen().iter().position(|tenant| *tenant == calm) }).await;
    let places = Tuning::default().jobs;
    assert!(
        place <= before + 2 * places,
        "{} jobs of another tenant ran before it",
        place - before
    );
}

/// All nodes of a plan.
fn nodes<'a>(plan: &'a Value, all: &mut Vec<&'a Value>) {
    all.push(plan);
    for child in plan["Plans"].as_array().into_iter().flatten() {
        nodes(child, all);
    }
}

/// Pages that a plan touched, and what it read tables and indexes by.
fn cost(plan: &Value) -> (i64, Vec<String>) {
    let plan = &plan[0]["Plan"];
    let pages = plan["Shared Hit Blocks"].as_i64().unwrap() + plan["Shared Read Blocks"].as_i64().unwrap();
    let mut all = Vec::new();
    nodes(plan, &mut all);
    let scans = all.iter().filter_map(|node| {
        let kind = node["Node Type"].as_str().unwrap();
        let of = node["Index Name"].as_str().or(node["Relation Name"].as_str())?;
        // What is taken is changed, and looked up by its key.
        (!kind.starts_with("ModifyTable")).then(|| format!("{kind} on {of}"))
    });
    (pages, scans.collect())
}

#[tokio::test]
async fn taking_a_job_reads_the_index_alone_and_little_of_it_however_much_is_queued() {
    let fixture = Fixture::new().await;
    let busy = TenantId::generate();
    queue(&fixture, busy, QUEUED).await;
    let mut others = Vec::new();
    for _ in 0..50 {
        others.push(TenantId::generate());
        queue(&fixture, others[others.len() - 1], 1).await;
    }
    for analyzed in [false, true] {
        let mut tx = fixture.db().queue().await.unwrap();
        if analyzed {
            let mut admin = sqlx::PgPool::connect_with(fixture.database.admin.clone())
                .await
                .unwrap()
                .acquire()
                .await
                .unwrap();
            sqlx::query("analyze jobs.jobs").execute(&mut *admin).await.unwrap();
        }
        // At the start of a round, behind the tenant with much to do which has no place left, at all or of this kind, and at the
        // end where nobody is left.
        let past = Uuid::from_u128(others[49].uuid().as_u128() + 1);
        for (from, excluded, sated) in [
            (Uuid::nil(), None, None),
            (Uuid::nil(), Some(busy), None),
            (Uuid::nil(), None, Some(busy)),
            (past, None, None),
        ] {
            let [excluded, sated] =
                [excluded, sated].map(|tenant: Option<TenantId>| Vec::from_iter(tenant.map(TenantId::uuid)));
            let plan: Value = sqlx::query_scalar(concat!(
                "explain (analyze, buffers, format json) ",
                include_str!("../job/take.sql")
            ))
            .bind(from)
            .bind(vec![KIND])
            .bind(excluded)
            .bind("test")
            .bind(Uuid::now_v7())
            .bind(15.0)
            .bind(&sated)
            .bind(vec![KIND; sated.len()])
            .fetch_one(tx.conn())
            .await
            .unwrap();
            let (pages, scans) = cost(&plan);
            assert!(pages < 200, "{pages} pages: {plan:#}");
            let candidate = scans
                .iter()
                .filter(|scan| !scan.ends_with("jobs_pkey") && !scan.contains("jobs on jobs"));
            for scan in candidate {
                assert!(scan == "Index Only Scan on jobs_due", "{scan}: {plan:#}");
            }
        }
    }
}

#[tokio::test]
async fn a_thousand_operations_of_one_tenant_keep_no_other_waiting() {
    let fixture = Fixture::new().await;
    let (busy, calm) = (TenantId::generate(), TenantId::generate());
    let mut tx = fixture.db().spine().await.unwrap();
    // All on one subject, where only the first can be taken and all must be looked at to know.
    sqlx::query(
        "with started as (
             insert into jobs.operations (tenant_id, id, kind, subject, input, actor, request_id, created_at)
             select $1, gen_random_uuid(), $2, 'busy', '{}', 'system:test', gen_random_uuid(), now()
             from generate_series(1, 1000) returning tenant_id, id
         )
         insert into jobs.operation_steps (tenant_id, operation_id, position, key, title)
         select tenant_id, id, 1, 'only', 'Do it' from started",
    )
    .bind(busy.uuid())
    .bind(SINGLE.name)
    .execute(tx.conn())
    .await
    .unwrap();
    let plan: Value = sqlx::query_scalar(concat!(
        "explain (analyze, buffers, format json) ",
        include_str!("../operation/take.sql")
    ))
    .bind(Uuid::nil())
    .bind(vec![SINGLE.name])
    .bind(Vec::<Uuid>::new())
    .bind("test")
    .bind(Uuid::now_v7())
    .bind(15.0)
    .bind(mpanel_pg::Ts(fixture.clock.now()))
    .fetch_one(tx.conn())
    .await
    .unwrap();
    let (pages, scans) = cost(&plan);
    assert!(pages < 20_000, "{pages} pages: {plan:#}");
    assert!(scans.iter().all(|scan| !scan.starts_with("Seq Scan")), "{scans:?}");
    // That took one; it is given back.
    drop(tx);
    queue_operations(&fixture, busy).await;
    let script = Script::smooth(&SINGLE);
    let _server = server(fixture.operating([script.clone()]));
    until(|| async { (script.subjects().len() > 20).then_some(()) }).await;
    let id = fixture.start(&SINGLE, calm, "calm").await;
    let before = script.subjects().len();
    fixture.ended_of(calm, id).await;
    let place = script.subjects().iter().position(|subject| subject == "calm").unwrap();
    // Each notes two lines: its step and its end.
    let places = 2 * Tuning::default().operations;
    assert!(
        place <= before + 2 * places,
        "{} lines of another tenant",
        place - before
    );
}

async fn queue_operations(fixture: &Fixture, tenant: TenantId) {
    for n in 0..200 {
        fixture.start(&SINGLE, tenant, &format!("busy {}", n % 20)).await;
    }
}
