//! Accounts after a restore, and after the master key was lost.

use mpanel_events::SealedColumn;
use mpanel_kernel::clock::Clock;
use mpanel_pg::PlatformTx;

use crate::error::Error;
use crate::store::sealed;

/// What this context seals.
pub const SEALED: &[SealedColumn] = sealed::SEALED;

/// Ends every session: one may have been ended after the backup that is restored. Says how many there were.
///
/// # Errors
/// When the database is away.
pub async fn end_all_sessions(tx: &mut PlatformTx, clock: &dyn Clock) -> Result<u64, Error> {
    Ok(sealed::end_sessions(tx, clock.now()).await?)
}

/// Gives up every second factor, and ends every session. Whoever had one is told once the server runs, and sets up another before
/// anything else.
///
/// # Errors
/// When the database is away.
pub async fn give_up_sealed(tx: &mut PlatformTx, clock: &dyn Clock) -> Result<(), Error> {
    let now = clock.now();
    sealed::forget(tx, now).await?;
    sealed::end_sessions(tx, now).await?;
    Ok(())
}
