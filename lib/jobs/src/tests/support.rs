//! A database of a test's own, operations made of closures, and waiting for what comes about.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use mpanel_authz::OpCx;
use mpanel_crypto::MasterKey;
use mpanel_events::{Spine, Tail, Vault};
use mpanel_kernel::clock::{SharedClock, SystemClock};
use mpanel_kernel::ids::{OperationId, TenantId};
use mpanel_pg::{Db, PgConnectOptions};
use mpanel_telemetry::spawn_named;
use mpanel_testkit::postgres::{TestDatabase, TestPostgres};
use serde_json::{Value, json};
use tokio::sync::OnceCell;
use tokio_util::task::AbortOnDropHandle;

use crate::{
    Job, Kind, Operation, OperationState, OperationStatus, Outcome, Reconciler, Runtime, Step, StepCx, StepError,
    Tuning, get, start,
};

pub(crate) static THREE: Kind = Kind {
    name: "test.three",
    steps: &[
        Step {
            key: "one",
            title: "Do the first thing",
        },
        Step {
            key: "two",
            title: "Do the second thing",
        },
        Step {
            key: "three",
            title: "Do the third thing",
        },
    ],
};

pub(crate) static SINGLE: Kind = Kind {
    name: "test.single",
    steps: &[Step {
        key: "only",
        title: "Do it",
    }],
};

/// Quick enough for tests; the lease is long, so that nothing passes because one ran out.
pub(crate) fn quick() -> Tuning {
    Tuning {
        lease: Duration::from_secs(60),
        heartbeat: Duration::from_millis(200),
        poll: Duration::from_millis(20),
        progress: Duration::from_millis(10),
        ..Tuning::default()
    }
}

pub(crate) struct Fixture {
    pub(crate) database: TestDatabase,
    pub(crate) spine: Spine,
    pub(crate) clock: SharedClock,
    pub(crate) tail: Tail,
    pub(crate) tenant: TenantId,
}

impl Fixture {
    pub(crate) async fn new() -> Self {
        static TEMPLATE: OnceCell<TestDatabase> = OnceCell::const_new();
        let postgres = TestPostgres::shared();
        let template = TEMPLATE
            .get_or_init(|| async {
                let template = postgres.create_database("jobs").await;
                let modules = [mpanel_pg::FOUNDATION, mpanel_events::MIGRATIONS, crate::MIGRATIONS];
                mpanel_pg::migrate(&template.panel, &modules).await.unwrap();
                template
            })
            .await;
        let database = postgres.clone_template(template).await;
        Self {
            spine: spine(database.panel.clone()).await,
            clock: Arc::new(SystemClock),
            tail: Tail::default(),
            tenant: TenantId::generate(),
            database,
        }
    }

    pub(crate) fn db(&self) -> &Db {
        self.spine.db()
    }

    pub(crate) async fn start(&self, kind: &'static Kind, tenant: TenantId, subject: &str) -> OperationId {
        let cx = OpCx::system("test", tenant, self.clock.clone());
        let mut tx = self.db().tenant(tenant).await.unwrap();
        let id = start(&mut tx, &cx, kind, subject, &json!({"subject": subject}))
            .await
            .unwrap();
        tx.commit().await.unwrap();
        id
    }

    pub(crate) async fn get(&self, id: OperationId) -> OperationStatus {
        self.get_of(self.tenant, id).await
    }

    pub(crate) async fn get_of(&self, tenant: TenantId, id: OperationId) -> OperationStatus {
        let mut tx = self.db().tenant(tenant).await.unwrap();
        get(&mut tx, id).await.unwrap()
    }

    pub(crate) async fn ended(&self, id: OperationId) -> OperationStatus {
        self.ended_of(self.tenant, id).await
    }

    pub(crate) async fn ended_of(&self, tenant: TenantId, id: OperationId) -> OperationStatus {
        until(|| async {
            let status = self.get_of(tenant, id).await;
            status.state.is_final().then_some(status)
        })
        .await
    }

    pub(crate) fn runtime(&self) -> Runtime {
        Runtime {
            spine: self.spine.clone(),
            tail: self.tail.clone(),
            clock: self.clock.clone(),
            operations: Vec::new(),
            reconcilers: Vec::new(),
            jobs: Vec::new(),
            tuning: quick(),
        }
    }

    pub(crate) fn operating(&self, operations: impl IntoIterator<Item = Arc<Script>>) -> Runtime {
        let operations = operations
            .into_iter()
            .map(|script| script as Arc<dyn Operation>)
            .collect();
        Runtime {
            operations,
            ..self.runtime()
        }
    }

    pub(crate) fn reconciling(&self, reconciler: Arc<dyn Reconciler>) -> Runtime {
        Runtime {
            reconcilers: vec![reconciler],
            ..self.runtime()
        }
    }

    pub(crate) fn working(&self, job: Arc<dyn Job>) -> Runtime {
        Runtime {
            jobs: vec![job],
            ..self.runtime()
        }
    }

