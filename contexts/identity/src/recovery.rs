//! Accounts after a restore, and after the master key was lost.

use mpanel_events::SealedColumn;
use mpanel_kernel::clock::Clock;
use mpanel_pg::PlatformTx;

use crate::error::Error;
use crate::store::{restored, sealed};

/// What this context seals.
pub const SEALED: &[SealedColumn] = sealed::SEALED;

/// Gives up what may have been ended or used after the backup that is restored: every session, and every link to an account, a
/// new password or another address that was handed out or mailed. API tokens of people and programs go only if that is asked for.
/// Says how many of these went.
///
/// # Errors
/// When the database is away.
pub async fn begin_again(tx: &mut PlatformTx, clock: &dyn Clock, revoke_tokens: bool) -> Result<u64, Error> {
    let now = clock.now();
    sealed::end_sessions(tx, now).await?;
    restored::forget_links(tx, now).await?;
    match revoke_tokens {
        true => Ok(restored::revoke_tokens(tx).await?),
        false => Ok(0),
    }
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
