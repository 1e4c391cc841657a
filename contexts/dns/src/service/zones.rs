use jiff::Timestamp;
use mpanel_authz::{Actor, OpCx, TenantKind, actions};
use mpanel_dns_contract::events;
use mpanel_events::{Begin, Record, Served, State};
use mpanel_feed::frame::Role;
use mpanel_feed::topics::DNS_ZONE;
use mpanel_kernel::error::FieldError;
use mpanel_kernel::ids::{RequestId, ZoneId};
use mpanel_kernel::names::DomainName;
use mpanel_kernel::paging::{Page, PageRequest};
use mpanel_pg::TenantTx;
use mpanel_tenancy_contract::{ClaimKind, EntitlementKey};
use serde_json::json;

use crate::domain::{Zone, registrable};
use crate::error::Error;
use crate::{Dns, authz, store};

/// Whether the name servers answer the zone as it is.
pub struct ZoneStatus {
    pub served: bool,
    pub message: String,
}

impl From<Served> for ZoneStatus {
    fn from(served: Served) -> Self {
        let (served, message) = match served {
            Served::Everywhere => (true, "answered by all name servers".to_owned()),
            Served::Refused(why) => (
                false,
                format!("the name servers cannot answer its newest state and go on with the one before: {why}"),
            ),
            Served::NotPublished => (false, "the newest change is on its way".to_owned()),
            Served::Lagging(who) => (false, format!("the newest change has not reached {}", who.join(", "))),
            Served::NobodyConnected => (
                false,
                "no name server is connected; those that run answer what they last heard".to_owned(),
            ),
        };
        Self { served, message }
    }
}

/// A zone below a domain would answer, on our servers, for a name of whoever that domain belongs to.
fn below(apex: &DomainName, domain: &DomainName) -> Error {
    let text = format!(
        "{apex} is a name below {domain}: make a zone of {domain}, and this name a record in it; \
         if the DNS of {domain} is elsewhere, point the name here with a record there"
    );
    Error::Invalid(vec![FieldError::new("/apex", "dns.zone.below_a_domain", text)])
}

impl Dns {
    pub async fn create_zone(&self, cx: &OpCx, apex: &DomainName) -> Result<Zone, Error> {
        let allowed = cx.authorize::<authz::Zone, _>(actions::Create)?;
        let mut change = match self.spine.begin_once(cx, "zones_create").await? {
            Begin::Run(change) => change,
            Begin::Replay(id) => return self.stored_zone(cx, id).await,
        };
        let whole = registrable(apex);
        let above: Vec<String> = apex.ancestors().skip(1).map(str::to_owned).collect();
        if whole != *apex
            && cx.tenant_kind() != TenantKind::Platform
            && store::zones::covering(change.tx(), &above).await?.is_none()
        {
            return Err(below(apex, &whole));
        }
        // Before all that is locked: see the order in `Entitlements::reserve`.
        self.entitlements
            .reserve(change.tx(), EntitlementKey::Domains, 1)
            .await?;
        let (id, now) = (ZoneId::generate(), cx.clock().now());
        self.claims.claim(change.tx(), apex, ClaimKind::Zone).await?;
        store::zones::insert(change.tx(), &allowed, id, apex.as_str(), now).await?;
        self.publish(change.tx(), id, now).await?;
        let zone = store::zones::get(change.tx(), id).await?.ok_or(Error::NotFound)?;
        let facts = json!({"apex": apex});
        change
            .record(Record::new(events::ZONE_CREATED, id, facts.clone()).after(facts))
            .await?;
        change.commit_with(&id).await?;
        Ok(zone)
    }

    /// Claims the apex and makes a zone that a host of a site needs: the host has a place in the plan.
    pub(crate) async fn add_zone_for(
        &self,
        tx: &mut TenantTx,
        apex: &DomainName,
        host: &DomainName,
        now: Timestamp,
    ) -> Result<ZoneId, Error> {
        self.claims.claim(tx, apex, ClaimKind::Zone).await?;
        let id = ZoneId::generate();
        store::zones::insert_for_host(tx, id, apex.as_str(), host.as_str(), now).await?;
        self.publish(tx, id, now).await?;
        // What came about with a host is in the log with that host; those who follow zones learn of it here.
        let (tenant, data) = (tx.tenant(), json!({"apex": apex}));
        let (actor, request) = (Actor::System("dns.hosts"), RequestId::generate());
        let subject = id.to_string();
        mpanel_events::event(
            tx,
            Some(tenant),
            events::ZONE_CREATED,
            &subject,
            &actor,
            request,
            &data,
            now,
        )
        .await?;
        Ok(id)
    }

    pub async fn get_zone(&self, cx: &OpCx, id: ZoneId) -> Result<Zone, Error> {
        let zone = self.stored_zone(cx, id).await?;
        cx.authorize::<authz::Zone, _>(actions::Read)?;
        Ok(zone)
    }

    async fn stored_zone(&self, cx: &OpCx, id: ZoneId) -> Result<Zone, Error> {
        let mut tx = self.spine.db().tenant(cx.tenant()).await?;
        let zone = store::zones::get(&mut tx, id).await?.ok_or(Error::NotFound)?;
        tx.end_read();
        Ok(zone)
    }

    pub async fn list_zones(&self, cx: &OpCx, page: PageRequest) -> Result<Page<Zone>, Error> {
        cx.authorize::<authz::Zone, _>(actions::List)?;
        let mut tx = self.spine.db().tenant(cx.tenant()).await?;
        let rows = store::zones::list(&mut tx, page).await?;
        tx.end_read();
        Ok(Page::cut(page, rows, |zone| zone.id.uuid()))
    }

    /// Whether every connected name server answers the zones as they are now; in their order.
    pub async fn statuses(&self, zones: &[Zone]) -> Result<Vec<ZoneStatus>, Error> {
        let objects: Vec<(&str, i64)> = zones.iter().map(|zone| (zone.apex.as_str(), zone.serial)).collect();
        let served = self.board.now(self.spine.db(), Role::Dns, DNS_ZONE, &objects).await?;
        Ok(served.into_iter().map(ZoneStatus::from).collect())
    }

    pub async fn delete_zone(&self, cx: &OpCx, id: ZoneId) -> Result<(), Error> {
        let mut change = self.spine.begin(cx).await?;
        // Held before the zone is locked, given back once it is known whether the zone has a place.
        self.entitlements
            .reserve(change.tx(), EntitlementKey::Domains, 0)
            .await?;
        store::zones::lock(change.tx(), id).await?;
        let zone = store::zones::get(change.tx(), id).await?.ok_or(Error::NotFound)?;
        let allowed = cx.authorize::<authz::Zone, _>(actions::Delete)?;
        let apex = DomainName::parse(&zone.apex).map_err(|error| Error::Invalid(vec![error.at("/apex")]))?;
        if store::zones::delete(change.tx(), &allowed, id).await? {
            self.entitlements
                .reserve(change.tx(), EntitlementKey::Domains, -1)
                .await?;
        }
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
