//! One tenant takes over another: everybody below it, the plans they are on and its people go there, and what is left of it ends.

mod log;
mod look;
mod people;

use mpanel_authz::{OpCx, actions};
use mpanel_events::Begin;
use mpanel_kernel::ids::{PlanId, TenantId};

use super::Service;
use crate::authz;
use crate::domain::Tenant;
use crate::domain::merge::Merge;
use crate::error::Error;
use crate::store;
use crate::store::merge::{Copy, Moved};

/// What one wants to see before.
pub struct Outlook {
    /// Who is to take over.
    pub into: Option<TenantId>,
    /// Whether its people go along.
    pub members: bool,
}

/// How one tenant is to take over another.
pub struct Merging {
    pub into: TenantId,
    /// The name of the one that is taken over, as a sign that this one is meant.
    pub name: String,
    /// How many stand below it and go along.
    pub tenants_below: Option<i64>,
    /// Whether its people go along.
    pub members: bool,
    /// Days until what is left of it goes for good; as the installation is set up when absent.
    pub grace_days: Option<u32>,
}

/// The actor in all places that are concerned.
struct Sides {
    from: OpCx,
    into: OpCx,
    /// Directly above each, unless that is the acting tenant, or stands above it.
    above_from: Option<OpCx>,
    above_into: Option<OpCx>,
}

impl Sides {
    fn ids(&self) -> (TenantId, TenantId) {
        (self.from.tenant(), self.into.tenant())
    }
}

impl Service {
    /// What would become of what, and what stands in the way. Changes nothing and keeps nobody waiting.
    pub async fn outlook(&self, cx: &OpCx, id: TenantId, wanted: Outlook) -> Result<Merge, Error> {
        let from = self.taken_over(cx, id).await?;
        let sides = self.sides(cx, from, ("?into", wanted.into)).await?;
        let known = self.known(sides.ids()).await?;
        let mut tx = self.tenancy.spine.db().tenant(cx.tenant()).await?;
        let merge = self.look(&sides, &mut tx, &known, wanted.members).await?;
        tx.end_read();
        Ok(merge)
    }

    /// Merges a tenant into another one; answers with what is left of it. Who does so stands above both, and may decide for both.
    pub async fn merge_tenant(&self, cx: &OpCx, id: TenantId, how: Merging) -> Result<Tenant, Error> {
        let from = self.taken_over(cx, id).await?;
        is_named(&self.get_tenant(cx, id).await?, &how)?;
        let sides = self.sides(cx, from, ("/into", Some(how.into))).await?;
        let (moves, ends) = (
            cx.authorize::<authz::Tenant, _>(actions::ManageAccess)?,
            cx.authorize::<authz::Tenant, _>(actions::Delete)?,
        );
        let now = cx.clock().now();
        let known = self.known(sides.ids()).await?;
        let mut change = match self.tenancy.spine.begin_once(cx, "tenants_merge").await? {
            Begin::Run(change) => change,
            Begin::Replay(()) => return self.get_tenant(cx, id).await,
        };
        let ends_at = self.ends_at(cx, change.tx(), (id, how.grace_days)).await?;
        // From here on nobody counts, comes or goes anywhere in the tree, and what is seen stays.
        if !store::merge::hold(change.tx(), &moves, sides.ids()).await? {
            return Err(Error::NotFound);
        }
        for tenant in [how.into, id] {
            change.tx().switch(tenant).await?;
            store::members::lock(change.tx()).await?;
        }
        change.tx().switch(cx.tenant()).await?;
        let merge = self.look(&sides, change.tx(), &known, how.members).await?;
        sides.hold_for(cx, &merge)?;
        agreed(&merge, &how)?;
        if !merge.in_the_way.is_empty() {
            return Err(Error::InTheWay(merge.in_the_way));
        }
        let plans: Vec<(PlanId, &str)> = merge
            .plans
            .iter()
            .map(|plan| (plan.id, plan.becomes.as_str()))
            .collect();
        let copies: Vec<Copy<'_>> = plans
            .into_iter()
            .map(|(plan, name)| Copy {
                plan,
                copy: PlanId::generate(),
                name,
            })
            .collect();
        let (proofs, times) = ((&moves, &ends), (now, ends_at));
        let moved = store::merge::merge(change.tx(), proofs, sides.ids(), &copies, times).await?;
        self.bring_people(&mut change, &sides, &merge).await?;
        self.end_unasked(cx, &mut change, how.into).await?;
        let after = store::tenants::get(change.tx(), id).await?.ok_or(Error::NotFound)?;
        self.tell(
            &mut change,
            &sides,
            &merge,
            &Outcome {
                after: &after,
                copies: &copies,
                moved: &moved,
            },
        )
        .await?;
        change.commit_with(&()).await?;
        Ok(after)
    }

