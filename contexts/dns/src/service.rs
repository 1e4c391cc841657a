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

use crate::domain::{CheckedRecord, Record};
use crate::error::Error;
use crate::{Dns, domain, store};

/// TTL of a zone's own NS records: delegations change rarely.
const NS_TTL: i32 = 86_400;
/// The most bytes of a zone on its way to the name servers. Each change of a zone reads, checks and publishes it as a whole, so
/// this and [`domain::MOST_RECORDS`] bound what one request costs.
const MOST_BYTES: usize = 1024 * 1024;

impl Dns {
    /// Gives the zone a new serial, checks it as a whole and publishes it, in the caller's transaction.
    pub(crate) async fn publish(&self, tx: &mut TenantTx, zone: ZoneId, now: Timestamp) -> Result<(), Error> {
        let (apex, serial) = store::zones::bump(tx, zone, now).await?;
        let mut records = store::records::all(tx, zone).await?;
        if self.delegate(tx, (zone, &apex), &records).await? {
            records = store::records::all(tx, zone).await?;
        }
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

    /// Makes the zone name our servers as they are now; whether that changed it.
    async fn delegate(
        &self,
        tx: &mut TenantTx,
        (zone, apex): (ZoneId, &str),
        records: &[Record],
    ) -> Result<bool, Error> {
        let wanted: Vec<CheckedRecord> = self
            .nameservers
            .iter()
            .map(|server| CheckedRecord {
                name: apex.to_owned(),
                rtype: "NS",
                ttl: NS_TTL,
                data: format!("{server}."),
            })
            .collect();
        let kept: Vec<&Record> = records.iter().filter(|record| record.is_delegation()).collect();
        let stale: Vec<&&Record> = kept
            .iter()
            .filter(|kept| !wanted.iter().any(|wanted| wanted.data == kept.data))
            .collect();
        let missing: Vec<&CheckedRecord> = wanted
            .iter()
            .filter(|wanted| !kept.iter().any(|kept| kept.data == wanted.data))
            .collect();
        for record in &stale {
            store::records::remove(tx, zone, record.id).await?;
        }
        for record in &missing {
            // One that the tenant had named itself is ours from now on.
            let own = records
                .iter()
                .find(|own| own.name == apex && own.rtype == "NS" && own.data == record.data);
            if let Some(own) = own {
                store::records::remove(tx, zone, own.id).await?;
            }
            store::records::insert_managed(tx, zone, record, apex).await?;
        }
        Ok(!stale.is_empty() || !missing.is_empty())
    }

    /// The server that zones name as their first.
    pub(crate) fn primary(&self) -> &str {
        self.nameservers.first().map_or("ns1.localhost", |name| name.as_str())
    }
}
