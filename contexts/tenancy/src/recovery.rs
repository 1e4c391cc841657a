//! The tree after a restore.

use mpanel_kernel::clock::Clock;
use mpanel_pg::PlatformTx;

use crate::error::Error;
use crate::store;

/// Ends every leave to act for a tenant below, asked for or open: it may have been ended after the backup that is restored. Says
/// how many there were.
///
/// # Errors
/// When the database is away.
pub async fn end_all_assumptions(tx: &mut PlatformTx, clock: &dyn Clock) -> Result<u64, Error> {
    store::assumptions::end_all(tx, clock.now()).await
}
