use jiff::Timestamp;
use mpanel_authz::{OpCx, TenantKind, actions};
use mpanel_events::{Begin, Record};
use mpanel_kernel::ids::{PlanId, TenantId};
use mpanel_kernel::names::{EmailAddress, Slug, Title};
use mpanel_kernel::paging::{Page, PageRequest};
use mpanel_pg::TenantTx;
use mpanel_tenancy_contract::{EntitlementKey, Month, events};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Activation, Service};
use crate::authz;
use crate::domain::{Limits, Tenant, TenantState};
use crate::error::Error;
use crate::store;

pub struct Owner {
    pub email: EmailAddress,
    pub name: String,
}

pub struct CreateTenant {
    pub kind: TenantKind,
    pub name: String,
    pub slug: Option<Slug>,
    pub plan: Option<PlanId>,
    pub owner: Option<Owner>,
}

pub struct CreatedTenant {
    pub tenant: Tenant,
    pub activation: Option<Activation>,
}

/// What a replay of the creation tells: the link was shown once.
#[derive(Serialize, Deserialize)]
struct Created {
    id: TenantId,
}

pub struct TenantPatch {
    pub name: Option<String>,
    pub state: Option<TenantState>,
    /// The version that the caller has seen.
    pub seen: Option<i64>,
}

impl Service {
    pub async fn create_tenant(&self, cx: &OpCx, new: CreateTenant) -> Result<CreatedTenant, Error> {
        let allowed = cx.authorize::<authz::Tenant, _>(actions::Create)?;
        if !TenantKind::SELLERS.contains(&cx.tenant_kind()) {
            return Err(Error::NotASeller);
        }
        if new.kind == TenantKind::Platform {
            return Err(Error::field(
                "/kind",
                "tenancy.tenant.bad_kind",
                "a new tenant is a reseller or a customer",
            ));
        }
        let person = new
            .owner
            .as_ref()
            .map(|owner| Title::parse(&owner.name).map_err(|error| error.at("/owner/name")))
            .transpose();
        let name = Title::parse(&new.name).map_err(|error| error.at("/name"));
        let (name, person) = match (name, person) {
            (Ok(name), Ok(person)) => (name, person),
            (name, person) => return Err(Error::Invalid(name.err().into_iter().chain(person.err()).collect())),
        };
        let slug = new.slug.unwrap_or_else(|| Slug::from_title(name.as_str()));
        let now = cx.clock().now();
        let mut change = match self.tenancy.spine.begin_once(cx, "tenants_create").await? {
            Begin::Run(change) => change,
            Begin::Replay(Created { id }) => {
                return Ok(CreatedTenant {
                    tenant: self.stored_tenant(cx, id).await?,
                    activation: None,
                });
            }
        };
        let id = TenantId::generate();
        let row = (id, new.kind, name.as_str(), slug.as_str());
        if !store::tenants::create(change.tx(), &allowed, row, now).await? {
            return Err(Error::Suspended);
        }
        if let Some(plan) = new.plan {
            self.put_on_plan(cx, change.tx(), id, plan, &Limits::default(), now)
                .await?;
        }
        let mut activation = None;
        let (mut owner_id, mut invited_owner) = (None, None);
        if let Some((owner, person)) = new.owner.zip(person) {
            let invited = self
                .accounts
                .invite(change.tx(), id, &owner.email, person.as_str(), now)
                .await?;
            store::members::add_owner(change.tx(), &allowed, id, invited.user, now).await?;
            owner_id = Some(invited.user);
            invited_owner = Some((invited.user, json!({"email": owner.email.as_str(), "name": person})));
            activation = invited.activation.map(Activation::from);
        }
        let tenant = store::tenants::get(change.tx(), id).await?.ok_or(Error::NotFound)?;
        let data = json!({"kind": new.kind, "slug": slug, "plan": new.plan, "owner": owner_id});
        let mut after = facts(&tenant);
        after["owner"] = json!(owner_id);
        let mut record = Record::new(events::TENANT_CREATED, id, data).after(after);
        if let Some((owner, facts)) = invited_owner {
            record = record.personal(owner, facts);
        }
        change.record(record).await?;
        change.commit_with(&Created { id }).await?;
        Ok(CreatedTenant { tenant, activation })
    }

    pub async fn get_tenant(&self, cx: &OpCx, id: TenantId) -> Result<Tenant, Error> {
        let tenant = self.stored_tenant(cx, id).await?;
        cx.authorize::<authz::Tenant, _>(actions::Read)?;
        Ok(tenant)
    }

    async fn stored_tenant(&self, cx: &OpCx, id: TenantId) -> Result<Tenant, Error> {
        let mut tx = self.tenancy.spine.db().tenant(cx.tenant()).await?;
        let tenant = store::tenants::get(&mut tx, id).await?.ok_or(Error::NotFound)?;
        tx.end_read();
        Ok(tenant)
    }

