//! Everything that can go wrong with removing old lines of the audit log.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use mpanel_authz::OpCx;
use mpanel_crypto::MasterKey;
use mpanel_events::{AuditEntry, AuditFilter, Record, Spine, Vault, list_audit};
use mpanel_faultkit::{ReconcilerWorld, try_reconciler};
use mpanel_jobs::Reconciler;
use mpanel_kernel::clock::ManualClock;
use mpanel_kernel::ids::TenantId;
use mpanel_kernel::paging::PageRequest;
use mpanel_pg::Db;
use mpanel_testkit::database::migrated;
use serde_json::json;

use crate::audit_retention::AuditRetention;

const OLD: &str = "test.thing.aged.v1";
const YOUNG: &str = "test.thing.created.v1";

/// `spine.audit_retention`: logs of two tenants with lines that are too old and one of today.
struct Aging {
    spine: Spine,
    clock: Arc<ManualClock>,
    platform: TenantId,
    tenants: [TenantId; 2],
    _folder: tempfile::TempDir,
}

impl Aging {
    async fn happens(&self, event: &'static str) {
        for tenant in self.tenants {
            let cx = OpCx::system("test", tenant, self.clock.clone());
            let mut change = self.spine.begin(&cx).await.unwrap();
            change.record(Record::new(event, "thing", json!({}))).await.unwrap();
            change.commit().await.unwrap();
        }
    }

    async fn log(&self, tenant: TenantId) -> Vec<AuditEntry> {
        let mut tx = self.spine.db().tenant(tenant).await.unwrap();
        let page = PageRequest {
            limit: 200,
            after: None,
        };
        let log = list_audit(&mut tx, &AuditFilter::default(), page).await.unwrap();
        tx.end_read();
        log.items
    }
}

#[async_trait]
impl ReconcilerWorld for Aging {
    fn reconciler(&self) -> Arc<dyn Reconciler> {
        Arc::new(AuditRetention {
            spine: self.spine.clone(),
            clock: self.clock.clone(),
            platform: self.platform,
        })
    }

    async fn disturb(&self) {
        self.happens(OLD).await;
        self.happens(OLD).await;
        self.clock.advance(SignedDuration::from_hours(24 * 402));
        self.happens(YOUNG).await;
    }

    /// Old lines are gone and the log says how many, once more rather than never when the server died over it.
    async fn check(&self) -> Result<(), String> {
        for tenant in self.tenants {
            let log = self.log(tenant).await;
            let with = |action: &str| log.iter().filter(|entry| entry.action == action).count();
            let (old, young) = (with("test.thing.aged"), with("test.thing.created"));
            let said = log.iter().filter(|entry| entry.action == "spine.audit.expired");
            let most = said.filter_map(|entry| entry.before.as_ref()?["lines"].as_i64()).max();
            if (old, young) != (0, 1) || most.is_none_or(|lines| lines < 2) {
                return Err(format!("left are {old} old and {young} young lines; {most:?} went"));
            }
        }
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn removing_old_lines_stands_being_broken_off_anywhere() {
    let modules = [mpanel_pg::FOUNDATION, mpanel_events::MIGRATIONS];
    let db = Db::connect(migrated(&modules).await.panel, 6).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (master, _) = MasterKey::load_or_create(&folder.path().join("master.key")).unwrap();
    let aging = Aging {
        spine: Spine::new(db, Arc::new(Vault::new(master))),
        clock: Arc::new(ManualClock::new(Timestamp::from_second(1_800_000_000).unwrap())),
        platform: TenantId::generate(),
        tenants: [TenantId::generate(), TenantId::generate()],
        _folder: folder,
    };
    try_reconciler("spine.audit_retention", &aging).await;
}
