//! Everything that can go wrong with removing old lines of the audit log, and with what a legal hold kept from being erased.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use mpanel_authz::OpCx;
use mpanel_events::{
    AuditEntry, AuditFilter, AuditRetention as Terms, Extent, Record, Spine, erase_person, list_audit,
    set_audit_retention,
};
use mpanel_faultkit::{ReconcilerWorld, try_reconciler};
use mpanel_http::testing;
use mpanel_jobs::Reconciler;
use mpanel_kernel::clock::ManualClock;
use mpanel_kernel::ids::{TenantId, UserId};
use mpanel_kernel::paging::PageRequest;
use serde_json::json;

use crate::audit_retention::AuditRetention;

const OLD: &str = "test.thing.aged.v1";
const YOUNG: &str = "test.thing.created.v1";

/// `spine.audit_retention`: logs of two tenants with lines that are too old and one of today, and with somebody whom they know
/// and who was to be erased under a hold that is over.
struct Aging {
    spine: Spine,
    clock: Arc<ManualClock>,
    platform: TenantId,
    tenants: [TenantId; 2],
    /// Who was to be erased last.
    person: Mutex<Option<UserId>>,
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

    async fn hold(&self, held_for: Option<&str>) {
        for tenant in self.tenants {
            let terms = Terms {
                held_for: held_for.map(str::to_owned),
                ..Terms::default()
            };
            let mut tx = self.spine.db().tenant(tenant).await.unwrap();
            set_audit_retention(&mut tx, &terms).await.unwrap();
            tx.commit().await.unwrap();
        }
    }

    /// The platform erases somebody whom the tenants know, while they have a hold.
    async fn erase_under_a_hold(&self) {
        let person = UserId::generate();
        for tenant in self.tenants {
            let mut tx = self.spine.db().tenant(tenant).await.unwrap();
            self.spine.vault().person(&mut tx, person).await.unwrap();
            tx.commit().await.unwrap();
        }
        self.hold(Some("case 12")).await;
        let cx = OpCx::system("test", self.platform, self.clock.clone());
        let mut change = self.spine.begin(&cx).await.unwrap();
        let extent = Extent::Everywhere(&self.tenants);
        let done = erase_person(&mut change, person, extent).await.unwrap();
        assert_eq!((done.keys, done.held), (0, 2));
        change.commit().await.unwrap();
        self.hold(None).await;
        *self.person.lock().unwrap() = Some(person);
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
        self.erase_under_a_hold().await;
    }

    /// Old lines are gone and the log says how many, once more rather than never when the server died over it; and the person is
    /// erased, which the log says once.
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
            let Some(person) = *self.person.lock().unwrap() else {
                continue;
            };
            let erased = log.iter().filter(|entry| entry.subject == person.to_string());
            let erased = erased.filter(|entry| entry.action == "spine.person.erased").count();
            let mut tx = self.spine.db().tenant(tenant).await.unwrap();
            let known = self
                .spine
                .vault()
                .known_person(&mut tx, person)
                .await
                .unwrap()
                .is_some();
            tx.end_read();
            if known || erased != 1 {
                return Err(format!(
                    "the person is known: {known}; the log says {erased} times that they were erased"
                ));
            }
        }
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn removing_old_lines_stands_being_broken_off_anywhere() {
    let modules = [mpanel_pg::FOUNDATION, mpanel_events::MIGRATIONS];
    let aging = Aging {
        spine: testing::spine(&modules).await,
        clock: Arc::new(ManualClock::new(Timestamp::from_second(1_800_000_000).unwrap())),
        platform: TenantId::generate(),
        tenants: [TenantId::generate(), TenantId::generate()],
        person: Mutex::default(),
    };
    try_reconciler("spine.audit_retention", &aging).await;
}
