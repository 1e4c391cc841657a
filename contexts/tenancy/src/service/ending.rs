//! Lets tenants end, with everybody below them, after a time in which that can be called off.

use jiff::{SignedDuration, Timestamp};
use mpanel_authz::{OpCx, TenantKind, actions};
use mpanel_events::Record;
use mpanel_kernel::ids::TenantId;
use mpanel_pg::TenantTx;
use mpanel_tenancy_contract::events;
use serde_json::json;

use super::Service;
use crate::authz;
use crate::domain::{LONGEST_GRACE, Tenant, TenantState};
use crate::error::Error;
use crate::store;

/// How a tenant is to end.
pub struct End {
    /// The tenant's name, as a sign that this one is meant.
    pub name: String,
    /// Days until it goes for good; as those above it have set when absent.
    pub grace_days: Option<u32>,
    /// How many stand below it and go along.
    pub tenants_below: Option<i64>,
}

impl Service {
    /// Lets a tenant end. Its sites are no longer shown, and its members look and change nothing, at once; what it has
    /// goes when the time is over.
    pub async fn end_tenant(&self, cx: &OpCx, id: TenantId, end: End) -> Result<Tenant, Error> {
        let (there, _) = self.reach::<authz::Tenant, _>(cx, id, actions::Delete).await?;
        let allowed = cx.authorize(actions::Delete)?;
        let mut change = self.tenancy.spine.begin(cx).await?;
        let ends_at = self.ends_at(cx, change.tx(), (id, end.grace_days)).await?;
        let before = store::tenants::get(change.tx(), id).await?.ok_or(Error::NotFound)?;
        if end.name != before.name {
            let text = "this is not the name of the tenant that would end; give its name to go on";
            return Err(Error::field("/name", "tenancy.tenant.name_differs", text));
        }
        if id == cx.tenant() {
            return Err(Error::OwnState);
        }
        let size = store::tree::size(change.tx(), id).await?;
        let below = size - 1;
        if end.tenants_below.unwrap_or(0) != below {
            let text = format!("tenants below it end as well, and they are {below}: say so to go on");
            return Err(Error::field("/tenants_below", "tenancy.tenant.others_below", text));
        }
        if !store::tree::end(change.tx(), &allowed, (id, before.version), ends_at, size).await? {
            return Err(if before.state == TenantState::Terminating {
                Error::Ending
            } else {
                Error::Stale
            });
        }
        let after = store::tenants::get(change.tx(), id).await?.ok_or(Error::NotFound)?;
        let data = json!({"ends_at": ends_at, "tenants_below": below});
        let record = || {
            let record = Record::new(events::TENANT_ENDING, id, data.clone());
            record.before(state(&before)).after(state(&after))
        };
        change.record(record()).await?;
        change.record_for(&there, record()).await?;
        change.commit().await?;
        Ok(after)
    }

    /// When the time is over that a tenant is given from now on. Only the platform gives less of it than is set.
    pub(super) async fn ends_at(
        &self,
        cx: &OpCx,
        tx: &mut TenantTx,
        (id, days): (TenantId, Option<u32>),
    ) -> Result<Timestamp, Error> {
        let set = self.grace_of(tx, id).await?;
        let least = match cx.tenant_kind() {
            TenantKind::Platform => 0,
            TenantKind::Reseller | TenantKind::Customer => set,
        };
        let days = days.unwrap_or(set);
        if !(least..=LONGEST_GRACE).contains(&days) {
            let text = format!("it takes {least} to {LONGEST_GRACE} days until a tenant is gone for good");
            return Err(Error::field("/grace_days", "tenancy.tenant.grace_out_of_range", text));
        }
        let grace = SignedDuration::from_hours(24 * i64::from(days));
        Ok(cx.clock().now().saturating_add(grace).unwrap_or(Timestamp::MAX))
    }

    /// Calls off the end of a tenant: it is again what it was.
    pub async fn restore_tenant(&self, cx: &OpCx, id: TenantId) -> Result<Tenant, Error> {
        let (there, _) = self.reach::<authz::Tenant, _>(cx, id, actions::Delete).await?;
        let allowed = cx.authorize(actions::Delete)?;
        if id == cx.tenant() {
            return Err(Error::OwnState);
        }
        let mut change = self.tenancy.spine.begin(cx).await?;
        let before = store::tenants::get(change.tx(), id).await?.ok_or(Error::NotFound)?;
        if !store::tree::restore(change.tx(), &allowed, id).await? {
            return Err(match before.state {
                TenantState::Terminating => Error::Ending,
                TenantState::Active | TenantState::Suspended => Error::NotEnding,
            });
        }
        self.end_unasked(cx, &mut change, id).await?;
        let after = store::tenants::get(change.tx(), id).await?.ok_or(Error::NotFound)?;
        let record = || {
            let record = Record::new(events::TENANT_RESTORED, id, json!({"state": after.state.as_str()}));
            record.before(state(&before)).after(state(&after))
        };
        change.record(record()).await?;
        change.record_for(&there, record()).await?;
        change.commit().await?;
        Ok(after)
    }
}

fn state(tenant: &Tenant) -> serde_json::Value {
    json!({"state": tenant.state.as_str(), "ends_at": tenant.ends_at})
}
