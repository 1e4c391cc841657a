use jiff::Timestamp;
use mpanel_authz::{Allowed, actions};
use mpanel_feed::topics::{EdgePurge, EdgePurges};
use mpanel_kernel::ids::SiteId;
use mpanel_pg::{TenantTx, Ts, Tx};
use serde_json::Value;

use crate::authz;
use crate::error::Error;

/// Purges that edges are told of a site. Who has missed more forgets everything of it.
const KEPT: i64 = 32;

/// Adds one to the log and gives its number; the caller has locked the site.
pub async fn add(
    tx: &mut TenantTx,
    allowed: &Allowed<authz::Site, actions::Operate>,
    site: SiteId,
    soft: bool,
    what: &[Value],
    now: Timestamp,
) -> Result<i64, Error> {
    allowed.holds_in(tx.tenant())?;
    let tenant = tx.tenant().uuid();
    let seq = sqlx::query_scalar!(
        r#"insert into sites.purges (tenant_id, site_id, seq, soft, what, made_at)
           select $1, $2, greatest($3, coalesce(max(p.seq), 0) + 1, (select s.purge_floor + 1 from sites.sites s
                                                                     where s.tenant_id = $1 and s.id = $2)), $4, $5, $6
           from sites.purges p where p.tenant_id = $1 and p.site_id = $2
           returning seq"#,
        tenant,
        site.uuid(),
        now.as_millisecond(),
        soft,
        Value::from(what.to_vec()),
        Ts(now) as _,
    )
    .fetch_one(tx.conn())
    .await?;
    sqlx::query!(
        "with old as (
             delete from sites.purges p where p.tenant_id = $1 and p.site_id = $2 and p.seq in (
                 select q.seq from sites.purges q where q.tenant_id = $1 and q.site_id = $2 order by q.seq desc offset $3)
             returning p.seq)
         update sites.sites s set purge_floor = greatest(s.purge_floor, (select coalesce(max(old.seq), 0) from old))
         where s.tenant_id = $1 and s.id = $2",
        tenant,
        site.uuid(),
        KEPT,
    )
    .execute(tx.conn())
    .await?;
    Ok(seq)
}

/// The log as edges are told.
pub async fn log(tx: &mut TenantTx, site: SiteId) -> Result<EdgePurges, Error> {
    let rows = sqlx::query!(
        "select seq, soft, what from sites.purges where tenant_id = $1 and site_id = $2 order by seq",
        tx.tenant().uuid(),
        site.uuid(),
    )
    .fetch_all(tx.conn())
    .await?;
    let floor = sqlx::query_scalar!(
        "select purge_floor from sites.sites where tenant_id = $1 and id = $2",
        tx.tenant().uuid(),
        site.uuid(),
    )
    .fetch_optional(tx.conn())
    .await?;
    let log = rows.into_iter().map(|row| {
        Ok(EdgePurge {
            seq: row.seq,
            soft: row.soft,
            what: serde_json::from_value(row.what)?,
        })
    });
    Ok(EdgePurges {
        tenant: tx.tenant().to_string(),
        floor: floor.unwrap_or_default(),
        log: log.collect::<Result<_, Error>>()?,
    })
}