    /// Tenants below the acting one; only the children of `below`, if given.
    pub async fn list_tenants(
        &self,
        cx: &OpCx,
        below: Option<TenantId>,
        page: PageRequest,
    ) -> Result<Page<Tenant>, Error> {
        cx.authorize::<authz::Tenant, _>(actions::List)?;
        let mut tx = self.tenancy.spine.db().tenant(cx.tenant()).await?;
        let rows = store::tenants::list(&mut tx, below, page).await?;
        tx.end_read();
        Ok(Page::cut(page, rows, |tenant| tenant.id.uuid()))
    }

    pub async fn update_tenant(&self, cx: &OpCx, id: TenantId, patch: TenantPatch) -> Result<Tenant, Error> {
        let mut change = self.tenancy.spine.begin(cx).await?;
        let before = store::tenants::get(change.tx(), id).await?.ok_or(Error::NotFound)?;
        let allowed = cx.authorize::<authz::Tenant, _>(actions::Modify)?;
        let name = patch.name.map(|name| Title::parse(&name)).transpose();
        let name = name.map_err(|error| Error::Invalid(vec![error.at("/name")]))?;
        if patch.state.is_some_and(|state| state != before.state) && id == cx.tenant() {
            return Err(Error::OwnState);
        }
        if patch.state.is_some() && before.state == TenantState::Terminating {
            return Err(Error::Ending);
        }
        if patch.seen.is_some_and(|seen| seen != before.version) {
            return Err(Error::Stale);
        }
        if !store::tenants::update(
            change.tx(),
            &allowed,
            id,
            before.version,
            name.as_ref().map(Title::as_str),
            patch.state,
        )
        .await?
        {
            return Err(Error::Stale);
        }
        let after = store::tenants::get(change.tx(), id).await?.ok_or(Error::NotFound)?;
        if after.state == TenantState::Active && before.state != after.state {
            self.end_unasked(cx, &mut change, id).await?;
        }
        let record = Record::new(events::TENANT_CHANGED, id, json!({"state": after.state.as_str()}));
        change
            .record(record.before(facts(&before)).after(facts(&after)))
            .await?;
        change.commit().await?;
        Ok(after)
    }

    /// Use and limits of a tenant; of what is measured, the use in this month (UTC).
    pub async fn usage(&self, cx: &OpCx, id: TenantId) -> Result<Vec<(EntitlementKey, i64, Option<i64>)>, Error> {
        self.get_tenant(cx, id).await?;
        let mut tx = self.tenancy.spine.db().tenant(cx.tenant()).await?;
        let mut usage = store::entitlements::usage(&mut tx, id).await?;
        let measured = store::metering::used(&mut tx, id, Month::at(cx.clock().now())).await?;
        tx.end_read();
        for (key, used, _) in usage.iter_mut().filter(|(key, ..)| key.is_measured()) {
            *used = measured.get(key).copied().unwrap_or(0);
        }
        Ok(usage)
    }

    /// Puts a child of the acting tenant on the latest version of a plan.
    pub async fn subscribe(&self, cx: &OpCx, id: TenantId, plan: PlanId, overrides: &Limits) -> Result<Tenant, Error> {
        let mut change = self.tenancy.spine.begin(cx).await?;
        let before = store::tenants::get(change.tx(), id).await?.ok_or(Error::NotFound)?;
        cx.authorize::<authz::Tenant, _>(actions::ManageAccess)?;
        if before.parent_id != Some(cx.tenant()) {
            return Err(Error::NotTheSeller);
        }
        self.put_on_plan(cx, change.tx(), id, plan, overrides, cx.clock().now())
            .await?;
        let after = store::tenants::get(change.tx(), id).await?.ok_or(Error::NotFound)?;
        let plan = after.plan.as_ref();
        let data = json!({"plan": plan.map(|plan| plan.id), "version": plan.map(|plan| plan.version)});
        let record = Record::new(events::SUBSCRIPTION_CHANGED, id, data);
        change
            .record(record.before(facts(&before)).after(facts(&after)))
            .await?;
        change.commit().await?;
        Ok(after)
    }

    async fn put_on_plan(
        &self,
        cx: &OpCx,
        tx: &mut TenantTx,
        tenant: TenantId,
        plan: PlanId,
        overrides: &Limits,
        now: Timestamp,
    ) -> Result<(), Error> {
        let allowed = cx.authorize::<authz::Tenant, _>(actions::ManageAccess)?;
        let plan = store::plans::get(tx, plan)
            .await?
            .ok_or_else(|| Error::field("/plan_id", "tenancy.plan.unknown", "there is no such plan here"))?;
        if plan.archived {
            return Err(Error::PlanArchived);
        }
        let limits = plan.latest.entitlements.clone().with(overrides).complete();
        let terms = (plan.id, plan.latest.number);
        match store::entitlements::subscribe(tx, &allowed, tenant, terms, (overrides, &limits), now).await? {
            None => Ok(()),
            Some(key) => Err(Error::Oversold(key)),
        }
    }
}

/// What the log tells of a tenant, before and after.
fn facts(tenant: &Tenant) -> Value {
    let plan = tenant.plan.as_ref();
    json!({
        "kind": tenant.kind,
        "name": tenant.name,
        "slug": tenant.slug,
        "state": tenant.state.as_str(),
        "plan": plan.map(|plan| plan.id),
        "plan_version": plan.map(|plan| plan.version),
    })
}
