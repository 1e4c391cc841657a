//! Removes lines of the audit log that are older than their tenants keep them, and erases what a legal hold kept from being erased.

use std::time::Duration;

use async_trait::async_trait;
use mpanel_events::{Spine, erase_released, remove_expired};
use mpanel_jobs::{BoxError, PassReport, Reconciler};
use mpanel_kernel::clock::SharedClock;
use mpanel_kernel::ids::TenantId;

pub struct AuditRetention {
    pub spine: Spine,
    pub clock: SharedClock,
    pub platform: TenantId,
}

#[async_trait]
impl Reconciler for AuditRetention {
    fn name(&self) -> &'static str {
        "spine.audit_retention"
    }

    fn wakes_on(&self, event: &str) -> bool {
        event == "spine.audit_retention.changed.v1"
    }

    fn every(&self) -> Duration {
        // Days go as a whole: looking once an hour, none is kept for much longer.
        Duration::from_secs(3600)
    }

    async fn pass(&self) -> Result<PassReport, BoxError> {
        // First: what somebody has asked for waits for no line that is too old.
        let erased = erase_released(&self.spine, &self.clock).await;
        let deleted = remove_expired(&self.spine, self.platform, &self.clock).await?;
        erased?;
        Ok(PassReport {
            deleted,
            ..PassReport::default()
        })
    }
}

#[cfg(test)]
mod tests;
