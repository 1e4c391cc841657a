//! Going on without the master key under which the certificates' keys were sealed.

use mpanel_events::{SealedColumn, State};
use mpanel_feed::topics::EDGE_CERTIFICATE;
use mpanel_kernel::clock::Clock;
use mpanel_pg::PlatformTx;

use crate::error::Error;
use crate::store::sealed;

/// What this context seals.
pub const SEALED: &[SealedColumn] = sealed::SEALED;

/// Gives up the authority and every certificate: at its next start the context makes a new authority, and its reconciler a new
/// certificate for each host. The edges are told to forget the old ones.
///
/// # Errors
/// When the database is away.
pub async fn give_up_sealed(tx: &mut PlatformTx, clock: &dyn Clock) -> Result<(), Error> {
    let now = clock.now();
    for (tenant, id) in sealed::forget(tx).await? {
        let state = State::delete(EDGE_CERTIFICATE, id.to_string(), i64::MAX);
        mpanel_events::publish(tx, Some(tenant), &state, now).await?;
    }
    Ok(())
}
