//! Whose sites are not shown, and why.

use jiff::Timestamp;
use mpanel_kernel::ids::{SiteId, TenantId};
use mpanel_pg::{PlatformTx, TenantTx, Ts, Tx};

use crate::domain::{Pause, Paused};
use crate::error::Error;

/// Why the tenant's sites are not shown, if they are not.
pub async fn paused(tx: &mut TenantTx) -> Result<Option<Paused>, Error> {
    let row = sqlx::query!(
        r#"select suspended, used_up_until as "used_up_until: Ts" from sites.paused where tenant_id = $1"#,
        tx.tenant().uuid(),
    )
    .fetch_optional(tx.conn())
    .await?;
    let pause = row.map(|row| Pause {
        suspended: row.suspended,
        used_up_until: row.used_up_until.map(Timestamp::from),
    });
    Ok(pause.and_then(Pause::shown))
}

/// Pauses the tenant's sites, or no longer.
pub async fn set(tx: &mut TenantTx, pause: Pause) -> Result<(), Error> {
    let tenant = tx.tenant().uuid();
    if pause.shown().is_none() {
        sqlx::query!("delete from sites.paused where tenant_id = $1", tenant)
            .execute(tx.conn())
            .await?;
        return Ok(());
    }
    sqlx::query!(
        "insert into sites.paused (tenant_id, suspended, used_up_until) values ($1, $2, $3)
         on conflict (tenant_id) do update
         set suspended = excluded.suspended, used_up_until = excluded.used_up_until",
        tenant,
        pause.suspended,
        pause.used_up_until.map(Ts) as _,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Tenants that are not paused as they are to be, of those with sites or a pause; and how they are to be.
pub async fn differing(
    tx: &mut PlatformTx,
    suspended: &[TenantId],
    (used_up, until): (&[TenantId], Timestamp),
) -> Result<Vec<(TenantId, Pause)>, Error> {
    let ids = |tenants: &[TenantId]| -> Vec<_> { tenants.iter().map(|tenant| tenant.uuid()).collect() };
    let rows = sqlx::query!(
        r#"with wanted as (
               select tenant_id, bool_or(suspended) as suspended, max(until) as used_up_until
               from (select unnest($1::uuid[]) as tenant_id, true as suspended, null::timestamptz as until
                     union all
                     select unnest($2::uuid[]), false, $3) as all_of_them
               group by tenant_id
           )
           select tenant_id as "tenant_id!", coalesce(w.suspended, false) as "suspended!",
                  w.used_up_until as "used_up_until: Ts"
           from wanted w full join sites.paused p using (tenant_id)
           where (p.tenant_id is not null or exists (select from sites.sites s where s.tenant_id = w.tenant_id))
             and (coalesce(w.suspended, false), w.used_up_until)
                 is distinct from (coalesce(p.suspended, false), p.used_up_until)"#,
        &ids(suspended),
        &ids(used_up),
        Ts(until) as _,
    )
    .fetch_all(tx.conn())
    .await?;
    let rows = rows.into_iter().map(|row| {
        let pause = Pause {
            suspended: row.suspended,
            used_up_until: row.used_up_until.map(Timestamp::from),
        };
        (TenantId::from_uuid(row.tenant_id), pause)
    });
    Ok(rows.collect())
}

/// The tenant's sites, in one order for all who lock them.
pub async fn sites(tx: &mut TenantTx) -> Result<Vec<SiteId>, Error> {
    let rows = sqlx::query_scalar!(
        "select id from sites.sites where tenant_id = $1 and state = 'active' order by id for update",
        tx.tenant().uuid(),
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(SiteId::from_uuid).collect())
}
