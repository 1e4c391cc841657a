use std::fmt::Debug;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use futures_util::FutureExt;
use mpanel_authz::OpCx;
use mpanel_crypto::MasterKey;
use mpanel_events::{Spine, Vault};
use mpanel_jobs::{Operation, OperationState, OperationStatus};
use mpanel_kernel::clock::{SharedClock, SystemClock};
use mpanel_kernel::ids::TenantId;
use mpanel_pg::Db;
use mpanel_testkit::database::migrated;
use serde_json::json;

use crate::{OperationWorld, Started};

/// What is so in a world, shared with the operation that changes it.
pub type Shared<F> = Arc<Mutex<F>>;

/// Where one operation runs again and again, each time from the facts' beginning.
pub struct World<F> {
    spine: Spine,
    facts: Shared<F>,
    make: fn(Shared<F>) -> Arc<dyn Operation>,
    no_way_back: Option<&'static str>,
    /// Whether the facts are as they must be, by whether it succeeded.
    is_right: fn(&F, bool) -> bool,
}

impl<F: Default> World<F> {
    pub async fn new(make: fn(Shared<F>) -> Arc<dyn Operation>, is_right: fn(&F, bool) -> bool) -> Self {
        Self {
            spine: spine().await,
            facts: Arc::default(),
            make,
            no_way_back: None,
            is_right,
        }
    }

    pub fn with_no_way_back(self, step: &'static str) -> Self {
        Self {
            no_way_back: Some(step),
            ..self
        }
    }
}

pub fn clock() -> SharedClock {
    Arc::new(SystemClock)
}

pub async fn spine() -> Spine {
    let modules = [
        mpanel_pg::FOUNDATION,
        mpanel_events::MIGRATIONS,
        mpanel_jobs::MIGRATIONS,
    ];
    let db = Db::connect(migrated(&modules).await.panel, 8).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (master, _) = MasterKey::load_or_create(&folder.path().join("master.key")).unwrap();
    Spine::new(db, Arc::new(Vault::new(master)))
}

#[async_trait]
impl<F: Default + Debug + Send> OperationWorld for World<F> {
    type Of = ();

    fn spine(&self) -> Spine {
        self.spine.clone()
    }

    fn clock(&self) -> SharedClock {
        clock()
    }

    fn operation(&self) -> Arc<dyn Operation> {
        (self.make)(self.facts.clone())
    }

    fn no_way_back(&self) -> Option<&'static str> {
        self.no_way_back
    }

    async fn start(&self) -> Started<()> {
        *self.facts.lock().unwrap() = F::default();
        let tenant = TenantId::generate();
        let cx = OpCx::system("test", tenant, clock());
        let mut tx = self.spine.db().tenant(tenant).await.unwrap();
        let kind = self.operation().kind();
        let operation = mpanel_jobs::start(&mut tx, &cx, kind, "thing", &json!({}))
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
        match (self.is_right)(&facts, ended.state == OperationState::Succeeded) {
            true => Ok(()),
            false => Err(format!("{facts:?}")),
        }
    }
}

/// What the harness says of something that does not stand it.
pub async fn said(tried: impl Future<Output = ()>) -> String {
    let found = AssertUnwindSafe(tried).catch_unwind().await;
    *found.unwrap_err().downcast::<String>().unwrap()
}
