use jiff::Timestamp;
use mpanel_authz::{Allowed, actions};
use mpanel_kernel::ids::SiteId;
use mpanel_pg::{TenantTx, Ts, Tx};

use crate::authz;
use crate::domain::Delivery;
use crate::error::Error;

/// How a site is delivered, with the version of that; 0 while nobody has said anything.
#[derive(Debug, Clone, Default)]
pub struct Stored {
    pub document: Delivery,
    pub version: i64,
}

pub async fn get(tx: &mut TenantTx, site: SiteId) -> Result<Option<Stored>, Error> {
    let row = sqlx::query!(
        "select document, version from sites.delivery where tenant_id = $1 and site_id = $2",
        tx.tenant().uuid(),
        site.uuid(),
    )
    .fetch_optional(tx.conn())
    .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Stored {
        document: serde_json::from_value(row.document)?,
        version: row.version,
    }))
}

/// Replaces it; the caller has locked the site.
pub async fn set(
    tx: &mut TenantTx,
    allowed: &Allowed<authz::Site, actions::Modify>,
    site: SiteId,
    document: &Delivery,
    now: Timestamp,
) -> Result<(), Error> {
    allowed.holds_in(tx.tenant())?;
    sqlx::query!(
        "insert into sites.delivery (tenant_id, site_id, document, changed_at) values ($1, $2, $3, $4)
         on conflict (tenant_id, site_id)
         do update set document = excluded.document, changed_at = excluded.changed_at, version = sites.delivery.version + 1",
        tx.tenant().uuid(),
        site.uuid(),
        serde_json::to_value(document)?,
        Ts(now) as _,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}
