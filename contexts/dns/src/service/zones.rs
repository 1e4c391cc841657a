use std::time::Duration;

use jiff::Timestamp;
use mpanel_authz::{OpCx, actions};
use mpanel_dns_contract::events;
use mpanel_events::{Begin, Record, Served, State};
use mpanel_feed::frame::Role;
use mpanel_feed::topics::DNS_ZONE;
use mpanel_kernel::ids::{RecordId, ZoneId};
use mpanel_kernel::names::DomainName;
use mpanel_kernel::paging::{Page, PageRequest};
use mpanel_pg::TenantTx;
use mpanel_tenancy_contract::ClaimKind;
use serde_json::json;

use crate::domain::{CheckedRecord, Zone};
use crate::error::Error;
use crate::{Dns, authz, store};

/// TTL of a zone's own NS records: delegations change rarely.
const NS_TTL: i32 = 86_400;

/// Whether the name servers answer the zone as it is.
pub struct ZoneStatus {
    pub served: bool,
    pub message: String,
}

impl Dns {
    pub async fn create_zone(&self, cx: &OpCx, apex: &DomainName) -> Result<Zone, Error> {
        cx.authorize::<authz::Zone, _>(actions::Create)?;
        let mut change = match self.spine.begin_once(cx, "zones_create").await? {
            Begin::Run(change) => change,
            Begin::Replay(id) => return self.get_zone(cx, id).await,
        };
        let id = self.add_zone(change.tx(), apex, cx.clock().now()).await?;
        let zone = store::zones::get(change.tx(), id).await?.ok_or(Error::NotFound)?;
        let facts = json!({"apex": apex});
        change
            .record(Record::new(events::ZONE_CREATED, id, facts.clone()).after(facts))
            .await?;
        change.commit_with(&id).await?;
        Ok(zone)
    }

    /// Claims the apex and makes a zone that names our servers.
    pub(crate) async fn add_zone(&self, tx: &mut TenantTx, apex: &DomainName, now: Timestamp) -> Result<ZoneId, Error> {
        self.claims.claim(tx, apex, ClaimKind::Zone).await?;
        let id = ZoneId::generate();
        store::zones::insert(tx, id, apex.as_str(), now).await?;
        for server in self.nameservers.iter() {
            let record = CheckedRecord {
                name: apex.to_string(),
                rtype: "NS",
                ttl: NS_TTL,
                data: format!("{server}."),
            };
            store::records::insert(tx, id, RecordId::generate(), &record, None).await?;
        }
        self.publish(tx, id, now).await?;
        Ok(id)
    }

    pub async fn get_zone(&self, cx: &OpCx, id: ZoneId) -> Result<Zone, Error> {
        let mut tx = self.spine.db().tenant(cx.tenant()).await?;
        let zone = store::zones::get(&mut tx, id).await?.ok_or(Error::NotFound)?;
        cx.authorize::<authz::Zone, _>(actions::Read)?;
        tx.commit().await?;
        Ok(zone)
    }

    pub async fn list_zones(&self, cx: &OpCx, page: PageRequest) -> Result<Page<Zone>, Error> {
        cx.authorize::<authz::Zone, _>(actions::List)?;
        let mut tx = self.spine.db().tenant(cx.tenant()).await?;
        let rows = store::zones::list(&mut tx, page).await?;
        tx.commit().await?;
        Ok(Page::cut(page, rows, |zone| zone.id.uuid()))
    }

    /// Whether every connected name server answers the zone as it is now.
    pub async fn zone_status(&self, zone: &Zone) -> Result<ZoneStatus, Error> {
        let object = (DNS_ZONE, zone.apex.as_str(), zone.serial);
        let served = self
            .board
            .wait(self.spine.db(), &self.tail, Role::Dns, object, Duration::ZERO)
            .await?;
        let (served, message) = match served {
            Served::Everywhere => (true, "answered by all name servers".to_owned()),
            Served::NotPublished => (false, "the newest change is on its way".to_owned()),
            Served::Lagging(who) => (false, format!("the newest change has not reached {}", who.join(", "))),
            Served::NobodyConnected => (
                false,
                "no name server is connected; those that run answer what they last heard".to_owned(),
            ),
        };
        Ok(ZoneStatus { served, message })
    }

    pub async fn delete_zone(&self, cx: &OpCx, id: ZoneId) -> Result<(), Error> {
        let mut change = self.spine.begin(cx).await?;
        store::zones::lock(change.tx(), id).await?;
        let zone = store::zones::get(change.tx(), id).await?.ok_or(Error::NotFound)?;
        cx.authorize::<authz::Zone, _>(actions::Delete)?;
        let apex = DomainName::parse(&zone.apex).map_err(|error| Error::Invalid(vec![error.at("/apex")]))?;
        store::zones::delete(change.tx(), id).await?;
        self.claims.release(change.tx(), &apex, ClaimKind::Zone).await?;
        change
            .publish(&State::delete(DNS_ZONE, zone.apex.clone(), zone.serial + 1))
            .await?;
        let facts = json!({"apex": zone.apex, "records": zone.records});
        change
            .record(Record::new(events::ZONE_DELETED, id, json!({"apex": zone.apex})).before(facts))
            .await?;
        change.commit().await?;
        Ok(())
    }
}