    /// States of the operation, as events told them in turn.
    pub(crate) async fn told(&self, id: OperationId) -> Vec<(OperationState, Option<String>)> {
        let mut tx = self.db().spine().await.unwrap();
        let rows: Vec<Value> = sqlx::query_scalar(
            "select value -> 'data' from spine.outbox where topic = 'jobs.operation.changed.v1' and key = $1 order by id",
        )
        .bind(id.to_string())
        .fetch_all(mpanel_pg::Tx::conn(&mut tx))
        .await
        .unwrap();
        rows.into_iter()
            .map(|data| {
                let state = serde_json::from_value(data["state"].clone()).unwrap();
                (state, data["step"].as_str().map(str::to_owned))
            })
            .collect()
    }
}

pub(crate) async fn spine(options: PgConnectOptions) -> Spine {
    let folder = tempfile::tempdir().unwrap();
    let (master, _) = MasterKey::load_or_create(&folder.path().join("master.key")).unwrap();
    Spine::new(Db::connect(options, 10).await.unwrap(), Arc::new(Vault::new(master)))
}

/// Runs it until the handle is dropped: a server that is killed, but for its memory.
pub(crate) fn server(runtime: Runtime) -> AbortOnDropHandle<()> {
    AbortOnDropHandle::new(spawn_named("runtime", runtime.run()))
}

/// Asks again and again until there is an answer; a test that waits for ever would only say less.
pub(crate) async fn until<T, F: Future<Output = Option<T>>>(mut ask: impl FnMut() -> F) -> T {
    let asking = async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), asking)
        .await
        .expect("it comes about within half a minute")
}

type Act = dyn Fn(String, StepCx) -> BoxFuture<'static, Result<Value, StepError>> + Send + Sync;

/// An operation that notes what is asked of it (`run one`, `undo one`, `finished succeeded`), each
/// with its subject, and does what a closure says.
pub(crate) struct Script {
    kind: &'static Kind,
    log: Mutex<Vec<(String, String)>>,
    act: Box<Act>,
    attempts: u32,
}

impl Script {
    pub(crate) fn new<F: Future<Output = Result<Value, StepError>> + Send + 'static>(
        kind: &'static Kind,
        act: impl Fn(String, StepCx) -> F + Send + Sync + 'static,
    ) -> Arc<Self> {
        Self::with_attempts(kind, 10, act)
    }

    pub(crate) fn with_attempts<F: Future<Output = Result<Value, StepError>> + Send + 'static>(
        kind: &'static Kind,
        attempts: u32,
        act: impl Fn(String, StepCx) -> F + Send + Sync + 'static,
    ) -> Arc<Self> {
        let act = Box::new(move |what: String, cx: StepCx| -> BoxFuture<'static, _> { Box::pin(act(what, cx)) });
        Arc::new(Self {
            kind,
            log: Mutex::default(),
            act,
            attempts,
        })
    }

    /// Every step works.
    pub(crate) fn smooth(kind: &'static Kind) -> Arc<Self> {
        Self::new(kind, |_, _| async { Ok(Value::Null) })
    }

    /// What was asked, in turn.
    pub(crate) fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().iter().map(|(what, _)| what.clone()).collect()
    }

    /// For which subjects, in turn.
    pub(crate) fn subjects(&self) -> Vec<String> {
        self.log
            .lock()
            .unwrap()
            .iter()
            .map(|(_, subject)| subject.clone())
            .collect()
    }

    async fn note(&self, what: String, cx: &StepCx) -> Result<Value, StepError> {
        self.log.lock().unwrap().push((what.clone(), cx.subject().to_owned()));
        (self.act)(what, cx.clone()).await
    }
}

#[async_trait]
impl Operation for Script {
    fn kind(&self) -> &'static Kind {
        self.kind
    }

    async fn run(&self, step: &str, cx: &StepCx) -> Result<Value, StepError> {
        self.note(format!("run {step}"), cx).await
    }

    async fn undo(&self, step: &str, cx: &StepCx) -> Result<(), StepError> {
        self.note(format!("undo {step}"), cx).await.map(|_| ())
    }

    async fn finished(&self, cx: &StepCx, outcome: &Outcome) -> Result<(), StepError> {
        let outcome = match outcome {
            Outcome::Succeeded => "finished succeeded",
            Outcome::Failed(_) => "finished failed",
            Outcome::Cancelled => "finished cancelled",
        };
        self.note(outcome.to_owned(), cx).await.map(|_| ())
    }

    fn max_attempts(&self) -> u32 {
        self.attempts
    }
}

pub(crate) fn retry(message: &str) -> Result<Value, StepError> {
    Err(StepError::Retry {
        message: message.into(),
        after: Duration::from_millis(1),
    })
}

pub(crate) fn fail(message: &str) -> Result<Value, StepError> {
    Err(StepError::failed("test.failed", message))
}
