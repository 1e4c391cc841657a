//! Records that a certificate authority looks for, in zones of tenants.

use async_trait::async_trait;
use mpanel_dns_contract::{ChallengeRecord, ChallengeRecords, DnsPortError};
use mpanel_kernel::names::DomainName;
use mpanel_pg::TenantTx;

use crate::domain::{NewRecord, Record};
use crate::error::Error;
use crate::ports::covering;
use crate::{Dns, store};

/// Seconds: resolvers that have seen one ask again for the next.
const TTL: i64 = 60;

fn place(name: &DomainName) -> String {
    format!("_acme-challenge.{name}")
}

impl Dns {
    async fn publish_challenge(
        &self,
        tx: &mut TenantTx,
        name: &DomainName,
        value: &str,
    ) -> Result<Option<ChallengeRecord>, Error> {
        let Some((zone, apex)) = covering(tx, name).await? else {
            return Ok(None);
        };
        store::zones::lock(tx, zone).await?;
        let place = place(name);
        let present = store::records::at(tx, zone, &place).await?;
        let texts: Vec<&Record> = present.iter().filter(|record| record.rtype == "TXT").collect();
        let wanted = NewRecord {
            name: format!("{place}."),
            rtype: "TXT".to_owned(),
            // All records of a set have one, and what the tenant has said there stays.
            ttl: texts.first().map_or(TTL, |record| record.ttl.into()),
            data: format!("\"{value}\""),
        };
        let checked = wanted.check(apex.as_str()).map_err(Error::Invalid)?;
        if !texts.iter().any(|record| record.data == checked.data) {
            store::records::insert_managed(tx, zone, &checked, &place).await?;
            self.publish(tx, zone, self.clock.now()).await?;
        }
        let serial = store::zones::get(tx, zone).await?.ok_or(Error::NotFound)?.serial;
        Ok(Some(ChallengeRecord { apex, serial }))
    }

    async fn remove_challenge(&self, tx: &mut TenantTx, name: &DomainName, value: &str) -> Result<(), Error> {
        // A zone of the name's own may have come between: the record is in whichever zone it was put into.
        for apex in name.ancestors() {
            let Some((zone, _)) = store::zones::covering(tx, &[apex.to_owned()]).await? else {
                continue;
            };
            store::zones::lock(tx, zone).await?;
            let present = store::records::at(tx, zone, &place(name)).await?;
            let data = format!("\"{value}\"");
            let gone: Vec<&Record> = present
                .iter()
                .filter(|record| record.is_challenge() && record.data == data)
                .collect();
            for record in &gone {
                store::records::remove(tx, zone, record.id).await?;
            }
            if !gone.is_empty() {
                self.publish(tx, zone, self.clock.now()).await?;
            }
        }
        Ok(())
    }
}

#[async_trait]
impl ChallengeRecords for Dns {
    async fn show(
        &self,
        tx: &mut TenantTx,
        name: &DomainName,
        value: &str,
    ) -> Result<Option<ChallengeRecord>, DnsPortError> {
        Ok(self.publish_challenge(tx, name, value).await?)
    }

    async fn take_back(&self, tx: &mut TenantTx, name: &DomainName, value: &str) -> Result<(), DnsPortError> {
        Ok(self.remove_challenge(tx, name, value).await?)
    }
}
