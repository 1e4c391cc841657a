use std::collections::HashMap;

use jiff::Timestamp;
use mpanel_authz::{Allowed, actions};
use mpanel_kernel::ids::{PlanId, TenantId};
use mpanel_pg::{TenantTx, Ts, Tx};
use mpanel_tenancy_contract::EntitlementKey;

use crate::authz;
use crate::domain::Limits;
use crate::error::Error;

/// Puts `tenant`, a child of the transaction's tenant, on a plan that this sells. Returns the key that the seller cannot give, if there is one.
pub async fn subscribe(
    tx: &mut TenantTx,
    allowed: &Allowed<authz::Tenant, actions::ManageAccess>,
    tenant: TenantId,
    (plan, version): (PlanId, i32),
    (overrides, limits): (&Limits, &Limits),
    now: Timestamp,
) -> Result<Option<EntitlementKey>, Error> {
    allowed.holds_in(tx.tenant())?;
    let over = sqlx::query_scalar!(
        "select tenancy.subscribe($1, $2, $3, $4, $5, $6)",
        tenant.uuid(),
        plan.uuid(),
        version,
        overrides.to_json(),
        limits.to_json(),
        Ts(now) as _,
    )
    .fetch_one(tx.conn())
    .await
    .map_err(moved_away)?;
    Ok(over.and_then(|key| key.parse().ok()))
}

/// The tenant was a child when it was looked at, and has gone to another seller since.
fn moved_away(error: sqlx::Error) -> Error {
    const INSUFFICIENT_PRIVILEGE: &str = "42501";
    match error.as_database_error().and_then(|error| error.code()) {
        Some(code) if code == INSUFFICIENT_PRIVILEGE => Error::NotTheSeller,
        _ => error.into(),
    }
}

/// What the answer of `tenancy.reserve` says.
pub enum Reserved {
    Done,
    Suspended,
    OwnLimit { used: i64, limit: i64 },
    LimitAbove,
}

pub async fn reserve(tx: &mut TenantTx, key: EntitlementKey, delta: i64) -> Result<Reserved, mpanel_pg::Error> {
    let row = sqlx::query!(
        r#"select outcome as "outcome!", own_used, own_limit from tenancy.reserve($1, $2)"#,
        key.as_str(),
        delta,
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(match row.outcome.as_str() {
        "ok" => Reserved::Done,
        "suspended" => Reserved::Suspended,
        "above" => Reserved::LimitAbove,
        _ => Reserved::OwnLimit {
            used: row.own_used.unwrap_or_default(),
            limit: row.own_limit.unwrap_or_default(),
        },
    })
}

pub async fn headroom(tx: &mut TenantTx, key: EntitlementKey) -> Result<Option<i64>, mpanel_pg::Error> {
    Ok(sqlx::query_scalar!("select tenancy.headroom($1)", key.as_str())
        .fetch_one(tx.conn())
        .await?)
}

/// Use and limit of every key for the transaction's tenant or one below it.
pub async fn usage(tx: &mut TenantTx, tenant: TenantId) -> Result<Vec<(EntitlementKey, i64, Option<i64>)>, Error> {
    let rows = sqlx::query!(
        r#"select key as "key!", used as "used!", max_allowed from tenancy.usage($1)"#,
        tenant.uuid(),
    )
    .fetch_all(tx.conn())
    .await?;
    let by_key: HashMap<_, _> = rows
        .into_iter()
        .map(|row| (row.key, (row.used, row.max_allowed)))
        .collect();
    let entry = |key: EntitlementKey| {
        let (used, limit) = by_key.get(key.as_str()).copied().unwrap_or((0, Some(0)));
        (key, used, limit)
    };
    Ok(EntitlementKey::ALL.into_iter().map(entry).collect())
}
