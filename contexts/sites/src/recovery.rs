//! What a backup asks about sites, at the one moment that an archive shows, and sites after a restore.

use mpanel_kernel::ids::{ReleaseId, SiteId};
use mpanel_pg::PlatformTx;
use mpanel_pg::dump::Snapshot;

use crate::error::Error;
use crate::store;

/// Every release whose files a site has: those that are ready, and those that are active.
///
/// # Errors
/// When the database is away.
pub async fn finished_releases(snapshot: &mut Snapshot) -> Result<Vec<(SiteId, ReleaseId)>, Error> {
    store::moment::finished_releases(snapshot).await
}

/// The number of each site's user.
///
/// # Errors
/// When the database is away.
pub async fn users(snapshot: &mut Snapshot) -> Result<Vec<(SiteId, u32)>, Error> {
    store::moment::users(snapshot).await
}

/// Has the files of all sites looked at once mPanel runs: what was seen of them was seen on another disk.
///
/// # Errors
/// When the database is away.
pub async fn forget_files_seen(tx: &mut PlatformTx) -> Result<(), Error> {
    store::moment::forget_files_seen(tx).await
}
