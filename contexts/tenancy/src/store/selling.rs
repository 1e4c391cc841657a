//! How sellers treat those below them.

use mpanel_authz::{Allowed, actions};
use mpanel_kernel::ids::TenantId;
use mpanel_pg::{TenantTx, Tx};

use crate::authz;
use crate::domain::Selling;
use crate::error::Error;

fn days(stored: Option<i32>) -> Option<u32> {
    stored.and_then(|days| u32::try_from(days).ok())
}

/// What the transaction's tenant has chosen, and the version of that; nothing was chosen at version 0.
pub async fn get(tx: &mut TenantTx) -> Result<(Selling, i64), Error> {
    let row = sqlx::query!(
        "select page, grace_days, version from tenancy.selling where tenant_id = $1",
        tx.tenant().uuid(),
    )
    .fetch_optional(tx.conn())
    .await?;
    let Some(row) = row else {
        return Ok((Selling::default(), 0));
    };
    let selling = Selling {
        page: row
            .page
            .map(serde_json::from_value)
            .transpose()
            .map_err(mpanel_events::Error::from)?,
        grace_days: days(row.grace_days),
    };
    Ok((selling, row.version))
}

/// `None` when the version is no longer the one that was seen.
pub async fn set(
    tx: &mut TenantTx,
    allowed: &Allowed<authz::Tenant, actions::Modify>,
    selling: &Selling,
    seen: Option<i64>,
) -> Result<Option<i64>, Error> {
    allowed.holds_in(tx.tenant())?;
    let page = selling.page.as_ref().map(serde_json::to_value).transpose();
    Ok(sqlx::query_scalar!(
        "insert into tenancy.selling as s (tenant_id, page, grace_days)
         select $1, $2, $3 where coalesce($4, 0) = 0
            or exists (select from tenancy.selling where tenant_id = $1 and version = $4)
         on conflict (tenant_id) do update
         set page = excluded.page, grace_days = excluded.grace_days, version = s.version + 1
         where $4::bigint is null or s.version = $4
         returning version",
        tx.tenant().uuid(),
        page.map_err(mpanel_events::Error::from)? as _,
        selling.grace_days.and_then(|days| i32::try_from(days).ok()) as _,
        seen as _,
    )
    .fetch_optional(tx.conn())
    .await?)
}

/// The days that the platform has set for one at or below the transaction's tenant, and the most that a seller above it has.
pub async fn graces(tx: &mut TenantTx, id: TenantId) -> Result<(Option<u32>, Option<u32>), Error> {
    let row = sqlx::query!(
        r#"select platform as "platform?", most as "most?" from tenancy.graces($1)"#,
        id.uuid()
    )
    .fetch_one(tx.conn())
    .await?;
    Ok((days(row.platform), days(row.most)))
}

/// It goes with the tenant.
pub async fn remove(tx: &mut TenantTx) -> Result<(), Error> {
    sqlx::query!("delete from tenancy.selling where tenant_id = $1", tx.tenant().uuid())
        .execute(tx.conn())
        .await?;
    Ok(())
}
