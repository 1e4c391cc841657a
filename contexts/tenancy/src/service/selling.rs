//! How a seller treats those below it: what it lets visitors read, and how much time it gives.

use mpanel_authz::{OpCx, TenantKind, actions};
use mpanel_events::Record;
use mpanel_kernel::ids::TenantId;
use mpanel_pg::TenantTx;
use mpanel_tenancy_contract::events;
use serde_json::{Value, json};

use super::Service;
use crate::domain::{LONGEST_GRACE, Selling, grace, provider_page};
use crate::error::Error;
use crate::{authz, store};

/// What a seller has chosen, and what holds.
#[derive(Debug)]
pub struct SellingShown {
    pub own: Selling,
    /// Days in which those below can be brought back, whoever has set that.
    pub grace_days: u32,
    pub version: i64,
}

impl Service {
    pub async fn selling(&self, cx: &OpCx, id: TenantId) -> Result<SellingShown, Error> {
        let (there, _) = self.reach::<authz::Tenant, _>(cx, id, actions::Read).await?;
        let mut tx = self.tenancy.spine.db().tenant(id).await?;
        let (own, version) = store::selling::get(&mut tx).await?;
        let grace_days = self.grace_below(&there, &mut tx, &own).await?;
        tx.end_read();
        Ok(SellingShown {
            own,
            grace_days,
            version,
        })
    }

    /// Replaces what a seller has chosen.
    pub async fn set_selling(
        &self,
        cx: &OpCx,
        id: TenantId,
        wanted: Selling,
        seen: Option<i64>,
    ) -> Result<SellingShown, Error> {
        let (there, allowed) = self.reach::<authz::Tenant, _>(cx, id, actions::Modify).await?;
        if there.tenant_kind() == TenantKind::Customer {
            return Err(Error::NotASeller);
        }
        let page = wanted.page.map(provider_page).transpose().map_err(Error::Invalid)?;
        let wanted = Selling { page, ..wanted };
        let mut change = self.tenancy.spine.begin(&there).await?;
        let least = match there.tenant_kind() {
            TenantKind::Platform => 0,
            TenantKind::Reseller | TenantKind::Customer => self.grace_of(change.tx(), id).await?,
        };
        if wanted
            .grace_days
            .is_some_and(|days| !(least..=LONGEST_GRACE).contains(&days))
        {
            let text = format!("those below have {least} to {LONGEST_GRACE} days: no fewer than those above give");
            return Err(Error::field("/grace_days", "tenancy.tenant.grace_out_of_range", text));
        }
        let (before, _) = store::selling::get(change.tx()).await?;
        let version = store::selling::set(change.tx(), &allowed, &wanted, seen).await?;
        let version = version.ok_or(Error::Stale)?;
        let record = || {
            let record = Record::new(events::TENANT_SELLING_CHANGED, id, json!({}));
            record.before(facts(&before)).after(facts(&wanted))
        };
        change.record(record()).await?;
        if id != cx.tenant() {
            change.record_for(cx, record()).await?;
        }
        let grace_days = self.grace_below(&there, change.tx(), &wanted).await?;
        change.commit().await?;
        Ok(SellingShown {
            own: wanted,
            grace_days,
            version,
        })
    }

    /// The days in which a tenant can be brought back, as those above it have set.
    pub(super) async fn grace_of(&self, tx: &mut TenantTx, id: TenantId) -> Result<u32, Error> {
        let (platform, sellers) = store::selling::graces(tx, id).await?;
        Ok(grace(self.grace_days, platform, sellers))
    }

    /// The same of those directly below a seller.
    async fn grace_below(&self, there: &OpCx, tx: &mut TenantTx, own: &Selling) -> Result<u32, Error> {
        let (platform, sellers) = store::selling::graces(tx, there.tenant()).await?;
        Ok(match there.tenant_kind() {
            TenantKind::Platform => grace(self.grace_days, own.grace_days, None),
            TenantKind::Reseller | TenantKind::Customer => {
                grace(self.grace_days, platform, sellers.max(own.grace_days))
            }
        })
    }
}

fn facts(selling: &Selling) -> Value {
    json!({"page": selling.page, "grace_days": selling.grace_days})
}
