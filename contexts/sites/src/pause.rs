//! Shows a calm page in place of the sites of tenants whose traffic is used up, and the sites again when it is not.

use std::time::Duration;

use async_trait::async_trait;
use jiff::{Timestamp, ToSpan};
use mpanel_authz::OpCx;
use mpanel_events::Record;
use mpanel_jobs::{BoxError, PassReport, Reconciler};
use mpanel_kernel::ids::TenantId;
use mpanel_pg::Reason;
use mpanel_sites_contract::events;
use mpanel_tenancy_contract::{EntitlementKey, Month};
use serde_json::json;

use crate::domain::{KEPT_DAYS, today};
use crate::error::Error;
use crate::{Sites, store};

const NAME: &str = "sites.traffic";

/// Compares whose traffic is used up with whose sites are paused. A month that begins and a plan that is changed lift
/// a pause by the same comparison.
pub struct Pause {
    sites: Sites,
}

impl Pause {
    pub fn new(sites: Sites) -> Self {
        Self { sites }
    }

    /// Pauses all sites of a tenant, or shows them again, in one step.
    async fn set(&self, tenant: TenantId, until: Option<Timestamp>) -> Result<(), Error> {
        let cx = OpCx::system(NAME, tenant, self.sites.clock.clone());
        let mut change = self.sites.spine.begin(&cx).await?;
        let sites = store::traffic::sites(change.tx()).await?;
        store::traffic::set_paused(change.tx(), until).await?;
        for site in &sites {
            self.sites.publish(change.tx(), *site, &[]).await?;
            let (event, facts) = match until {
                Some(until) => (events::SITE_PAUSED, json!({"reason": "traffic", "until": until})),
                None => (events::SITE_RESUMED, json!({})),
            };
            change
                .record(Record::new(event, site, facts.clone()).after(facts))
                .await?;
        }
        if !sites.is_empty() {
            return Ok(change.commit().await?);
        }
        // Nothing that anybody could see: all of its sites are gone or going.
        drop(change);
        let mut tx = self.sites.spine.db().tenant(tenant).await?;
        store::traffic::set_paused(&mut tx, until).await?;
        Ok(tx.commit().await?)
    }
}

#[async_trait]
impl Reconciler for Pause {
    fn name(&self) -> &'static str {
        NAME
    }

    fn wakes_on(&self, event: &str) -> bool {
        use mpanel_tenancy_contract::events::{ENTITLEMENT_EXCEEDED, SUBSCRIPTION_CHANGED};
        event == ENTITLEMENT_EXCEEDED || event == SUBSCRIPTION_CHANGED
    }

    fn every(&self) -> Duration {
        Duration::from_secs(60)
    }

    async fn pass(&self) -> Result<PassReport, BoxError> {
        let now = self.sites.clock.now();
        let month = Month::at(now);
        let metering = &self.sites.ports.metering;
        let mut tx = self.sites.spine.db().platform(Reason::Reconcile(NAME)).await?;
        let exceeded = metering
            .exceeded(&mut tx, EntitlementKey::TrafficBytesMonth, month)
            .await?;
        let (pause, resume) = store::traffic::differing(&mut tx, &exceeded, month.end()).await?;
        let old = today(now).saturating_sub(KEPT_DAYS.days());
        let deleted = store::traffic::forget_before(&mut tx, old).await?;
        tx.commit().await?;
        let wanted = pause.iter().map(|tenant| (tenant, Some(month.end())));
        for (tenant, until) in wanted.chain(resume.iter().map(|tenant| (tenant, None))) {
            self.set(*tenant, until).await?;
            tracing::info!(%tenant, paused = until.is_some(), "sites are paused or shown again, by their traffic");
        }
        Ok(PassReport {
            changed: (pause.len() + resume.len()) as u64,
            deleted,
            // Whoever is paused is shown again as soon as the month is over.
            again: Duration::try_from(month.end().duration_since(now)).ok(),
        })
    }
}
