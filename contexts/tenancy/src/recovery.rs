//! What a backup asks about the tree, and the tree after a restore.

use mpanel_kernel::clock::Clock;
use mpanel_kernel::ids::TenantId;
use mpanel_pg::PlatformTx;
use mpanel_pg::dump::Snapshot;

use crate::error::Error;
use crate::store;

/// The root of the tree; `None` before the first start was complete.
///
/// # Errors
/// When the database is away.
pub async fn platform_of(snapshot: &mut Snapshot) -> Result<Option<TenantId>, Error> {
    store::tenants::platform(snapshot).await
}

/// Ends every leave to act for a tenant below, asked for or open: it may have been ended after the backup that is restored. Says
/// how many there were.
///
/// # Errors
/// When the database is away.
pub async fn end_all_assumptions(tx: &mut PlatformTx, clock: &dyn Clock) -> Result<u64, Error> {
    store::assumptions::end_all(tx, clock.now()).await
}
