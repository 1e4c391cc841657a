//! Shows a calm page in place of the sites of tenants that are suspended or whose traffic is used up, and the sites
//! again when they are not.

use std::time::Duration;

use async_trait::async_trait;
use jiff::ToSpan;
use jiff::civil::Date;
use mpanel_authz::OpCx;
use mpanel_events::Record;
use mpanel_jobs::{BoxError, PassReport, Reconciler};
use mpanel_kernel::error::{Kind, PublicError as _};
use mpanel_kernel::ids::{SiteId, TenantId};
use mpanel_pg::Reason;
use mpanel_sites_contract::events;
use mpanel_tenancy_contract::{EntitlementKey, Month, ProviderPage};
use serde_json::json;

use crate::domain::{KEPT_DAYS, Pause, Paused, today};
use crate::error::Error;
use crate::store::due;
use crate::store::pauses::Said;
use crate::{Sites, store};

const NAME: &str = "sites.pause";
/// Sites that one transaction publishes: nobody who changes one of them waits for thousands.
const AT_ONCE: i64 = 100;
/// Rows of old traffic that one transaction forgets.
const FORGOTTEN_AT_ONCE: i64 = 5000;
/// Before all sites.
const FIRST: SiteId = SiteId::from_uuid(mpanel_kernel::ids::Uuid::nil());

/// Compares who is suspended and whose traffic is used up with whose sites are paused. Whatever lifts a pause - a
/// tenant that is resumed, a month that begins, a plan that is changed - does so by the same comparison.
pub struct Pauses {
    sites: Sites,
}

impl Pauses {
    pub fn new(sites: Sites) -> Self {
        Self { sites }
    }

    /// Pauses all sites of a tenant, or shows them again. What is to be is said first, so that whatever is published from
    /// then on is so; then the sites are gone through in parts, and how far is said with each. A pass that is broken
    /// off is gone on with by the next one.
    async fn set(&self, tenant: TenantId, pause: Pause, page: Option<ProviderPage>) -> Result<(), Error> {
        let mut tx = self.sites.spine.db().tenant(tenant).await?;
        let before = store::pauses::lock(&mut tx).await?;
        let goes_on = before.through.is_some();
        if before.pause != pause {
            // Where nothing changes that anybody could see, the sites stay as they are.
            let same = before.pause.shown() == pause.shown() && before.page == page && !goes_on;
            let through = (!same).then_some(FIRST);
            store::pauses::set(&mut tx, &Said { pause, page, through }).await?;
        } else if before.page != page {
            // The sites are suspended as before, and say something else: they are published anew, and that is all.
            store::pauses::set(&mut tx, &Said { page, ..before }).await?;
            due::all_now(&mut tx, self.sites.clock.now()).await?;
        }
        tx.commit().await?;
        while self.part(tenant, pause).await? {}
        Ok(())
    }

    /// Publishes the next sites; whether there may be more.
    async fn part(&self, tenant: TenantId, pause: Pause) -> Result<bool, Error> {
        let cx = OpCx::system(NAME, tenant, self.sites.clock.clone());
        let mut change = self.sites.spine.begin(&cx).await?;
        let said = store::pauses::lock(change.tx()).await?;
        let Some(after) = said.through.filter(|_| said.pause == pause) else {
            return Ok(false);
        };
        let sites = store::pauses::sites(change.tx(), after, AT_ONCE).await?;
        let Some(last) = sites.last().copied() else {
            drop(change);
            let mut tx = self.sites.spine.db().tenant(tenant).await?;
            if store::pauses::lock(&mut tx).await? == said {
                store::pauses::set(&mut tx, &Said { through: None, ..said }).await?;
            }
            tx.commit().await?;
            return Ok(false);
        };
        store::pauses::set(
            change.tx(),
            &Said {
                through: Some(last),
                ..said
            },
        )
        .await?;
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
        change.commit().await?;
        Ok(true)
    }
}

impl Pauses {
    /// Forgets old days in small steps, however many there are.
    async fn forget_traffic(&self, today: Date) -> Result<u64, Error> {
        let old = today.saturating_sub(KEPT_DAYS.days());
        let mut forgotten = 0;
        loop {
            let mut tx = self.sites.spine.db().platform(Reason::Reconcile(NAME)).await?;
            let gone = store::traffic::forget_before(&mut tx, old, FORGOTTEN_AT_ONCE).await?;
            tx.commit().await?;
            forgotten += gone;
            if gone < FORGOTTEN_AT_ONCE.unsigned_abs() {
                return Ok(forgotten);
            }
        }
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
            TENANT_SELLING_CHANGED,
        };
        [
            ENTITLEMENT_EXCEEDED,
            SUBSCRIPTION_CHANGED,
            TENANT_CHANGED,
            TENANT_ENDING,
            TENANT_MOVED,
            TENANT_RESTORED,
            TENANT_SELLING_CHANGED,
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
        tx.end_read();
        let mut failed = None;
        let mut report = PassReport {
            // Whoever has used up the traffic is shown again as soon as the month is over.
            again: Duration::try_from(month.end().duration_since(now)).ok(),
            ..PassReport::default()
        };
        for (tenant, pause, page) in differing {
            match self.set(tenant, pause, page).await {
                Ok(()) => {
                    tracing::info!(%tenant, paused = ?pause.shown(), "sites are paused or shown again");
                    report.changed += 1;
                }
                Err(error) if error.kind() == Kind::Unavailable => return Err(error.into()),
                // One whose sites cannot be published keeps nobody else on the web, or off it.
                Err(error) => {
                    tracing::error!(%tenant, %error, "the sites of a tenant cannot be paused or shown again");
                    failed = Some(error);
                }
            }
        }
        // Last: who is suspended does not wait for it.
        report.deleted = self.forget_traffic(today(now)).await?;
        failed.map_or(Ok(report), |error| Err(error.into()))
    }
}
