//! One use case a function: authorise, load, decide, save, record, publish, commit.

mod records;
mod zones;

pub use records::RecordPatch;

use jiff::Timestamp;
use mpanel_events::State;
use mpanel_feed::topics::DNS_ZONE;
use mpanel_kernel::error::FieldError;
use mpanel_kernel::ids::ZoneId;
use mpanel_pg::TenantTx;

use crate::error::Error;
use crate::{Dns, domain, store};

/// The most bytes of a zone on its way to the name servers; well below what one frame of the feed carries.
const MOST_BYTES: usize = 4 * 1024 * 1024;

impl Dns {
    /// Gives the zone a new serial, checks it as a whole and publishes it, in the caller's transaction.
    pub(crate) async fn publish(&self, tx: &mut TenantTx, zone: ZoneId, now: Timestamp) -> Result<(), Error> {
        let (apex, serial) = store::zones::bump(tx, zone, now).await?;
        let records = store::records::all(tx, zone).await?;
        let data = domain::assemble(&apex, serial, self.primary(), &records);
        domain::check(&data).map_err(Error::Invalid)?;
        let state = State::upsert(DNS_ZONE, apex, serial, &domain::publishable(data))?;
        if state.size() > MOST_BYTES {
            let text = "the zone is too large to be handed to the name servers; shorten or remove records";
            return Err(Error::Invalid(vec![FieldError::new(
                "/data",
                "dns.zone_too_large",
                text,
            )]));
        }
        let tenant = tx.tenant();
        Ok(mpanel_events::publish(tx, Some(tenant), &state, now).await?)
    }

    /// The server that zones name as their first.
    pub(crate) fn primary(&self) -> &str {
        self.nameservers.first().map_or("ns1.localhost", |name| name.as_str())
    }
}
