//! One tenant that takes over another.

use jiff::Timestamp;
use mpanel_authz::{Allowed, TenantKind, actions};
use mpanel_kernel::ids::{PlanId, TenantId, Uuid};
use mpanel_pg::{TenantTx, Ts, Tx, constraint};

use crate::authz;
use crate::error::Error;

/// Keeps the tree and two tenants at or below the transaction's as they are until it ends; `false` when one of them is not there.
pub async fn hold(
    tx: &mut TenantTx,
    allowed: &Allowed<authz::Tenant, actions::ManageAccess>,
    (from, into): (TenantId, TenantId),
) -> Result<bool, Error> {
    allowed.holds_in(tx.tenant())?;
    let held = sqlx::query_scalar!(
        r#"select tenancy.hold_for_merge($1, $2) as "held!""#,
        from.uuid(),
        into.uuid()
    );
    Ok(held.fetch_one(tx.conn()).await?)
}

/// How two tenants stand to each other.
pub struct Standing {
    /// Whether the first is above the second, or the same.
    pub above: bool,
    /// Whether the second is active with all above it.
    pub active: bool,
    /// How many stand directly below the first.
    pub children: i64,
}

/// Of two tenants at or below the transaction's.
pub async fn standing(tx: &mut TenantTx, (from, into): (TenantId, TenantId)) -> Result<Standing, Error> {
    let row = sqlx::query!(
        r#"select coalesce(above, true) as "above!", coalesce(active, false) as "active!", coalesce(children, 0) as "children!"
           from tenancy.merge_standing($1, $2)"#,
        from.uuid(),
        into.uuid(),
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(Standing {
        above: row.above,
        active: row.active,
        children: row.children,
    })
}

/// Something that does not fit.
pub struct Misfit {
    pub why: Why,
    /// The entitlement's key, also of one that is not known any more.
    pub key: String,
    /// Whose.
    pub name: String,
}

pub enum Why {
    /// The tenant itself uses some of it.
    Own,
    /// Somebody below is promised more than the other tenant has.
    Oversold,
    /// Somebody on the new way up has not enough left.
    NoRoom,
}

/// What does not fit when everybody below the one goes below the other.
pub async fn misfits(tx: &mut TenantTx, (from, into): (TenantId, TenantId)) -> Result<Vec<Misfit>, Error> {
    let rows = sqlx::query!(
        r#"select misfit as "misfit!", key as "key!", name as "name!" from tenancy.merge_misfits($1, $2)"#,
        from.uuid(),
        into.uuid(),
    )
    .fetch_all(tx.conn())
    .await?;
    let rows = rows.into_iter().map(|row| Misfit {
        why: match row.misfit.as_str() {
            "own" => Why::Own,
            "oversold" => Why::Oversold,
            _ => Why::NoRoom,
        },
        key: row.key,
        name: row.name,
    });
    Ok(rows.collect())
}

/// A plan that somebody is on.
pub struct Sold {
    pub id: PlanId,
    pub name: String,
    pub archived: bool,
    /// The newest version.
    pub latest: i32,
    pub subscribers: i64,
}

/// The plans of the transaction's tenant that somebody is on.
pub async fn sold(tx: &mut TenantTx) -> Result<Vec<Sold>, Error> {
    let rows = sqlx::query!(
        r#"select p.id, p.name, p.archived, p.latest, s.number as "subscribers!"
           from tenancy.plans p cross join lateral tenancy.subscribers(p.id) as s (number)
           where p.tenant_id = $1 and s.number > 0 order by p.id"#,
        tx.tenant().uuid(),
    )
    .fetch_all(tx.conn())
    .await?;
    let rows = rows.into_iter().map(|row| Sold {
        id: PlanId::from_uuid(row.id),
        name: row.name,
        archived: row.archived,
        latest: row.latest,
        subscribers: row.subscribers,
    });
    Ok(rows.collect())
}

/// The names of the transaction's tenant's plans that are on sale.
pub async fn plan_names(tx: &mut TenantTx) -> Result<Vec<String>, Error> {
    Ok(sqlx::query_scalar!(
        "select name from tenancy.plans where tenant_id = $1 and not archived",
        tx.tenant().uuid()
    )
    .fetch_all(tx.conn())
    .await?)
}

/// The names of the roles that the transaction's tenant has defined.
pub async fn role_names(tx: &mut TenantTx) -> Result<Vec<String>, Error> {
    Ok(sqlx::query_scalar!(
        "select name from tenancy.roles where tenant_id = $1",
        tx.tenant().uuid()
    )
    .fetch_all(tx.conn())
    .await?)
}

/// A plan and what it becomes.
pub struct Copy<'a> {
    pub plan: PlanId,
    pub copy: PlanId,
    pub name: &'a str,
}

/// Somebody who stands below the other tenant now.
pub struct Moved {
    pub tenant: TenantId,
    pub kind: TenantKind,
    pub plan_before: Option<PlanId>,
    pub plan_after: Option<PlanId>,
}

/// Puts everybody below the one tenant below the other, with the plans that they are on, and lets the first end. All has been
/// looked at since [`hold`].
pub async fn merge(
    tx: &mut TenantTx,
    _allowed: (
        &Allowed<authz::Tenant, actions::ManageAccess>,
        &Allowed<authz::Tenant, actions::Delete>,
    ),
    (from, into): (TenantId, TenantId),
    plans: &[Copy<'_>],
    (now, ends_at): (Timestamp, Timestamp),
) -> Result<Vec<Moved>, Error> {
    let sold: Vec<Uuid> = plans.iter().map(|plan| plan.plan.uuid()).collect();
    let copies: Vec<Uuid> = plans.iter().map(|plan| plan.copy.uuid()).collect();
    let names: Vec<String> = plans.iter().map(|plan| plan.name.to_owned()).collect();
    let rows = sqlx::query!(
        r#"select tenant as "tenant!", kind as "kind!", plan_before, plan_after
           from tenancy.merge_tenants($1, $2, $3, $4, $5, $6, $7)"#,
        from.uuid(),
        into.uuid(),
        &sold,
        &copies,
        &names,
        Ts(now) as _,
        Ts(ends_at) as _,
    )
    .fetch_all(tx.conn())
    .await
    .map_err(|error| match constraint(&error) {
        // Somebody has given a plan this name since it was looked for.
        Some("plans_name") => Error::Stale,
        _ => error.into(),
    })?;
    let rows = rows.into_iter().map(|row| Moved {
        tenant: TenantId::from_uuid(row.tenant),
        kind: row.kind.parse().unwrap_or(TenantKind::Customer),
        plan_before: row.plan_before.map(PlanId::from_uuid),
        plan_after: row.plan_after.map(PlanId::from_uuid),
    });
    Ok(rows.collect())
}
