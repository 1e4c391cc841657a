//! Moves within the tree, and the end of tenants.

use jiff::Timestamp;
use mpanel_authz::{Allowed, actions};
use mpanel_kernel::ids::{PlanId, TenantId};
use mpanel_pg::{PlatformTx, TenantTx, Ts, Tx};
use mpanel_tenancy_contract::EntitlementKey;

use crate::authz;
use crate::domain::Limits;
use crate::error::Error;

/// A plan of the new seller, and what it gives.
pub struct NewPlan<'a> {
    pub id: PlanId,
    pub version: i32,
    pub overrides: &'a Limits,
    pub limits: &'a Limits,
}

/// What the answer of `tenancy.move_tenant` says.
pub enum Moved {
    /// With the seller that it stood below.
    Done(TenantId),
    /// It stands there already.
    There,
    Gone,
    Cycle,
    NotASeller,
    Suspended,
    Ending,
    NeedsPlan,
    Oversold(EntitlementKey),
    /// It uses more than the plan gives.
    OverPlan(EntitlementKey),
    /// It uses more than a seller on the new path has left.
    OverPath(EntitlementKey),
}

/// Moves a tenant below another seller, both below the transaction's tenant or that itself.
pub async fn move_tenant(
    tx: &mut TenantTx,
    allowed: &Allowed<authz::Tenant, actions::ManageAccess>,
    (tenant, seller): (TenantId, TenantId),
    plan: Option<&NewPlan<'_>>,
    now: Timestamp,
) -> Result<Moved, Error> {
    allowed.holds_in(tx.tenant())?;
    let row = sqlx::query!(
        r#"select outcome as "outcome!", over, left_parent from tenancy.move_tenant($1, $2, $3, $4, $5, $6, $7)"#,
        tenant.uuid(),
        seller.uuid(),
        plan.map(|plan| plan.id.uuid()) as _,
        plan.map(|plan| plan.version) as _,
        plan.map(|plan| plan.overrides.to_json()) as _,
        plan.map(|plan| plan.limits.to_json()) as _,
        Ts(now) as _,
    )
    .fetch_one(tx.conn())
    .await?;
    // A key that is counted and no longer known stands for whatever comes first: it is refused all the same.
    let key = || row.over.as_deref().and_then(|key| key.parse().ok());
    let key = || key().unwrap_or(EntitlementKey::Sites);
    Ok(match row.outcome.as_str() {
        "ok" => Moved::Done(TenantId::from_uuid(row.left_parent.unwrap_or_default())),
        "there" => Moved::There,
        "cycle" => Moved::Cycle,
        "not_a_seller" => Moved::NotASeller,
        "suspended" => Moved::Suspended,
        "ending" => Moved::Ending,
        "needs_plan" => Moved::NeedsPlan,
        "oversold" => Moved::Oversold(key()),
        "over_plan" => Moved::OverPlan(key()),
        "over_path" => Moved::OverPath(key()),
        _ => Moved::Gone,
    })
}

/// How many stand below a tenant, itself included.
pub async fn size(tx: &mut TenantTx, tenant: TenantId) -> Result<i64, Error> {
    Ok(
        sqlx::query_scalar!(r#"select tenancy.size($1) as "size!""#, tenant.uuid())
            .fetch_one(tx.conn())
            .await?,
    )
}

/// Lets a tenant below the transaction's end; `false` when it is no longer as it was seen, or going already.
pub async fn end(
    tx: &mut TenantTx,
    allowed: &Allowed<authz::Tenant, actions::Delete>,
    (tenant, seen): (TenantId, i64),
    ends_at: Timestamp,
    agreed: i64,
) -> Result<bool, Error> {
    allowed.holds_in(tx.tenant())?;
    let version = sqlx::query_scalar!(
        "select tenancy.end_tenant($1, $2, $3, $4)",
        tenant.uuid(),
        seen,
        Ts(ends_at) as _,
        agreed,
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(version.is_some())
}

/// Calls off the end of a tenant below the transaction's; `false` when it is too late, or there is none to call off.
pub async fn restore(
    tx: &mut TenantTx,
    allowed: &Allowed<authz::Tenant, actions::Delete>,
    tenant: TenantId,
) -> Result<bool, Error> {
    allowed.holds_in(tx.tenant())?;
    let version = sqlx::query_scalar!("select tenancy.restore_tenant($1)", tenant.uuid())
        .fetch_one(tx.conn())
        .await?;
    Ok(version.is_some())
}

/// A tenant whose time is over.
pub struct Over {
    pub tenant: TenantId,
    /// Who goes along, itself included.
    pub size: i64,
    /// With how many its end was agreed to.
    pub agreed: i64,
}

/// Tenants whose time is over and whose removal has not begun.
pub async fn over(tx: &mut PlatformTx, now: Timestamp) -> Result<Vec<Over>, Error> {
    let rows = sqlx::query!(
        r#"select t.tenant_id, t.agreed,
                  (select count(*) from tenancy.subtree s where s.tenant_id = t.tenant_id) as "size!"
           from tenancy.tenants t
           where t.state = 'terminating' and not t.erasing and t.ends_at <= $1
           order by t.ends_at, t.tenant_id limit 100"#,
        Ts(now) as _,
    )
    .fetch_all(tx.conn())
    .await?;
    let rows = rows.into_iter().map(|row| Over {
        tenant: TenantId::from_uuid(row.tenant_id),
        size: row.size,
        agreed: row.agreed,
    });
    Ok(rows.collect())
}

/// When the next tenant's time is over.
pub async fn next_end(tx: &mut PlatformTx) -> Result<Option<Timestamp>, Error> {
    let next = sqlx::query_scalar!(
        r#"select min(ends_at) as "next: Ts" from tenancy.tenants where state = 'terminating' and not erasing"#
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(next.map(Timestamp::from))
}

/// How many tenants there are.
pub async fn count(tx: &mut PlatformTx) -> Result<i64, Error> {
    Ok(
        sqlx::query_scalar!(r#"select count(*) as "count!" from tenancy.tenants where state <> 'terminated'"#)
            .fetch_one(tx.conn())
            .await?,
    )
}

/// Begins the removal of the transaction's tenant and everybody below it; `false` when its end was called off
/// meanwhile, or more than `most` would go.
pub async fn begin_erasing(tx: &mut TenantTx, most: i64, now: Timestamp) -> Result<bool, Error> {
    Ok(sqlx::query_scalar!(
        r#"select tenancy.begin_erasing($1, $2) as "begun!""#,
        most,
        Ts(now) as _
    )
    .fetch_one(tx.conn())
    .await?)
}
