//! Operations with a point of no return: one that says so is never undone after it, and one that does not is found out.

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
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

static BURN: Kind = Kind {
    name: "test.burn",
    steps: &[
        Step {
            key: "pack",
            title: "Pack",
        },
        Step {
            key: "burn",
            title: "Burn the bridge",
        },
        Step {
            key: "leave",
            title: "Leave",
        },
    ],
};

/// What is so in the world.
#[derive(Debug, Default)]
struct Facts {
    packed: bool,
    burnt: bool,
    /// Somebody unpacked on the far side of a bridge that is gone.
    stranded: bool,
}

struct Burning {
    facts: Arc<Mutex<Facts>>,
    says_so: bool,
    /// Panics in its last step, once.
    stumbled: Arc<AtomicBool>,
}

#[async_trait]
impl Operation for Burning {
    fn kind(&self) -> &'static Kind {
        &BURN
    }

    async fn run(&self, step: &str, cx: &StepCx) -> Result<Value, StepError> {
        match step {
            "pack" => self.facts.lock().unwrap().packed = true,
            "burn" => {
                if self.says_so {
                    cx.no_way_back().await?;
                }
                self.facts.lock().unwrap().burnt = true;
            }
            _ => assert!(self.stumbled.swap(true, Ordering::SeqCst), "it stumbles"),
        }
        Ok(Value::Null)
    }

    async fn undo(&self, step: &str, _cx: &StepCx) -> Result<(), StepError> {
        let mut facts = self.facts.lock().unwrap();
        if step == "pack" {
            facts.packed = false;
            facts.stranded |= facts.burnt;
        }
        Ok(())
    }
}

struct World {
    spine: Spine,
    clock: SharedClock,
    facts: Arc<Mutex<Facts>>,
    says_so: bool,
}

impl World {
    async fn new(says_so: bool) -> Self {
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
            facts: Arc::default(),
            says_so,
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
        Arc::new(Burning {
            facts: self.facts.clone(),
            says_so: self.says_so,
            stumbled: Arc::new(AtomicBool::new(!self.says_so)),
        })
    }

    fn no_way_back(&self) -> Option<&'static str> {
        Some("burn")
    }

    async fn start(&self) -> Started<()> {
        *self.facts.lock().unwrap() = Facts::default();
        let tenant = TenantId::generate();
        let cx = OpCx::system("test", tenant, self.clock.clone());
        let mut tx = self.spine.db().tenant(tenant).await.unwrap();
        let operation = mpanel_jobs::start(&mut tx, &cx, &BURN, "thing", &json!({}))
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
        let facts = self.facts.lock().unwrap();
        let succeeded = ended.state == OperationState::Succeeded;
        match (facts.packed, facts.burnt, facts.stranded) == (succeeded, succeeded, false) {
            true => Ok(()),
            false => Err(format!("{facts:?}")),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_says_that_there_is_no_way_back_goes_on_whatever_fails_or_panics_after_it() {
    try_operation(async || World::new(true).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_say_so_is_found_out() {
    let tried = AssertUnwindSafe(try_operation(async || World::new(false).await))
        .catch_unwind()
        .await;
    let said = tried.unwrap_err().downcast::<String>().unwrap();
    for place in [
        "Fail(After) in Run burn: it ended otherwise",
        "Panic(After) in Run burn: it ended otherwise",
        "Fail(Before) in Run leave: it ended otherwise",
        "Cancel(After) in Run burn",
    ] {
        assert!(said.contains(place), "{place} is not among\n{said}");
    }
}
