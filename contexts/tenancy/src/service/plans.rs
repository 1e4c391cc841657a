use mpanel_authz::{OpCx, actions};
use mpanel_events::{Begin, Record};
use mpanel_kernel::ids::{PlanId, TenantId};
use mpanel_kernel::names::Title;
use mpanel_kernel::paging::{Page, PageRequest};
use mpanel_tenancy_contract::events;
use serde_json::json;

use super::Service;
use crate::authz;
use crate::domain::{Limits, Plan};
use crate::error::Error;
use crate::store;

/// What a version of a plan gives.
pub struct Terms {
    pub entitlements: Limits,
    pub oversell: bool,
}

pub struct CreatePlan {
    pub name: String,
    pub terms: Terms,
}

pub struct PlanPatch {
    pub name: Option<String>,
    pub archived: Option<bool>,
    /// The version that the caller has seen.
    pub seen: Option<i64>,
}

impl Service {
    pub async fn create_plan(&self, cx: &OpCx, new: CreatePlan) -> Result<Plan, Error> {
        let allowed = cx.authorize::<authz::Plan, _>(actions::Create)?;
        let name = Title::parse(&new.name).map_err(|error| Error::Invalid(vec![error.at("/name")]))?;
        let mut change = match self.tenancy.spine.begin_once(cx, "plans_create").await? {
            Begin::Run(change) => change,
            Begin::Replay(id) => return self.stored_plan(cx, id).await,
        };
        let id = PlanId::generate();
        let terms = (&new.terms.entitlements, new.terms.oversell);
        store::plans::create(change.tx(), &allowed, (id, name.as_str()), terms, cx.clock().now()).await?;
        let plan = store::plans::get(change.tx(), id).await?.ok_or(Error::NotFound)?;
        let record = Record::new(events::PLAN_CREATED, id, json!({"version": 1})).after(facts(&plan));
        change.record(record).await?;
        change.commit_with(&id).await?;
        Ok(plan)
    }

    pub async fn get_plan(&self, cx: &OpCx, id: PlanId) -> Result<Plan, Error> {
        let plan = self.stored_plan(cx, id).await?;
        cx.authorize::<authz::Plan, _>(actions::Read)?;
        Ok(plan)
    }

    async fn stored_plan(&self, cx: &OpCx, id: PlanId) -> Result<Plan, Error> {
        let mut tx = self.tenancy.spine.db().tenant(cx.tenant()).await?;
        let plan = store::plans::get(&mut tx, id).await?.ok_or(Error::NotFound)?;
        tx.end_read();
        Ok(plan)
    }

    pub async fn list_plans(&self, cx: &OpCx, page: PageRequest) -> Result<Page<Plan>, Error> {
        cx.authorize::<authz::Plan, _>(actions::List)?;
        let mut tx = self.tenancy.spine.db().tenant(cx.tenant()).await?;
        let rows = store::plans::list(&mut tx, page).await?;
        tx.end_read();
        Ok(Page::cut(page, rows, |plan| plan.id.uuid()))
    }

    /// What a seller at or below the acting tenant sells: for whoever puts somebody there.
    pub async fn plans_of(&self, cx: &OpCx, seller: TenantId, page: PageRequest) -> Result<Page<Plan>, Error> {
        let (there, _) = self.reach::<authz::Plan, _>(cx, seller, actions::List).await?;
        self.list_plans(&there, page).await
    }

    pub async fn add_plan_version(&self, cx: &OpCx, id: PlanId, terms: Terms) -> Result<Plan, Error> {
        let mut change = match self.tenancy.spine.begin_once(cx, "plans_create_version").await? {
            Begin::Run(change) => change,
            Begin::Replay(()) => {
                cx.authorize::<authz::Plan, _>(actions::Modify)?;
                return self.stored_plan(cx, id).await;
            }
        };
        let before = store::plans::get(change.tx(), id).await?.ok_or(Error::NotFound)?;
        let allowed = cx.authorize::<authz::Plan, _>(actions::Modify)?;
        let given = (&terms.entitlements, terms.oversell);
        let number = store::plans::add_version(change.tx(), &allowed, id, given, cx.clock().now()).await?;
        let after = store::plans::get(change.tx(), id).await?.ok_or(Error::NotFound)?;
        let record = Record::new(events::PLAN_CHANGED, id, json!({"version": number}));
        change
            .record(record.before(facts(&before)).after(facts(&after)))
            .await?;
        change.commit_with(&()).await?;
        Ok(after)
    }

    pub async fn update_plan(&self, cx: &OpCx, id: PlanId, patch: PlanPatch) -> Result<Plan, Error> {
        let mut change = self.tenancy.spine.begin(cx).await?;
        let before = store::plans::get(change.tx(), id).await?.ok_or(Error::NotFound)?;
        let allowed = cx.authorize::<authz::Plan, _>(actions::Modify)?;
        let name = patch.name.map(|name| Title::parse(&name)).transpose();
        let name = name.map_err(|error| Error::Invalid(vec![error.at("/name")]))?;
        let seen = patch.seen.unwrap_or(before.version);
        if !store::plans::update(
            change.tx(),
            &allowed,
            id,
            seen,
            name.as_ref().map(Title::as_str),
            patch.archived,
        )
        .await?
        {
            return Err(Error::Stale);
        }
        let after = store::plans::get(change.tx(), id).await?.ok_or(Error::NotFound)?;
        let record = Record::new(events::PLAN_CHANGED, id, json!({"version": after.latest.number}));
        change
            .record(record.before(facts(&before)).after(facts(&after)))
            .await?;
        change.commit().await?;
        Ok(after)
    }
}

fn facts(plan: &Plan) -> serde_json::Value {
    json!({
        "name": plan.name,
        "archived": plan.archived,
        "version": plan.latest.number,
        "entitlements": plan.latest.entitlements.to_json(),
        "oversell": plan.latest.oversell,
    })
}
