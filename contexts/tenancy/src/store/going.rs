//! Tenants that are being removed: whose turn it is.

use jiff::Timestamp;
use mpanel_jobs::Stuck;
use mpanel_kernel::ids::TenantId;
use mpanel_pg::{PlatformTx, TenantTx, Ts, Tx};

use crate::error::Error;

/// A tenant that is going and below whom nobody is left.
pub struct Going {
    pub tenant: TenantId,
    /// The seller above.
    pub parent: Option<TenantId>,
    /// How often in a row it could not go.
    pub failures: i32,
}

/// Those whose turn it is, the ones that were not looked at for longest first.
pub async fn due(tx: &mut PlatformTx, now: Timestamp, most: i64) -> Result<Vec<Going>, Error> {
    let rows = sqlx::query!(
        "select t.tenant_id, t.parent_id, t.erase_failures from tenancy.tenants t
         where t.erasing and t.state = 'terminating' and (t.erase_at is null or t.erase_at <= $1)
           and not exists (select from tenancy.tenants c where c.parent_id = t.tenant_id and c.state <> 'terminated')
         order by t.erase_at nulls first, t.tenant_id limit $2",
        Ts(now) as _,
        most,
    )
    .fetch_all(tx.conn())
    .await?;
    let rows = rows.into_iter().map(|row| Going {
        tenant: TenantId::from_uuid(row.tenant_id),
        parent: row.parent_id.map(TenantId::from_uuid),
        failures: row.erase_failures,
    });
    Ok(rows.collect())
}

/// When the turn comes of the next one that could not go.
pub async fn next(tx: &mut PlatformTx, now: Timestamp) -> Result<Option<Timestamp>, Error> {
    let next = sqlx::query_scalar!(
        r#"select min(erase_at) as "next: Ts" from tenancy.tenants
           where erasing and state = 'terminating' and erase_at > $1"#,
        Ts(now) as _,
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(next.map(Timestamp::from))
}

/// It was looked at, and contexts are still removing what it has: the others have their turn first.
pub async fn looked_at(tx: &mut PlatformTx, tenant: TenantId, now: Timestamp) -> Result<(), Error> {
    sqlx::query!(
        "update tenancy.tenants
         set erase_at = $2, erase_failures = 0, erase_failing_since = null, erase_problem = '' where tenant_id = $1",
        tenant.uuid(),
        Ts(now) as _,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// It cannot go, so often in a row and for this reason, and is tried again no sooner than `at`.
pub async fn failed(
    tx: &mut PlatformTx,
    tenant: TenantId,
    (failures, problem): (i32, &str),
    now: Timestamp,
    at: Timestamp,
) -> Result<(), Error> {
    sqlx::query!(
        "update tenancy.tenants
         set erase_at = $5, erase_failures = $2, erase_problem = $3, erase_failing_since = coalesce(erase_failing_since, $4)
         where tenant_id = $1",
        tenant.uuid(),
        failures,
        problem,
        Ts(now) as _,
        Ts(at) as _,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Tenants that could not go several times in a row, the longest first.
pub async fn stuck(tx: &mut PlatformTx, of: Option<TenantId>, most: u32) -> Result<Vec<Stuck>, Error> {
    let rows = sqlx::query!(
        r#"select tenant_id, name, erase_problem, erase_failures, erase_failing_since as "since!: Ts",
                  coalesce(erase_at, erase_failing_since) as "at!: Ts"
           from tenancy.tenants
           where erasing and state = 'terminating' and erase_failing_since is not null and erase_failures > 1
             and ($1::uuid is null or tenant_id = $1)
           order by erase_failing_since limit $2"#,
        of.map(TenantId::uuid) as _,
        i64::from(most),
    )
    .fetch_all(tx.conn())
    .await?;
    let rows = rows.into_iter().map(|row| {
        let tenant = TenantId::from_uuid(row.tenant_id);
        Stuck {
            tenant,
            subject: tenant.to_string(),
            name: row.name,
            problem: row.erase_problem,
            failures: row.erase_failures.unsigned_abs(),
            since: row.since.0,
            next_at: row.at.0,
        }
    });
    Ok(rows.collect())
}

/// Has a stuck one its turn now; says whether it is one.
pub async fn try_now(tx: &mut PlatformTx, tenant: TenantId, now: Timestamp) -> Result<bool, Error> {
    let done = sqlx::query!(
        "update tenancy.tenants set erase_at = least(erase_at, $2)
         where tenant_id = $1 and erasing and state = 'terminating' and erase_failing_since is not null",
        tenant.uuid(),
        Ts(now) as _,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Leaves the tombstone of the transaction's tenant; `false` when it is one, or not empty yet.
pub async fn bury(tx: &mut TenantTx, now: Timestamp) -> Result<bool, Error> {
    Ok(
        sqlx::query_scalar!(r#"select tenancy.bury($1) as "buried!""#, Ts(now) as _)
            .fetch_one(tx.conn())
            .await?,
    )
}
