use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use futures_util::FutureExt;
use mpanel_authz::OpCx;
use mpanel_crypto::MasterKey;
use mpanel_events::{Spine, Vault};
use mpanel_jobs::{Kind, Operation, OperationState, OperationStatus, Step, StepCx, StepError};
use mpanel_kernel::clock::{SharedClock, SystemClock};
use mpanel_kernel::ids::TenantId;
use mpanel_pg::Db;
use mpanel_testkit::database::migrated;
use serde_json::{Value, json};

use crate::{OperationWorld, Started, try_operation};

static COUNT: Kind = Kind {
    name: "test.count",
    steps: &[Step {
        key: "count",
        title: "Count",
    }],
};

/// Counts up, and in undoing down again; a careful one does each once.
struct Counting {
    counted: Arc<Mutex<i32>>,
    careful: bool,
}

#[async_trait]
impl Operation for Counting {
    fn kind(&self) -> &'static Kind {
        &COUNT
    }

    async fn run(&self, _step: &str, _cx: &StepCx) -> Result<Value, StepError> {
        let mut counted = self.counted.lock().unwrap();
        *counted = if self.careful { 1 } else { *counted + 1 };
        Ok(Value::Null)
    }

    async fn undo(&self, _step: &str, _cx: &StepCx) -> Result<(), StepError> {
        let mut counted = self.counted.lock().unwrap();
        *counted = if self.careful { 0 } else { *counted - 1 };
        Ok(())
    }
}

struct World {
    spine: Spine,
    clock: SharedClock,
    counted: Arc<Mutex<i32>>,
    careful: bool,
}

impl World {
    async fn new(careful: bool) -> Self {
        let modules = [
            mpanel_pg::FOUNDATION,
            mpanel_events::MIGRATIONS,
            mpanel_jobs::MIGRATIONS,
        ];
        let db = Db::connect(migrated(&modules).await.panel, 8).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let (master, _) = MasterKey::load_or_create(&folder.path().join("master.key")).unwrap();
        Self {
            spine: Spine::new(db, Arc::new(Vault::new(master))),
            clock: Arc::new(SystemClock),
            counted: Arc::default(),
            careful,
        }
    }
}

#[async_trait]
impl OperationWorld for World {
    type Of = ();

    fn spine(&self) -> Spine {
        self.spine.clone()
    }

    fn clock(&self) -> SharedClock {
        self.clock.clone()
    }

    fn operation(&self) -> Arc<dyn Operation> {
        Arc::new(Counting {
            counted: self.counted.clone(),
            careful: self.careful,
        })
    }

    async fn start(&self) -> Started<()> {
        *self.counted.lock().unwrap() = 0;
        let tenant = TenantId::generate();
        let cx = OpCx::system("test", tenant, self.clock.clone());
        let mut tx = self.spine.db().tenant(tenant).await.unwrap();
        let operation = mpanel_jobs::start(&mut tx, &cx, &COUNT, "thing", &json!({}))
            .await
            .unwrap();
        tx.commit().await.unwrap();
        Started {
            tenant,
            operation,
            of: (),
        }
    }

    async fn check(&self, _started: &Started<()>, ended: &OperationStatus) -> Result<(), String> {
        let counted = *self.counted.lock().unwrap();
        match counted == i32::from(ended.state == OperationState::Succeeded) {
            true => Ok(()),
            false => Err(format!("counted {counted}")),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn work_that_may_happen_twice_stands_everything() {
    try_operation(async || World::new(true).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn work_that_may_not_happen_twice_is_found_out_and_every_place_named() {
    let tried = AssertUnwindSafe(try_operation(async || World::new(false).await))
        .catch_unwind()
        .await;
    let said = tried.unwrap_err().downcast::<String>().unwrap();
    for place in [
        "Twice in Run count: counted 2",
        "Kill(After) in Run count: counted 2",
        "Retry(After) in Run count: counted 2",
        "Fail(Before) in Run count: counted -1",
        "then Twice in Undo count: counted -1",
        "then Kill(After) in Undo count: counted -1",
    ] {
        assert!(said.contains(place), "{place} is not among\n{said}");
    }
    assert!(
        !said.contains("nothing goes wrong") && !said.contains("in Finished"),
        "{said}"
    );
}
