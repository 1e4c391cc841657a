//! Jobs with a queue that one tenant has filled: how many are done in a second, and how soon another tenant's next one begins.
//! In this process, on a PostgreSQL of its own that keeps nothing durable.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use async_trait::async_trait;
use mpanel_crypto::MasterKey;
use mpanel_events::{Spine, Tail, Vault};
use mpanel_jobs::{Job, JobCx, JobError, Runtime, Tuning};
use mpanel_kernel::clock::{SharedClock, SystemClock};
use mpanel_kernel::ids::TenantId;
use mpanel_pg::{Db, Reason};
use mpanel_telemetry::spawn_named;
use mpanel_testkit::database::migrated;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::report::{Figure, Goal};
use crate::stats::percentile;

const QUEUED: usize = 100_000;
/// Jobs added in one transaction.
const BATCH: usize = 5_000;
const KIND: &str = "bench.nothing";
/// For so long jobs are counted.
const COUNTED: Duration = Duration::from_secs(10);
/// Jobs of other tenants that are timed, one after the other.
const OTHERS: usize = 100;

/// Does nothing, and says so.
struct Nothing {
    busy: TenantId,
    done: AtomicU64,
    others: mpsc::UnboundedSender<Instant>,
}

#[async_trait]
impl Job for Nothing {
    fn kind(&self) -> &'static str {
        KIND
    }

    async fn run(&self, _payload: &Value, cx: &JobCx) -> Result<(), JobError> {
        self.done.fetch_add(1, Ordering::Relaxed);
        if cx.tenant != Some(self.busy) {
            let _ = self.others.send(Instant::now());
        }
        Ok(())
    }
}

/// # Errors
/// When PostgreSQL or a job fails.
pub fn measure() -> Result<Vec<Figure>> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(measured())
}

async fn measured() -> Result<Vec<Figure>> {
    let modules = [
        mpanel_pg::FOUNDATION,
        mpanel_events::MIGRATIONS,
        mpanel_jobs::MIGRATIONS,
    ];
    let db = Db::connect(migrated(&modules).await.panel, 10).await?;
    let folder = tempfile::tempdir()?;
    let (master, _) = MasterKey::load_or_create(&folder.path().join("master.key"))?;
    let spine = Spine::new(db.clone(), Arc::new(Vault::new(master)));
    let clock: SharedClock = Arc::new(SystemClock);
    let busy = TenantId::generate();
    for _ in 0..QUEUED / BATCH {
        add(&db, busy, BATCH, &clock).await?;
    }
    let (others, mut begun) = mpsc::unbounded_channel();
    let job = Arc::new(Nothing {
        busy,
        done: AtomicU64::new(0),
        others,
    });
    let runtime = Runtime {
        spine,
        tail: Tail::default(),
        clock: clock.clone(),
        operations: Vec::new(),
        reconcilers: Vec::new(),
        jobs: vec![job.clone()],
        tuning: Tuning::default(),
    };
    let server = spawn_named("runtime", runtime.run());

    let (before, from) = (job.done.load(Ordering::Relaxed), Instant::now());
    tokio::time::sleep(COUNTED).await;
    let rate = (job.done.load(Ordering::Relaxed) - before) as f64 / from.elapsed().as_secs_f64();
    let mut waited = Vec::new();
    for _ in 0..OTHERS {
        add(&db, TenantId::generate(), 1, &clock).await?;
        let added = Instant::now();
        let begun = begun.recv().await.context("the job runs")?;
        waited.push(begun.saturating_duration_since(added).as_secs_f64() * 1000.0);
    }
    server.abort();
    let command = format!("{QUEUED} jobs of one tenant queued; lib/jobs with its usual limits");
    Ok(vec![
        Figure::new("jobs done behind a full queue", "1/s", rate, Goal::Explains, &command),
        Figure::new(
            "another tenant's job begins, p50",
            "ms",
            percentile(&waited, 50.0),
            Goal::Explains,
            &command,
        ),
        Figure::new(
            "another tenant's job begins, p99",
            "ms",
            percentile(&waited, 99.0),
            Goal::AtMost(1000.0),
            &command,
        ),
    ])
}

async fn add(db: &Db, tenant: TenantId, count: usize, clock: &SharedClock) -> Result<()> {
    let mut tx = db.platform(Reason::Lifecycle("bench")).await?;
    for _ in 0..count {
        mpanel_jobs::enqueue(&mut tx, Some(tenant), KIND, &json!({}), Duration::ZERO, clock).await?;
    }
    Ok(tx.commit().await?)
}
