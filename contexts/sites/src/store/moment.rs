//! Sites of all tenants, as backups and restores see them.

use mpanel_kernel::ids::{ReleaseId, SiteId};
use mpanel_pg::dump::Snapshot;
use mpanel_pg::{PlatformTx, Tx};

use crate::error::Error;

pub async fn finished_releases(snapshot: &mut Snapshot) -> Result<Vec<(SiteId, ReleaseId)>, Error> {
    let rows = sqlx::query!("select site_id, id from sites.releases where state in ('ready', 'active')")
        .fetch_all(snapshot.conn())
        .await?;
    let typed = |site, release| (SiteId::from_uuid(site), ReleaseId::from_uuid(release));
    Ok(rows.into_iter().map(|row| typed(row.site_id, row.id)).collect())
}

pub async fn users(snapshot: &mut Snapshot) -> Result<Vec<(SiteId, u32)>, Error> {
    let rows = sqlx::query!("select id, uid from sites.sites")
        .fetch_all(snapshot.conn())
        .await?;
    let users = rows.into_iter().map(|row| {
        let uid = u32::try_from(row.uid).map_err(|_| Error::Stored(row.uid.to_string()))?;
        Ok((SiteId::from_uuid(row.id), uid))
    });
    users.collect()
}

pub async fn forget_files_seen(tx: &mut PlatformTx) -> Result<(), Error> {
    sqlx::query!("update sites.sites set files_seen_at = null")
        .execute(tx.conn())
        .await?;
    Ok(())
}
