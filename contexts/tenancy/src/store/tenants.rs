use jiff::Timestamp;
use mpanel_authz::{Allowed, TenantKind, actions};
use mpanel_kernel::ids::{PlanId, TenantId};
use mpanel_kernel::paging::PageRequest;
use mpanel_pg::dump::Snapshot;
use mpanel_pg::{PlatformTx, TenantTx, Ts, Tx};
use mpanel_tenancy_contract::Suspended;

use crate::authz;
use crate::domain::{Tenant, TenantPlan, TenantState};
use crate::error::Error;

/// The root of the tree, if it is planted.
pub async fn platform(snapshot: &mut Snapshot) -> Result<Option<TenantId>, Error> {
    let found = sqlx::query_scalar!("select tenant_id from tenancy.tenants where kind = 'platform'")
        .fetch_optional(snapshot.conn())
        .await?;
    Ok(found.map(TenantId::from_uuid))
}

/// Finds the root of the tree, or plants it.
pub async fn plant_platform(tx: &mut PlatformTx, now: Timestamp) -> Result<TenantId, Error> {
    // Two servers that start at once must not plant two roots.
    sqlx::query!("select pg_advisory_xact_lock(3, 1)")
        .execute(tx.conn())
        .await?;
    let found = sqlx::query_scalar!("select tenant_id from tenancy.tenants where kind = 'platform'")
        .fetch_optional(tx.conn())
        .await?;
    let id = match found {
        Some(id) => TenantId::from_uuid(id),
        None => plant(tx, now).await?,
    };
    // The platform itself has no limits, of keys that came with a newer version neither.
    for key in mpanel_tenancy_contract::EntitlementKey::ALL {
        sqlx::query!(
            "insert into tenancy.counters (tenant_id, key) values ($1, $2) on conflict do nothing",
            id.uuid(),
            key.as_str()
        )
        .execute(tx.conn())
        .await?;
    }
    Ok(id)
}

async fn plant(tx: &mut PlatformTx, now: Timestamp) -> Result<TenantId, Error> {
    let id = TenantId::generate();
    sqlx::query!(
        "insert into tenancy.tenants (tenant_id, kind, name, slug, created_at) values ($1, 'platform', 'Platform', 'platform', $2)",
        id.uuid(),
        Ts(now) as _,
    )
    .execute(tx.conn())
    .await?;
    sqlx::query!(
        "insert into tenancy.subtree (tenant_id, descendant, depth) values ($1, $1, 0)",
        id.uuid()
    )
    .execute(tx.conn())
    .await?;
    Ok(id)
}

/// A new tenant below the transaction's; `false` when that may not grow, because it is suspended.
pub async fn create(
    tx: &mut TenantTx,
    allowed: &Allowed<authz::Tenant, actions::Create>,
    (id, kind, name, slug): (TenantId, TenantKind, &str, &str),
    now: Timestamp,
) -> Result<bool, Error> {
    allowed.holds_in(tx.tenant())?;
    let created = sqlx::query_scalar!(
        r#"select tenancy.create_child($1, $2, $3, $4, $5) as "created!""#,
        id.uuid(),
        kind.as_str(),
        name,
        slug,
        Ts(now) as _,
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(created)
}

/// The name of the transaction's tenant or of one below it.
pub async fn name(tx: &mut TenantTx, id: TenantId) -> Result<Option<String>, mpanel_pg::Error> {
    let name = sqlx::query_scalar!(
        r#"select name as "name!" from tenancy.tree($1, null, null, 1)"#,
        id.uuid()
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(name)
}

/// The transaction's tenant or one below it.
pub async fn get(tx: &mut TenantTx, id: TenantId) -> Result<Option<Tenant>, Error> {
    Ok(tree(tx, Some(id), None, None, 1).await?.pop())
}

/// Tenants below the transaction's; only the children of `below`, if given.
pub async fn list(tx: &mut TenantTx, below: Option<TenantId>, page: PageRequest) -> Result<Vec<Tenant>, Error> {
    tree(tx, None, below, page.after.map(TenantId::from_uuid), page.fetch()).await
}

async fn tree(
    tx: &mut TenantTx,
    only: Option<TenantId>,
    below: Option<TenantId>,
    after: Option<TenantId>,
    most: i64,
) -> Result<Vec<Tenant>, Error> {
    let rows = sqlx::query!(
        r#"select id as "id!", parent_id, kind as "kind!", name as "name!", slug as "slug!", state as "state!",
                  version as "version!", created_at as "created_at!: Ts", ends_at as "ends_at: Ts",
                  plan_id, plan_name, plan_version
           from tenancy.tree($1, $2, $3, $4)"#,
        only.map(TenantId::uuid) as _,
        below.map(TenantId::uuid) as _,
        after.map(TenantId::uuid) as _,
        most,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Tenant {
            id: TenantId::from_uuid(row.id),
            parent_id: row.parent_id.map(TenantId::from_uuid),
            kind: row.kind.parse().unwrap_or(TenantKind::Customer),
            name: row.name,
            slug: row.slug,
            state: row.state.parse().unwrap_or(TenantState::Suspended),
            ends_at: row.ends_at.map(Timestamp::from),
            plan: match (row.plan_id, row.plan_name, row.plan_version) {
                (Some(id), Some(name), Some(version)) => Some(TenantPlan {
                    id: PlanId::from_uuid(id),
                    name,
                    version,
                }),
                _ => None,
            },
            version: row.version,
            created_at: row.created_at.0,
        })
        .collect())
}

/// Tenants that are suspended or ending, and everybody below them; each with what the nearest seller above it has written.
pub async fn suspended(tx: &mut PlatformTx) -> Result<Vec<Suspended>, mpanel_pg::Error> {
    let rows = sqlx::query!(
        r#"select d.descendant, (
               select x.page from tenancy.subtree up join tenancy.selling x on x.tenant_id = up.tenant_id
               where up.descendant = d.descendant and up.depth > 0 and x.page is not null
               order by up.depth limit 1
           ) as page
           from (select distinct s.descendant
                 from tenancy.tenants t join tenancy.subtree s on s.tenant_id = t.tenant_id
                 where t.state in ('suspended', 'terminating')) d"#,
    )
    .fetch_all(tx.conn())
    .await?;
    let rows = rows.into_iter().map(|row| Suspended {
        tenant: TenantId::from_uuid(row.descendant),
        // What cannot be read is as good as none: the tenant is suspended all the same.
        page: row.page.and_then(|page| serde_json::from_value(page).ok()),
    });
    Ok(rows.collect())
}

/// Changes what is given; `false` when the version is no longer the one that was seen.
pub async fn update(
    tx: &mut TenantTx,
    allowed: &Allowed<authz::Tenant, actions::Modify>,
    id: TenantId,
    seen: i64,
    name: Option<&str>,
    state: Option<TenantState>,
) -> Result<bool, Error> {
    allowed.holds_in(tx.tenant())?;
    let version = sqlx::query_scalar!(
        "select tenancy.update_tenant($1, $2, $3, $4)",
        id.uuid(),
        seen,
        name as _,
        state.map(TenantState::as_str) as _,
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(version.is_some())
}
