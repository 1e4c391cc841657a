//! Removing tenants.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use mpanel_authz::{Role, TenantKind};
use mpanel_faultkit::{ReconcilerWorld, try_reconciler};
use mpanel_jobs::Reconciler;
use mpanel_kernel::ids::TenantId;
use mpanel_pg::Tx as _;
use mpanel_tenancy_contract::{EntitlementKey, Entitlements as _, EraseError, Erased, Eraser, Memberships as _};
use serde_json::json;

use super::super::support::{World, unlimited};
use crate::domain::Tenant;
use crate::ending::Ending;
use crate::service::End;

/// Another context, which removes nothing that is not to go, and nothing above what is still there.
struct Strict {
    world: Arc<World>,
    erased: Mutex<BTreeSet<TenantId>>,
}

#[async_trait]
impl Eraser for Strict {
    fn name(&self) -> &'static str {
        "strict"
    }

    async fn erase(&self, tenant: TenantId) -> Result<Erased, EraseError> {
        let mut tx = self.world.tenant_tx(tenant).await;
        let (erasing, left): (bool, i64) = sqlx::query_as(
            "select t.erasing, (select count(*) from tenancy.tenants b where b.parent_id = $1 and b.state <> 'terminated')
             from tenancy.tenants t where t.tenant_id = $1",
        )
        .bind(tenant.uuid())
        .fetch_one(tx.conn())
        .await?;
        tx.end_read();
        if !erasing || left > 0 {
            return Err(format!("{tenant} is to go: {erasing}, and {left} are below it").into());
        }
        self.erased.lock().unwrap().insert(tenant);
        Ok(Erased::All)
    }
}

/// `tenancy.end`: resellers with a customer that has what customers have.
struct Removing {
    world: Arc<World>,
    strict: Arc<Strict>,
    stays: Tenant,
    plan: mpanel_kernel::ids::PlanId,
    gone: Mutex<Vec<TenantId>>,
}

impl Removing {
    async fn moves_in(&self, tenant: &Tenant) {
        let mut tx = self.world.tenant_tx(tenant.id).await;
        let user = self.world.accounts.activate(&format!("{}@example.com", tenant.id));
        let tenancy = &self.world.tenancy;
        tenancy
            .join(&mut tx, user, Role::Owner.into(), self.world.now())
            .await
            .unwrap();
        tenancy.reserve(&mut tx, EntitlementKey::Sites, 2).await.unwrap();
        tx.commit().await.unwrap();
    }
}

#[async_trait]
impl ReconcilerWorld for Removing {
    fn reconciler(&self) -> Arc<dyn Reconciler> {
        let world = &self.world;
        Arc::new(Ending::new(
            world.tenancy.clone(),
            world.clock.clone(),
            vec![self.strict.clone()],
        ))
    }

    async fn disturb(&self) {
        let world = &self.world;
        let root = world.root();
        let reseller = world
            .child(&root, TenantKind::Reseller, "Reseller", Some(self.plan))
            .await;
        let cx = world.owner(&reseller);
        let plan = world.plan(&cx, "Some", json!({"sites": 5, "domains": 5}), true).await;
        let customer = world.child(&cx, TenantKind::Customer, "Customer", Some(plan)).await;
        self.moves_in(&customer).await;
        let how = End {
            name: reseller.name.clone(),
            grace_days: Some(0),
            tenants_below: Some(1),
        };
        world.service.end_tenant(&root, reseller.id, how).await.unwrap();
        self.gone.lock().unwrap().extend([customer.id, reseller.id]);
    }

    async fn check(&self) -> Result<(), String> {
        let world = &self.world;
        let gone = self.gone.lock().unwrap().clone();
        let expected = gone.len() as i64;
        let tombstones = world
            .count("select count(*) from tenancy.tenants where state = 'terminated' and ended_at is not null")
            .await;
        let others = world
            .count("select count(*) from tenancy.tenants where state <> 'terminated'")
            .await;
        if (tombstones, others) != (expected, 2) {
            return Err(format!(
                "tombstones are {tombstones}, not {expected}, and others {others}"
            ));
        }
        let left = world
            .count(
                "select count(*) from tenancy.members m join tenancy.tenants t using (tenant_id) where t.state = 'terminated'",
            )
            .await;
        let used = world
            .count("select sum(used)::bigint from tenancy.counters where key = 'sites'")
            .await;
        if (left, used) != (0, 2) {
            return Err(format!("{left} members are left, and {used} sites are counted"));
        }
        if *self.strict.erased.lock().unwrap() != BTreeSet::from_iter(gone.clone()) {
            return Err("other contexts were not asked about all".to_owned());
        }
        for tenant in gone {
            let log = world.audit(tenant).await;
            let said = log
                .iter()
                .filter(|entry| entry.action == "tenancy.tenant.ended" && entry.subject == tenant.to_string())
                .count();
            if said != 1 {
                return Err(format!("the log of {tenant} says {said} times that it ended"));
            }
        }
        let stays = world.service.get_tenant(&world.root(), self.stays.id).await;
        stays.map(|_| ()).map_err(|error| error.to_string())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn removing_tenants_stands_being_broken_off_anywhere() {
    let world = Arc::new(World::new().await);
    let root = world.root();
    let plan = world.plan(&root, "All", unlimited(), true).await;
    let stays = world.child(&root, TenantKind::Customer, "Stays", Some(plan)).await;
    let strict = Arc::new(Strict {
        world: world.clone(),
        erased: Mutex::default(),
    });
    let removing = Removing {
        world,
        strict,
        stays,
        plan,
        gone: Mutex::default(),
    };
    removing.moves_in(&removing.stays).await;
    try_reconciler("tenancy.end", &removing).await;
}
