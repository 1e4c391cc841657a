//! What tests say to the database directly, and the ports that belong to tenancy, kept by tenancy's
//! own functions: they must join and leave with the transaction like the real ones.

use async_trait::async_trait;
use jiff::Timestamp;
use mpanel_kernel::ids::{SiteId, TenantId, UploadId};
use mpanel_kernel::names::DomainName;
use mpanel_pg::{Db, Reason, TenantTx, Ts, Tx};
use mpanel_tenancy_contract::{ClaimKind, EntitlementError, EntitlementKey, Entitlements, NameClaims, NameError};
use serde_json::Value;

pub struct TestTenancy;

#[async_trait]
impl Entitlements for TestTenancy {
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
            "self" => Err(EntitlementError::Exceeded {
                key,
                used: used.unwrap(),
                limit: limit.unwrap(),
            }),
            _ => Err(EntitlementError::ExceededAbove { key }),
        }
    }

    async fn headroom(&self, tx: &mut TenantTx, key: EntitlementKey) -> Result<Option<i64>, EntitlementError> {
        let left = sqlx::query_scalar("select tenancy.headroom($1)")
            .bind(key.as_str())
            .fetch_one(tx.conn());
        Ok(left.await.map_err(mpanel_pg::Error::from)?)
    }
}

#[async_trait]
impl NameClaims for TestTenancy {
    async fn claim(&self, tx: &mut TenantTx, name: &DomainName, kind: ClaimKind) -> Result<(), NameError> {
        let above: Vec<String> = name.ancestors().map(str::to_owned).collect();
        let outcome: String = sqlx::query_scalar("select tenancy.claim($1, $2, $3)")
            .bind(name.as_str())
            .bind(kind.as_str())
            .bind(above)
            .fetch_one(tx.conn())
            .await
            .map_err(mpanel_pg::Error::from)?;
        match outcome.as_str() {
            "ok" => Ok(()),
            _ => Err(NameError::Taken(name.clone())),
        }
    }

    async fn release(&self, tx: &mut TenantTx, name: &DomainName, kind: ClaimKind) -> Result<(), NameError> {
        sqlx::query("select tenancy.release($1, $2)")
            .bind(name.as_str())
            .bind(kind.as_str())
            .execute(tx.conn())
            .await
            .map_err(mpanel_pg::Error::from)?;
        Ok(())
    }
}

/// A tenant of its own, root of its own tree, with limits of sites, domains and disk space.
pub async fn plant(db: &Db, kind: &str, limits: [Option<i64>; 3]) -> TenantId {
    let id = TenantId::generate();
    let mut tx = db.platform(Reason::Lifecycle("test")).await.unwrap();
    // Only the first may be the platform; the others hang nowhere, which is all that sites ask.
    sqlx::query(
        "insert into tenancy.tenants (tenant_id, parent_id, kind, name, slug, created_at)
         values ($1, case when $2 = 'platform' then null else $1 end, $2, 'Test', 'test', now())",
    )
    .bind(id.uuid())
    .bind(kind)
    .execute(tx.conn())
    .await
    .unwrap();
    sqlx::query("insert into tenancy.subtree (tenant_id, descendant, depth) values ($1, $1, 0)")
        .bind(id.uuid())
        .execute(tx.conn())
        .await
        .unwrap();
    for (key, limit) in ["sites", "domains", "disk_bytes"].into_iter().zip(limits) {
        sqlx::query("insert into tenancy.counters (tenant_id, key, max_allowed) values ($1, $2, $3)")
            .bind(id.uuid())
            .bind(key)
            .bind(limit)
            .execute(tx.conn())
            .await
            .unwrap();
    }
    tx.commit().await.unwrap();
    id
}

