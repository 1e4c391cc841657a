//! Keeps accounts in the realm of the brand that their home stands below.

use std::time::Duration;

use async_trait::async_trait;
use mpanel_jobs::{BoxError, PassReport, Reconciler};
use mpanel_pg::Reason;
use mpanel_tenancy_contract::events;

use crate::Identity;
use crate::store::homes;

const NAME: &str = "identity.homes";
/// Accounts of one transaction.
const BATCH: i64 = 1000;

/// Whoever moves to another seller with the own tenant signs in at that seller's names from then on.
pub struct Homes(pub Identity);

#[async_trait]
impl Reconciler for Homes {
    fn name(&self) -> &'static str {
        NAME
    }

    fn wakes_on(&self, event: &str) -> bool {
        [events::TENANT_MOVED, events::TENANT_ENDED].contains(&event)
    }

    fn every(&self) -> Duration {
        Duration::from_secs(3600)
    }

    async fn pass(&self) -> Result<PassReport, BoxError> {
        let identity = &self.0.0;
        let mut tx = identity.spine.db().platform(Reason::Reconcile(NAME)).await?;
        let changed = homes::settle(&mut tx, identity.clock.now(), BATCH).await?;
        tx.commit().await?;
        Ok(PassReport {
            changed,
            again: (changed >= BATCH.unsigned_abs()).then_some(Duration::ZERO),
            ..PassReport::default()
        })
    }
}
