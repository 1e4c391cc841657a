//! Whose sites are not shown, and why.

use jiff::Timestamp;
use mpanel_kernel::ids::{SiteId, TenantId};
use mpanel_pg::{PlatformTx, TenantTx, Ts, Tx};

use crate::domain::{Pause, Paused};
use crate::error::Error;

/// Why the tenant's sites are not shown, if they are not.
pub async fn paused(tx: &mut TenantTx) -> Result<Option<Paused>, Error> {
    Ok(get(tx).await?.pause.shown())
}

/// What is said of a tenant's sites.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Said {
    pub pause: Pause,
    /// Not all of them are published so yet: up to which one they are.
    pub through: Option<SiteId>,
}

/// What is said of the tenant's sites; locked, so that they are gone through once.
pub async fn lock(tx: &mut TenantTx) -> Result<Said, Error> {
    sqlx::query!(
        "select tenant_id from sites.paused where tenant_id = $1 for update",
        tx.tenant().uuid(),
    )
    .fetch_optional(tx.conn())
    .await?;
    get(tx).await
}

async fn get(tx: &mut TenantTx) -> Result<Said, Error> {
    let row = sqlx::query!(
        r#"select suspended, used_up_until as "used_up_until: Ts", through from sites.paused where tenant_id = $1"#,
        tx.tenant().uuid(),
    )
    .fetch_optional(tx.conn())
    .await?;
    let said = row.map(|row| Said {
        pause: Pause {
            suspended: row.suspended,
            used_up_until: row.used_up_until.map(Timestamp::from),
        },
        through: row.through.map(SiteId::from_uuid),
    });
    Ok(said.unwrap_or_default())
}

/// Says what is to become of the tenant's sites, and up to which one it has.
pub async fn set(tx: &mut TenantTx, said: Said) -> Result<(), Error> {
    let tenant = tx.tenant().uuid();
    if said == Said::default() {
        sqlx::query!("delete from sites.paused where tenant_id = $1", tenant)
            .execute(tx.conn())
            .await?;
        return Ok(());
    }
    sqlx::query!(
        "insert into sites.paused (tenant_id, suspended, used_up_until, through) values ($1, $2, $3, $4)
         on conflict (tenant_id) do update
         set suspended = excluded.suspended, used_up_until = excluded.used_up_until, through = excluded.through",
        tenant,
        said.pause.suspended,
        said.pause.used_up_until.map(Ts) as _,
        said.through.map(SiteId::uuid) as _,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Tenants that are not paused as they are to be, or not with all of their sites yet, of those with sites or a pause; and
/// how they are to be.
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
             and ((coalesce(w.suspended, false), w.used_up_until)
                     is distinct from (coalesce(p.suspended, false), p.used_up_until)
                  or p.through is not null)"#,
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

/// Some of the tenant's sites behind one of them, in one order for all who lock them.
pub async fn sites(tx: &mut TenantTx, after: SiteId, most: i64) -> Result<Vec<SiteId>, Error> {
    let rows = sqlx::query_scalar!(
        "select id from sites.sites where tenant_id = $1 and state = 'active' and id > $2
         order by id limit $3 for update",
        tx.tenant().uuid(),
        after.uuid(),
        most,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(SiteId::from_uuid).collect())
}
