//! Everything that can go wrong with removing what is kept for a while only. It stands apart from the other tests because
//! the harness knows this crate as others do.
#![allow(clippy::unwrap_used, reason = "clippy excuses tests, but not their helpers")]

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::SignedDuration;
use mpanel_authz::OpCx;
use mpanel_crypto::MasterKey;
use mpanel_events::{Spine, Tail, Vault};
use mpanel_faultkit::{ReconcilerWorld, try_reconciler};
use mpanel_jobs::{
    DeadFilter, Job, JobCx, JobError, Kind, Operation, OperationFilter, Reach, Reconciler, Retention, Runtime, Step,
    StepCx, StepError, Tuning,
};
use mpanel_kernel::clock::{Clock as _, ManualClock, SystemClock};
use mpanel_kernel::ids::TenantId;
use mpanel_kernel::paging::PageRequest;
use mpanel_pg::{Db, Reason};
use mpanel_telemetry::spawn_named;
use mpanel_testkit::database::migrated;
use serde_json::{Value, json};
use tokio_util::task::AbortOnDropHandle;

static NOTHING: Kind = Kind {
    name: "test.nothing",
    steps: &[Step {
        key: "nothing",
        title: "Do nothing",
    }],
};

struct Nothing;

#[async_trait]
impl Operation for Nothing {
    fn kind(&self) -> &'static Kind {
        &NOTHING
    }

    async fn run(&self, _step: &str, _cx: &StepCx) -> Result<Value, StepError> {
        Ok(Value::Null)
    }

    async fn undo(&self, _step: &str, _cx: &StepCx) -> Result<(), StepError> {
        Ok(())
    }
}

struct Hopeless;

#[async_trait]
impl Job for Hopeless {
    fn kind(&self) -> &'static str {
        "test.hopeless"
    }

    async fn run(&self, _payload: &Value, _cx: &JobCx) -> Result<(), JobError> {
        Err(JobError::Dead("it never works".into()))
    }
}

/// `jobs.retention`: operations that ended and jobs that died long ago, beside some of today.
struct Aging {
    spine: Spine,
    clock: Arc<ManualClock>,
    tenant: TenantId,
    _folder: tempfile::TempDir,
    _server: AbortOnDropHandle<()>,
}

impl Aging {
    async fn left(&self) -> (usize, usize) {
        let mut tx = self.spine.db().tenant(self.tenant).await.unwrap();
        let all = PageRequest {
            limit: 200,
            after: None,
        };
        let filter = OperationFilter {
            unfinished: Some(false),
            ..OperationFilter::default()
        };
        let operations = mpanel_jobs::list(&mut tx, &filter, all).await.unwrap();
        tx.end_read();
        let mut tx = self.spine.db().platform(Reason::Administer("test")).await.unwrap();
        let jobs = mpanel_jobs::list_dead(&mut tx, Reach::Everyone, &DeadFilter::default(), all)
            .await
            .unwrap();
        (operations.items.len(), jobs.items.len())
    }

    /// An operation that ends and a job that dies now.
    async fn happens(&self) {
        let (operations, jobs) = self.left().await;
        let cx = OpCx::system("test", self.tenant, self.clock.clone());
        let mut tx = self.spine.db().tenant(self.tenant).await.unwrap();
        mpanel_jobs::start(&mut tx, &cx, &NOTHING, "thing", &json!({}))
            .await
            .unwrap();
        let clock = self.clock.clone() as mpanel_kernel::clock::SharedClock;
        let tenant = Some(self.tenant);
        mpanel_jobs::enqueue(&mut tx, tenant, "test.hopeless", &json!({}), Duration::ZERO, &clock)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        while self.left().await != (operations + 1, jobs + 1) {
            tokio::task::yield_now().await;
        }
    }
}

#[async_trait]
impl ReconcilerWorld for Aging {
    fn reconciler(&self) -> Arc<dyn Reconciler> {
        Arc::new(Retention {
            db: self.spine.db().clone(),
            clock: self.clock.clone(),
        })
    }

    async fn disturb(&self) {
        self.happens().await;
        self.clock.advance(SignedDuration::from_hours(24 * 91));
        self.happens().await;
    }

    async fn check(&self) -> Result<(), String> {
        match self.left().await {
            (1, 1) => Ok(()),
            left => Err(format!("operations and dead jobs are {left:?}, not those of today")),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn forgetting_stands_being_broken_off_anywhere() {
    let modules = [
        mpanel_pg::FOUNDATION,
        mpanel_events::MIGRATIONS,
        mpanel_jobs::MIGRATIONS,
    ];
    let db = Db::connect(migrated(&modules).await.panel, 10).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (master, _) = MasterKey::load_or_create(&folder.path().join("master.key")).unwrap();
    let spine = Spine::new(db, Arc::new(Vault::new(master)));
    let clock = Arc::new(ManualClock::new(SystemClock.now()));
    let runtime = Runtime {
        spine: spine.clone(),
        tail: Tail::default(),
        clock: clock.clone(),
        operations: vec![Arc::new(Nothing)],
        reconcilers: Vec::new(),
        jobs: vec![Arc::new(Hopeless)],
        tuning: Tuning {
            poll: Duration::from_millis(20),
            ..Tuning::default()
        },
    };
    let aging = Aging {
        spine,
        clock,
        tenant: TenantId::generate(),
        _folder: folder,
        _server: AbortOnDropHandle::new(spawn_named("runtime", runtime.run())),
    };
    try_reconciler("jobs.retention", &aging).await;
}
