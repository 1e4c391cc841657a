//! Whose sites are not shown, and why.

use jiff::Timestamp;
use mpanel_kernel::ids::{SiteId, TenantId};
use mpanel_pg::{PlatformTx, TenantTx, Ts, Tx};
use mpanel_tenancy_contract::{ProviderPage, Suspended};
use serde_json::Value;

use crate::domain::{Pause, Paused};
use crate::error::Error;

/// Why the tenant's sites are not shown, if they are not, and what a seller has written for that.
pub async fn paused(tx: &mut TenantTx) -> Result<Option<(Paused, Option<ProviderPage>)>, Error> {
    let said = get(tx).await?;
    Ok(said.pause.shown().map(|paused| (paused, said.page)))
}

/// What is said of a tenant's sites.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Said {
    pub pause: Pause,
    /// What visitors read while the tenant is suspended, where a seller has written something.
    pub page: Option<ProviderPage>,
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
        r#"select suspended, used_up_until as "used_up_until: Ts", page, through
           from sites.paused where tenant_id = $1"#,
        tx.tenant().uuid(),
    )
    .fetch_optional(tx.conn())
    .await?;
    let said = row.map(|row| Said {
        pause: Pause {
            suspended: row.suspended,
            used_up_until: row.used_up_until.map(Timestamp::from),
        },
        page: row.page.and_then(written),
        through: row.through.map(SiteId::from_uuid),
    });
    Ok(said.unwrap_or_default())
}

/// What cannot be read is as good as none.
fn written(page: Value) -> Option<ProviderPage> {
    serde_json::from_value(page).ok()
}

/// Says what is to become of the tenant's sites, and up to which one it has.
pub async fn set(tx: &mut TenantTx, said: &Said) -> Result<(), Error> {
    let tenant = tx.tenant().uuid();
    if *said == Said::default() {
        sqlx::query!("delete from sites.paused where tenant_id = $1", tenant)
            .execute(tx.conn())
            .await?;
        return Ok(());
    }
    let page = said.page.as_ref().map(serde_json::to_value).transpose()?;
    sqlx::query!(
        "insert into sites.paused (tenant_id, suspended, used_up_until, through, page) values ($1, $2, $3, $4, $5)
         on conflict (tenant_id) do update
         set suspended = excluded.suspended, used_up_until = excluded.used_up_until, through = excluded.through,
             page = excluded.page",
        tenant,
        said.pause.suspended,
        said.pause.used_up_until.map(Ts) as _,
        said.through.map(SiteId::uuid) as _,
        page as _,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Tenants that are not paused as they are to be, or not with all of their sites yet, of those with sites or a pause; and
/// how they are to be.
pub async fn differing(
    tx: &mut PlatformTx,
    suspended: &[Suspended],
    (used_up, until): (&[TenantId], Timestamp),
) -> Result<Vec<(TenantId, Pause, Option<ProviderPage>)>, Error> {
    let used_up: Vec<_> = used_up.iter().map(|tenant| tenant.uuid()).collect();
    let ids: Vec<_> = suspended.iter().map(|one| one.tenant.uuid()).collect();
    let pages = suspended
        .iter()
        .map(|one| one.page.as_ref().map(serde_json::to_string).transpose());
    let pages = pages.collect::<Result<Vec<Option<String>>, _>>()?;
    let rows = sqlx::query!(
        r#"with wanted as (
               select tenant_id, bool_or(suspended) as suspended, max(until) as used_up_until, max(page)::jsonb as page
               from (select tenant_id, true as suspended, null::timestamptz as until, page
                     from unnest($1::uuid[], $4::text[]) as s (tenant_id, page)
                     union all
                     select unnest($2::uuid[]), false, $3, null) as all_of_them
               group by tenant_id
           )
           select tenant_id as "tenant_id!", coalesce(w.suspended, false) as "suspended!",
                  w.used_up_until as "used_up_until: Ts", w.page as "page?"
           from wanted w full join sites.paused p using (tenant_id)
           where (p.tenant_id is not null or exists (select from sites.sites s where s.tenant_id = w.tenant_id))
             and ((coalesce(w.suspended, false), w.used_up_until, w.page)
                     is distinct from (coalesce(p.suspended, false), p.used_up_until, p.page)
                  or p.through is not null)"#,
        &ids,
        &used_up,
        Ts(until) as _,
        &pages as _,
    )
    .fetch_all(tx.conn())
    .await?;
    let rows = rows.into_iter().map(|row| {
        let pause = Pause {
            suspended: row.suspended,
            used_up_until: row.used_up_until.map(Timestamp::from),
        };
        (TenantId::from_uuid(row.tenant_id), pause, row.page.and_then(written))
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
