//! Counting is kept by tenancy's own functions: it must join and leave with the transaction like the real port.

use async_trait::async_trait;
use mpanel_kernel::ids::TenantId;
use mpanel_pg::{Db, Migrations, Reason, TenantTx, Tx as _};
use mpanel_tenancy_contract::{EntitlementError, EntitlementKey, Entitlements};
use mpanel_testkit::tenants::Tenants;

use crate::tests::support::World;

/// A context must not depend on another; its tables it needs all the same.
pub(crate) const MIGRATIONS: Migrations = Migrations {
    schema: "tenancy",
    files: &[
        (
            "0001_tenancy",
            include_str!("../../../tenancy/migrations/0001_tenancy.sql"),
        ),
        (
            "0002_functions",
            include_str!("../../../tenancy/migrations/0002_functions.sql"),
        ),
    ],
};

pub(crate) struct TestEntitlements;

#[async_trait]
impl Entitlements for TestEntitlements {
    async fn reserve(&self, tx: &mut TenantTx, key: EntitlementKey, delta: i64) -> Result<(), EntitlementError> {
        let (outcome, used, limit): (String, Option<i64>, Option<i64>) =
            sqlx::query_as("select outcome, own_used, own_limit from tenancy.reserve($1, $2)")
                .bind(key.as_str())
                .bind(delta)
                .fetch_one(tx.conn())
                .await
                .map_err(mpanel_pg::Error::from)?;
        match outcome.as_str() {
            "ok" => Ok(()),
            "suspended" => Err(EntitlementError::Suspended),
            "self" => Err(EntitlementError::Exceeded {
                key,
                used: used.unwrap(),
                limit: limit.unwrap(),
            }),
            _ => Err(EntitlementError::ExceededAbove { key }),
        }
    }

    async fn headroom(&self, _tx: &mut TenantTx, _key: EntitlementKey) -> Result<Option<i64>, EntitlementError> {
        unreachable!("zones are counted one by one")
    }
}

/// Hangs the tenants into their tree, and sets no limit for the customer.
pub(crate) async fn plant_tree(db: &Db, planted: &Tenants) {
    let mut tx = db.platform(Reason::Administer("test")).await.unwrap();
    let (platform, customer) = (planted.platform, planted.customer);
    for (above, below, depth) in [
        (platform, platform, 0),
        (platform, customer, 1),
        (customer, customer, 0),
    ] {
        sqlx::query("insert into tenancy.subtree (tenant_id, descendant, depth) values ($1, $2, $3)")
            .bind(above.uuid())
            .bind(below.uuid())
            .bind(depth)
            .execute(tx.conn())
            .await
            .unwrap();
    }
    tx.commit().await.unwrap();
    limit(db, customer, None).await;
}

async fn limit(db: &Db, tenant: TenantId, most: Option<i64>) {
    let mut tx = db.platform(Reason::Administer("test")).await.unwrap();
    sqlx::query(
        "insert into tenancy.counters (tenant_id, key, max_allowed) values ($1, 'domains', $2)
         on conflict (tenant_id, key) do update set max_allowed = excluded.max_allowed",
    )
    .bind(tenant.uuid())
    .bind(most)
    .execute(tx.conn())
    .await
    .unwrap();
    tx.commit().await.unwrap();
}

impl World {
    /// Sets how many domains the tenant's plan allows.
    pub(crate) async fn limit(&self, domains: i64) {
        limit(self.db(), self.tenant, Some(domains)).await;
    }

    pub(crate) async fn suspend(&self) {
        let mut tx = self.db().platform(Reason::Administer("test")).await.unwrap();
        sqlx::query("update tenancy.tenants set state = 'suspended' where tenant_id = $1")
            .bind(self.tenant.uuid())
            .execute(tx.conn())
            .await
            .unwrap();
        tx.commit().await.unwrap();
    }

    /// How many domains are counted for the tenant.
    pub(crate) async fn used(&self) -> i64 {
        let mut tx = self.db().platform(Reason::Administer("test")).await.unwrap();
        sqlx::query_scalar("select used from tenancy.counters where tenant_id = $1 and key = 'domains'")
            .bind(self.tenant.uuid())
            .fetch_one(tx.conn())
            .await
            .unwrap()
    }
}
