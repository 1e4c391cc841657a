//! Who is told of it: both tenants, those directly above them, and everybody who stands below another one now.

use mpanel_authz::OpCx;
use mpanel_events::{Change, Record};
use mpanel_tenancy_contract::events;
use serde_json::json;

use super::{Outcome, Sides};
use crate::domain::merge::Merge;
use crate::error::Error;
use crate::service::Service;

impl Service {
    /// Each of those above is told of its own part only.
    pub(super) async fn tell(
        &self,
        change: &mut Change,
        sides: &Sides,
        merge: &Merge,
        outcome: &Outcome<'_>,
    ) -> Result<(), Error> {
        let cx = change.cx().clone();
        let (from, into) = (merge.from.id, merge.into.id);
        let merged = || {
            let data = json!({"into": into, "tenants": outcome.moved.len()});
            let before = json!({"state": merge.from.state.as_str(), "tenants": merge.children});
            let after = json!({"state": outcome.after.state.as_str(), "tenants": 0, "into": into});
            Record::new(events::TENANT_MERGED, from, data)
                .before(before)
                .after(after)
        };
        let ending = || {
            let facts = json!({"ends_at": outcome.after.ends_at, "tenants_below": 0});
            let before = json!({"state": merge.from.state.as_str(), "ends_at": null});
            let after = json!({"state": outcome.after.state.as_str(), "ends_at": outcome.after.ends_at});
            Record::new(events::TENANT_ENDING, from, facts)
                .before(before)
                .after(after)
        };
        change.record(merged()).await?;
        change.record(ending()).await?;
        change.record_for(&sides.from, merged()).await?;
        change.record_for(&sides.from, ending()).await?;
        if into != cx.tenant() {
            change.record_for(&sides.into, merged()).await?;
        }
        self.tell_above(change, sides, merge, merged()).await?;
        for copy in outcome.copies {
            let version = merge
                .plans
                .iter()
                .find(|plan| plan.id == copy.plan)
                .map(|plan| plan.latest);
            let facts = json!({"name": copy.name, "version": version, "copied_from": copy.plan});
            let record = Record::new(events::PLAN_CREATED, copy.copy, json!({"version": version}));
            change.record_for(&sides.into, record.after(facts)).await?;
        }
        let each = outcome.moved.iter().map(|moved| {
            let there = cx.for_descendant(moved.tenant, moved.kind);
            // Whoever does it reaches down, or would not have reached the two.
            let there = there.unwrap_or_else(|| OpCx::system("tenancy.merge", moved.tenant, cx.clock().clone()));
            let record = Record::new(events::TENANT_MOVED, moved.tenant, json!({"from": from, "to": into}))
                .before(json!({"parent": from, "plan": moved.plan_before}))
                .after(json!({"parent": into, "plan": moved.plan_after}));
            (there, record)
        });
        let each: Vec<(OpCx, Record)> = each.collect();
        Ok(change.record_each(&each).await?)
    }

    async fn tell_above(&self, change: &mut Change, sides: &Sides, merge: &Merge, whole: Record) -> Result<(), Error> {
        let (from, into) = (merge.from.id, merge.into.id);
        let (lost, got) = (&sides.above_from, &sides.above_into);
        let is_one = lost.as_ref().map(OpCx::tenant) == got.as_ref().map(OpCx::tenant);
        if let Some(above) = lost.as_ref().filter(|above| above.tenant() != into) {
            let part = Record::new(events::TENANT_MERGED, from, json!({}));
            let part = part.before(json!({"state": merge.from.state.as_str(), "tenants": merge.children}));
            change.record_for(above, if is_one { whole } else { part }).await?;
        }
        if let Some(above) = got.as_ref().filter(|_| !is_one) {
            let part = Record::new(events::TENANT_MERGED, into, json!({}));
            let part = part.after(json!({"tenants_more": merge.children}));
            change.record_for(above, part).await?;
        }
        Ok(())
    }
}
