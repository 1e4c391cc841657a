//! The port by which measured use is counted.

use async_trait::async_trait;
use jiff::Timestamp;
use mpanel_authz::Actor;
use mpanel_kernel::ids::{RequestId, TenantId};
use mpanel_pg::PlatformTx;
use mpanel_tenancy_contract::{EntitlementKey, Metering, MeteringError, Month, events};
use serde_json::json;

use crate::Tenancy;
use crate::store::metering;

#[async_trait]
impl Metering for Tenancy {
    async fn record(
        &self,
        tx: &mut PlatformTx,
        key: EntitlementKey,
        month: Month,
        used: &[(TenantId, i64)],
        now: Timestamp,
    ) -> Result<(), MeteringError> {
        for passed in metering::record(tx, key, month, used).await? {
            let tenant = passed.tenant;
            let data = json!({
                "key": key,
                "month": month.first_day(),
                "used": passed.used,
                "limit": passed.limit,
            });
            mpanel_events::event(
                tx,
                Some(tenant),
                events::ENTITLEMENT_EXCEEDED,
                &tenant.to_string(),
                &Actor::System("tenancy.metering"),
                RequestId::generate(),
                &data,
                now,
            )
            .await?;
        }
        Ok(())
    }

    async fn exceeded(
        &self,
        tx: &mut PlatformTx,
        key: EntitlementKey,
        month: Month,
    ) -> Result<Vec<TenantId>, MeteringError> {
        Ok(metering::exceeded(tx, key, month).await?)
    }
}