/// Sites, domains and bytes that are counted.
pub async fn used(db: &Db, tenant: TenantId) -> [i64; 3] {
    let mut tx = db.platform(Reason::Lifecycle("test")).await.unwrap();
    let mut used = [0; 3];
    for (key, used) in ["sites", "domains", "disk_bytes"].into_iter().zip(&mut used) {
        *used = sqlx::query_scalar("select used from tenancy.counters where tenant_id = $1 and key = $2")
            .bind(tenant.uuid())
            .bind(key)
            .fetch_one(tx.conn())
            .await
            .unwrap();
    }
    used
}

/// Names that are claimed, in order.
pub async fn claims(db: &Db, tenant: TenantId) -> Vec<String> {
    let mut tx = db.platform(Reason::Lifecycle("test")).await.unwrap();
    sqlx::query_scalar("select name from tenancy.claims where tenant_id = $1 order by name")
        .bind(tenant.uuid())
        .fetch_all(tx.conn())
        .await
        .unwrap()
}

/// Generation and value of what the edges are told about a host.
pub async fn published(db: &Db, host: &str) -> Option<(i64, Option<Value>)> {
    while mpanel_events::move_committed(db).await.unwrap() > 0 {}
    let mut tx = db.spine().await.unwrap();
    sqlx::query_as("select generation, value -> 'target' from spine.feed_state where topic = 'edge.host' and key = $1")
        .bind(host)
        .fetch_optional(tx.conn())
        .await
        .unwrap()
}

/// Actions in a tenant's audit log, oldest first.
pub async fn audited(db: &Db, tenant: TenantId) -> Vec<String> {
    let mut tx = db.platform(Reason::Lifecycle("test")).await.unwrap();
    sqlx::query_scalar("select action from spine.audit where tenant_id = $1 order by id")
        .bind(tenant.uuid())
        .fetch_all(tx.conn())
        .await
        .unwrap()
}

/// Rows of a tenant in all tables of sites.
pub async fn rows(db: &Db, tenant: TenantId) -> i64 {
    let mut tx = db.tenant(tenant).await.unwrap();
    sqlx::query_scalar(
        "select (select count(*) from sites.sites) + (select count(*) from sites.domains)
              + (select count(*) from sites.releases) + (select count(*) from sites.uploads)
              + (select count(*) from sites.delivery)",
    )
    .fetch_one(tx.conn())
    .await
    .unwrap()
}

/// Writes nonsense into a site's row, so that nothing can be done with it.
pub async fn break_site(db: &Db, site: SiteId) {
    let mut tx = db.platform(Reason::Lifecycle("test")).await.unwrap();
    sqlx::query("update sites.sites set domain_list = '[1]' where id = $1")
        .bind(site.uuid())
        .execute(tx.conn())
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

/// Makes a site that was broken one without domains.
pub async fn mend_site(db: &Db, site: SiteId) {
    let mut tx = db.platform(Reason::Lifecycle("test")).await.unwrap();
    sqlx::query("update sites.sites set domain_list = '[]' where id = $1")
        .bind(site.uuid())
        .execute(tx.conn())
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

/// How often in a row a site could not be seen to, and when it is due.
pub async fn due(db: &Db, site: SiteId) -> (i32, Timestamp) {
    let mut tx = db.platform(Reason::Lifecycle("test")).await.unwrap();
    let (failures, due): (i32, Ts) = sqlx::query_as("select failures, due_at from sites.sites where id = $1")
        .bind(site.uuid())
        .fetch_one(tx.conn())
        .await
        .unwrap();
    (failures, due.0)
}

/// Sets an upload's state, as a process that died has left it.
pub async fn set_upload(db: &Db, upload: UploadId, state: &str) {
    let mut tx = db.platform(Reason::Lifecycle("test")).await.unwrap();
    sqlx::query("update sites.uploads set state = $2 where id = $1")
        .bind(upload.uuid())
        .bind(state)
        .execute(tx.conn())
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

/// Rows of traffic, of all tenants.
pub async fn traffic_rows(db: &Db) -> i64 {
    let mut tx = db.platform(Reason::Administer("test")).await.unwrap();
    sqlx::query_scalar("select count(*) from sites.traffic")
        .fetch_one(tx.conn())
        .await
        .unwrap()
}
