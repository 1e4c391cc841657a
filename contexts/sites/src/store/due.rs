//! What the reconciler has to look at, and what it found.

use jiff::Timestamp;
use mpanel_kernel::ids::{SiteId, TenantId, UploadId};
use mpanel_pg::{PlatformTx, TenantTx, Ts, Tx};

use crate::error::Error;

/// Sites that have changed since they were looked at, or are due to be.
pub async fn sites(tx: &mut PlatformTx, now: Timestamp, most: i64) -> Result<Vec<(TenantId, SiteId)>, Error> {
    let rows = sqlx::query!(
        "select tenant_id, id from sites.sites where due_at <= $1 order by due_at limit $2",
        Ts(now) as _,
        most,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| (TenantId::from_uuid(row.tenant_id), SiteId::from_uuid(row.id)))
        .collect())
}

/// When the next site is due.
pub async fn next(tx: &mut PlatformTx) -> Result<Option<Timestamp>, Error> {
    let due = sqlx::query_scalar!(r#"select min(due_at) as "due: Ts" from sites.sites"#)
        .fetch_one(tx.conn())
        .await?;
    Ok(due.map(Timestamp::from))
}

/// Makes all sites due: how this server publishes and what it is set up with may be new.
pub async fn all(tx: &mut PlatformTx, now: Timestamp) -> Result<(), Error> {
    sqlx::query!("update sites.sites set due_at = $1 where due_at > $1", Ts(now) as _)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Has the reconciler look again no sooner than this.
pub async fn postpone(tx: &mut TenantTx, id: SiteId, at: Timestamp) -> Result<(), Error> {
    sqlx::query!(
        "update sites.sites set due_at = $3 where tenant_id = $1 and id = $2",
        tx.tenant().uuid(),
        id.uuid(),
        Ts(at) as _,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// What was found about a site in a generation.
pub struct Found<'a> {
    pub generation: i64,
    pub ready: bool,
    pub summary: &'a str,
    /// JSON.
    pub conditions: &'a str,
    /// When to look again.
    pub due: Timestamp,
    /// Measured; `None` when nobody could.
    pub disk_bytes: Option<i64>,
}

/// Keeps what was found, unless the site has changed meanwhile; says whether that is news.
pub async fn found(tx: &mut TenantTx, id: SiteId, found: &Found<'_>) -> Result<bool, Error> {
    let before = sqlx::query!(
        r#"select ready, summary, conditions::text as "conditions!", disk_bytes
           from sites.sites where tenant_id = $1 and id = $2 and generation = $3 for update"#,
        tx.tenant().uuid(),
        id.uuid(),
        found.generation,
    )
    .fetch_optional(tx.conn())
    .await?;
    let Some(before) = before else { return Ok(false) };
    sqlx::query!(
        "update sites.sites
         set observed_generation = $3, ready = $4, summary = $5, conditions = $6::text::json, due_at = $7,
             disk_bytes = coalesce($8, disk_bytes)
         where tenant_id = $1 and id = $2",
        tx.tenant().uuid(),
        id.uuid(),
        found.generation,
        found.ready,
        found.summary,
        found.conditions,
        Ts(found.due) as _,
        found.disk_bytes,
    )
    .execute(tx.conn())
    .await?;
    Ok(before.ready != found.ready
        || before.summary != found.summary
        || before.conditions != found.conditions
        || found.disk_bytes.is_some_and(|bytes| bytes != before.disk_bytes))
}

/// Uploads that are to go: tombstones, and those whose time is over.
pub async fn uploads(
    tx: &mut PlatformTx,
    now: Timestamp,
    most: i64,
) -> Result<Vec<(TenantId, SiteId, UploadId)>, Error> {
    let rows = sqlx::query!(
        "select tenant_id, site_id, id from sites.uploads
         where state <> 'used' and (state = 'deleting' or expires_at <= $1) order by expires_at limit $2",
        Ts(now) as _,
        most,
    )
    .fetch_all(tx.conn())
    .await?;
    let rows = rows.into_iter().map(|row| {
        (
            TenantId::from_uuid(row.tenant_id),
            SiteId::from_uuid(row.site_id),
            UploadId::from_uuid(row.id),
        )
    });
    Ok(rows.collect())
}
