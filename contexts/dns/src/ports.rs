use std::net::IpAddr;

use async_trait::async_trait;
use mpanel_dns_contract::{DnsPortError, HostDns, HostRecords, Place};
use mpanel_kernel::ids::ZoneId;
use mpanel_kernel::names::DomainName;
use mpanel_pg::TenantTx;
use mpanel_tenancy_contract::{EntitlementError, EntitlementKey};

use crate::domain::{CheckedRecord, MANAGED_TTL, Record, meant};
use crate::error::Error;
use crate::{Dns, store};

impl From<Error> for DnsPortError {
    fn from(error: Error) -> Self {
        match error {
            Error::Spine(mpanel_events::Error::Db(error)) | Error::Entitlement(EntitlementError::Db(error)) => {
                Self::Db(error)
            }
            other => Self::Spine(other.to_string()),
        }
    }
}

/// The tenant's zone that a host falls into.
pub(crate) async fn covering(tx: &mut TenantTx, host: &DomainName) -> Result<Option<(ZoneId, DomainName)>, Error> {
    let names: Vec<String> = host.ancestors().map(str::to_owned).collect();
    let found = store::zones::covering(tx, &names).await?;
    Ok(found.and_then(|(id, apex)| Some((id, DomainName::parse(&apex).ok()?))))
}

/// Whether the tenant has said itself where the host is.
fn is_own(record: &Record, host: &DomainName) -> bool {
    record.managed_for.as_deref() != Some(host.as_str()) && matches!(record.rtype.as_str(), "A" | "AAAA" | "CNAME")
}

impl Dns {
    async fn point_within(
        &self,
        tx: &mut TenantTx,
        (zone, apex): (ZoneId, DomainName),
        host: &DomainName,
        addresses: &[IpAddr],
    ) -> Result<HostDns, Error> {
        // A zone of the host's own may have come after records in the zone above.
        let holding = store::zones::lock_for_host(tx, host.as_str(), Some(zone)).await?;
        let present = store::records::at(tx, zone, host.as_str()).await?;
        let managed = || present.iter().filter(|record| record.is_kept_address());
        let own = || present.iter().filter(|record| is_own(record, host));
        if own().next().is_some() && managed().next().is_none() {
            return Ok(HostDns::OwnRecords { apex });
        }
        let mut wanted: Vec<CheckedRecord> = addresses
            .iter()
            .map(|address| CheckedRecord {
                name: host.to_string(),
                rtype: if address.is_ipv4() { "A" } else { "AAAA" },
                ttl: MANAGED_TTL,
                data: address.to_string(),
            })
            // The tenant may have said the same beside what is kept here.
            .filter(|wanted| !own().any(|own| own.rtype == wanted.rtype && own.data == wanted.data))
            .collect();
        let mut have: Vec<(&str, &str)> = managed()
            .map(|record| (record.rtype.as_str(), record.data.as_str()))
            .collect();
        wanted.sort_by(|a, b| (a.rtype, &a.data).cmp(&(b.rtype, &b.data)));
        have.sort_unstable();
        let as_wanted = have
            .into_iter()
            .eq(wanted.iter().map(|record| (record.rtype, record.data.as_str())));
        if !as_wanted || holding.len() > 1 {
            store::records::delete_managed(tx, host.as_str()).await?;
            for record in &wanted {
                store::records::insert_managed(tx, zone, record, host.as_str()).await?;
            }
            for zone in holding {
                self.publish(tx, zone, self.clock.now()).await?;
            }
        }
        Ok(HostDns::Managed { apex })
    }
}

#[async_trait]
impl HostRecords for Dns {
    async fn point(
        &self,
        tx: &mut TenantTx,
        host: &DomainName,
        addresses: &[IpAddr],
        create_zone: bool,
    ) -> Result<HostDns, DnsPortError> {
        store::zones::lock_hosts(tx).await?;
        let zone = match (covering(tx, host).await?, meant(host)) {
            (Some(zone), _) => {
                if create_zone && store::zones::share_place(tx, zone.0, host.as_str()).await? {
                    self.entitlements
                        .reserve(tx, EntitlementKey::Domains, -1)
                        .await
                        .map_err(Error::from)?;
                }
                zone
            }
            (None, Some(apex)) if create_zone => {
                match self.add_zone_for(tx, &apex, host, self.clock.now()).await {
                    Ok(id) => (id, apex),
                    // Somebody else's domain, or the platform's: its DNS is not ours to answer.
                    Err(Error::Name(mpanel_tenancy_contract::NameError::Db(error))) => return Err(error.into()),
                    Err(Error::Name(_)) => return Ok(HostDns::Elsewhere),
                    Err(other) => return Err(other.into()),
                }
            }
            (None, _) => return Ok(HostDns::Elsewhere),
        };
        Ok(self.point_within(tx, zone, host, addresses).await?)
    }

    async fn withdraw(&self, tx: &mut TenantTx, host: &DomainName) -> Result<Place, DnsPortError> {
        store::zones::lock_hosts(tx).await?;
        let holding = store::zones::lock_for_host(tx, host.as_str(), None).await?;
        store::records::delete_managed(tx, host.as_str()).await?;
        for zone in holding {
            self.publish(tx, zone, self.clock.now()).await?;
        }
        Ok(match store::zones::leave_place(tx, host.as_str()).await? {
            true => Place::TakenByZone,
            false => Place::Free,
        })
    }

    async fn status(&self, tx: &mut TenantTx, hosts: &[DomainName]) -> Result<Vec<HostDns>, DnsPortError> {
        let mut all = vec![HostDns::Elsewhere; hosts.len()];
        for covered in store::zones::covered(tx, hosts).await? {
            let (Some(status), Ok(apex)) = (all.get_mut(covered.at), DomainName::parse(&covered.apex)) else {
                continue;
            };
            *status = match covered.kept {
                true => HostDns::Managed { apex },
                false => HostDns::OwnRecords { apex },
            };
        }
        Ok(all)
    }
}
