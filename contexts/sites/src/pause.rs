//! Shows a calm page in place of the sites of tenants that are suspended or whose traffic is used up, and the sites
//! again when they are not.

use std::time::Duration;

use async_trait::async_trait;
use jiff::ToSpan;
use mpanel_authz::OpCx;
use mpanel_events::Record;
use mpanel_jobs::{BoxError, PassReport, Reconciler};
use mpanel_kernel::ids::TenantId;
use mpanel_pg::Reason;
use mpanel_sites_contract::events;
use mpanel_tenancy_contract::{EntitlementKey, Month};
use serde_json::json;

use crate::domain::{KEPT_DAYS, Pause, Paused, today};
use crate::error::Error;
use crate::{Sites, store};

const NAME: &str = "sites.pause";

/// Compares who is suspended and whose traffic is used up with whose sites are paused. Whatever lifts a pause - a
/// tenant that is resumed, a month that begins, a plan that is changed - does so by the same comparison.
pub struct Pauses {
    sites: Sites,
}

impl Pauses {
    pub fn new(sites: Sites) -> Self {
        Self { sites }
    }

    /// Pauses all sites of a tenant, or shows them again, in one step.
    async fn set(&self, tenant: TenantId, pause: Pause) -> Result<(), Error> {
        let cx = OpCx::system(NAME, tenant, self.sites.clock.clone());
        let mut change = self.sites.spine.begin(&cx).await?;
        let before = store::pauses::paused(change.tx()).await?;
        let sites = store::pauses::sites(change.tx()).await?;
        if before == pause.shown() || sites.is_empty() {
            // Nothing that anybody could see: it stays suspended, or all of its sites are gone or going.
            drop(change);
            let mut tx = self.sites.spine.db().tenant(tenant).await?;
            store::pauses::set(&mut tx, pause).await?;
            return Ok(tx.commit().await?);
        }
        store::pauses::set(change.tx(), pause).await?;
        let (event, facts) = match pause.shown() {
            Some(Paused::Suspended) => (events::SITE_SUSPENDED, json!({})),
            Some(Paused::UsedUp(until)) => (events::SITE_PAUSED, json!({"reason": "traffic", "until": until})),
            None => (events::SITE_RESUMED, json!({})),
        };
        for site in sites {
            self.sites.publish(change.tx(), site, &[]).await?;
            change
                .record(Record::new(event, site, facts.clone()).after(facts.clone()))
                .await?;
        }
        Ok(change.commit().await?)
    }
}

#[async_trait]
impl Reconciler for Pauses {
    fn name(&self) -> &'static str {
        NAME
    }

    fn wakes_on(&self, event: &str) -> bool {
        use mpanel_tenancy_contract::events::{
            ENTITLEMENT_EXCEEDED, SUBSCRIPTION_CHANGED, TENANT_CHANGED, TENANT_ENDING, TENANT_MOVED, TENANT_RESTORED,
        };
        [
            ENTITLEMENT_EXCEEDED,
            SUBSCRIPTION_CHANGED,
            TENANT_CHANGED,
            TENANT_ENDING,
            TENANT_MOVED,
            TENANT_RESTORED,
        ]
        .contains(&event)
    }

    fn every(&self) -> Duration {
        Duration::from_secs(60)
    }

    async fn pass(&self) -> Result<PassReport, BoxError> {
        let now = self.sites.clock.now();
        let month = Month::at(now);
        let ports = &self.sites.ports;
        let mut tx = self.sites.spine.db().platform(Reason::Reconcile(NAME)).await?;
        let suspended = ports.suspensions.suspended(&mut tx).await?;
        let used_up = ports
            .metering
            .exceeded(&mut tx, EntitlementKey::TrafficBytesMonth, month)
            .await?;
        let differing = store::pauses::differing(&mut tx, &suspended, (&used_up, month.end())).await?;
        let old = today(now).saturating_sub(KEPT_DAYS.days());
        let deleted = store::traffic::forget_before(&mut tx, old).await?;
        tx.commit().await?;
        for (tenant, pause) in &differing {
            self.set(*tenant, *pause).await?;
            tracing::info!(%tenant, paused = ?pause.shown(), "sites are paused or shown again");
        }
        Ok(PassReport {
            changed: differing.len() as u64,
            deleted,
            // Whoever has used up the traffic is shown again as soon as the month is over.
            again: Duration::try_from(month.end().duration_since(now)).ok(),
        })
    }
}