    /// The actor in the tenant that is to be taken over, which ends by that.
    async fn taken_over(&self, cx: &OpCx, id: TenantId) -> Result<OpCx, Error> {
        let (from, _) = self.reach::<authz::Tenant, _>(cx, id, actions::ManageAccess).await?;
        from.authorize::<authz::Tenant, _>(actions::Delete)?;
        Ok(from)
    }

    /// Where the actor has to be able to decide: for both tenants, of which none is the acting one, unless that takes over.
    async fn sides(
        &self,
        cx: &OpCx,
        from: OpCx,
        (pointer, into): (&'static str, Option<TenantId>),
    ) -> Result<Sides, Error> {
        let id = from.tenant();
        let unknown = || Error::field(pointer, "tenancy.tenant.unknown", "there is no such tenant here");
        let into = into.ok_or_else(unknown)?;
        let found = self.reach::<authz::Tenant, _>(cx, into, actions::ManageAccess).await;
        let (into, _) = found.map_err(|error| match error {
            Error::NotFound => unknown(),
            other => other,
        })?;
        if id == cx.tenant() {
            return Err(Error::OwnMerge);
        }
        if id == into.tenant() {
            let text = "a tenant does not take itself over; name another one";
            return Err(Error::field(pointer, "tenancy.merge.itself", text));
        }
        let mut above = Vec::new();
        for tenant in [id, into.tenant()] {
            let parent = self.get_tenant(cx, tenant).await?.parent_id;
            let below = parent.filter(|parent| *parent != cx.tenant() && tenant != cx.tenant());
            above.push(match below {
                Some(parent) => Some(
                    self.reach::<authz::Tenant, _>(cx, parent, actions::ManageAccess)
                        .await?
                        .0,
                ),
                None => None,
            });
        }
        let above_into = above.pop().flatten();
        Ok(Sides {
            from,
            into,
            above_from: above.pop().flatten(),
            above_into,
        })
    }
}

impl Sides {
    /// Whether both still stand where they stood: whoever lost or got one of them meanwhile would not be told.
    fn hold_for(&self, cx: &OpCx, merge: &Merge) -> Result<(), Error> {
        for (tenant, above) in [(&merge.from, &self.above_from), (&merge.into, &self.above_into)] {
            let seen = above.as_ref().map(OpCx::tenant);
            let is = tenant
                .parent_id
                .filter(|parent| *parent != cx.tenant() && tenant.id != cx.tenant());
            if seen != is {
                return Err(Error::Stale);
            }
        }
        Ok(())
    }
}

/// Whether whoever does it has named the one that is taken over.
fn is_named(from: &Tenant, how: &Merging) -> Result<(), Error> {
    if how.name == from.name {
        return Ok(());
    }
    let text = "this is not the name of the tenant that would be taken over; give its name to go on";
    Err(Error::field("/name", "tenancy.tenant.name_differs", text))
}

/// Whether whoever does it has said what is taken over, as it is.
fn agreed(merge: &Merge, how: &Merging) -> Result<(), Error> {
    is_named(&merge.from, how)?;
    if how.tenants_below.unwrap_or(0) != merge.below {
        let text = format!(
            "tenants below it go along, and they are {}: say so to go on",
            merge.below
        );
        return Err(Error::field("/tenants_below", "tenancy.tenant.others_below", text));
    }
    Ok(())
}

/// What was done, for those who are told.
struct Outcome<'a> {
    /// What is left of the one that was taken over.
    after: &'a Tenant,
    copies: &'a [Copy<'a>],
    moved: &'a [Moved],
}
