//! Moves a tenant, with everybody below it, to another seller.

use mpanel_authz::{OpCx, actions};
use mpanel_events::Record;
use mpanel_kernel::ids::{PlanId, TenantId};
use mpanel_tenancy_contract::events;
use serde_json::json;

use super::Service;
use crate::authz;
use crate::domain::{Limits, Plan, Tenant};
use crate::error::Error;
use crate::store;
use crate::store::tree::{Moved, NewPlan};

/// Where a tenant is to stand.
pub struct Move {
    pub parent: TenantId,
    /// One that the new seller sells; who is on a plan needs one there too.
    pub plan: Option<PlanId>,
    pub overrides: Limits,
}

impl Service {
    /// Moves a tenant below another seller. Who does so stands above both, and may decide for both.
    pub async fn move_tenant(&self, cx: &OpCx, id: TenantId, to: Move) -> Result<Tenant, Error> {
        let (there, _) = self.reach::<authz::Tenant, _>(cx, id, actions::ManageAccess).await?;
        if id == cx.tenant() {
            return Err(Error::OwnPlace);
        }
        let allowed = cx.authorize(actions::ManageAccess)?;
        let unknown = || Error::field("/parent_id", "tenancy.tenant.unknown", "there is no such tenant here");
        let seller = self
            .reach::<authz::Tenant, _>(cx, to.parent, actions::ManageAccess)
            .await;
        let (seller, _) = seller.map_err(|error| match error {
            Error::NotFound => unknown(),
            other => other,
        })?;
        let before = self.get_tenant(cx, id).await?;
        // It is below the acting tenant, and so has somebody above.
        let left = before.parent_id.ok_or(Error::OwnPlace)?;
        let (left_cx, _) = self.reach::<authz::Tenant, _>(cx, left, actions::ManageAccess).await?;
        let plan = match to.plan {
            Some(plan) => Some(self.plan_of(&seller, plan).await?),
            None => None,
        };
        let limits = plan
            .as_ref()
            .map(|plan| plan.latest.entitlements.clone().with(&to.overrides).complete())
            .unwrap_or_default();
        let new_plan = plan.as_ref().map(|plan| NewPlan {
            id: plan.id,
            version: plan.latest.number,
            overrides: &to.overrides,
            limits: &limits,
        });

        let mut change = self.tenancy.spine.begin(cx).await?;
        let places = (id, to.parent);
        let moved =
            store::tree::move_tenant(change.tx(), &allowed, places, new_plan.as_ref(), cx.clock().now()).await?;
        match moved {
            Moved::Done(from) if from == left => {}
            // Somebody else has moved it meanwhile: whoever lost it would not be told.
            Moved::Done(_) => return Err(Error::Stale),
            Moved::There => return Ok(before),
            Moved::Gone => return Err(Error::NotFound),
            Moved::Cycle => return Err(Error::BelowItself),
            Moved::NotASeller => return Err(Error::NotASeller),
            Moved::Suspended => return Err(Error::Suspended),
            Moved::Ending => return Err(Error::Ending),
            Moved::NeedsPlan => {
                let text = "it is on a plan: say on which of the new seller's plans it is to be";
                return Err(Error::field("/plan_id", "tenancy.tenant.move_needs_plan", text));
            }
            Moved::Oversold(key) => return Err(Error::Oversold(key)),
            Moved::OverPlan(key) => return Err(Error::UsesMore(key)),
            Moved::OverPath(key) => return Err(Error::NoRoom(key)),
        }
        self.end_unasked(cx, &mut change, id).await?;
        let after = store::tenants::get(change.tx(), id).await?.ok_or(Error::NotFound)?;
        let place = |tenant: &Tenant| json!({"parent": tenant.parent_id, "plan": tenant.plan.as_ref().map(|p| p.id)});
        let data = json!({"from": left, "to": to.parent});
        let whole = || Record::new(events::TENANT_MOVED, id, data.clone());
        change
            .record(whole().before(place(&before)).after(place(&after)))
            .await?;
        change
            .record_for(&there, whole().before(place(&before)).after(place(&after)))
            .await?;
        // Each of the sellers learns of its own part.
        if left != cx.tenant() {
            let gone = Record::new(events::TENANT_MOVED, id, json!({"from": left}));
            change.record_for(&left_cx, gone.before(place(&before))).await?;
        }
        if to.parent != cx.tenant() {
            let come = Record::new(events::TENANT_MOVED, id, json!({"to": to.parent}));
            change.record_for(&seller, come.after(place(&after))).await?;
        }
        change.commit().await?;
        Ok(after)
    }

    /// A plan that a seller sells, to put somebody on.
    async fn plan_of(&self, seller: &OpCx, plan: PlanId) -> Result<Plan, Error> {
        let mut tx = self.tenancy.spine.db().tenant(seller.tenant()).await?;
        let plan = store::plans::get(&mut tx, plan).await?;
        tx.end_read();
        let plan =
            plan.ok_or_else(|| Error::field("/plan_id", "tenancy.plan.unknown", "the new seller sells no such plan"))?;
        match plan.archived {
            true => Err(Error::PlanArchived),
            false => Ok(plan),
        }
    }
}
