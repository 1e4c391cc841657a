//! What would become of what.

use std::collections::{BTreeSet, HashMap};

use mpanel_authz::{TenantKind, actions};
use mpanel_identity_contract::Profile;
use mpanel_kernel::error::FieldError;
use mpanel_kernel::ids::{TenantId, UserId};
use mpanel_pg::TenantTx;

use super::Sides;
use super::people;
use crate::authz;
use crate::domain::merge::{Merge, PlanGoes, numbered, obstacle};
use crate::domain::{Tenant, TenantState};
use crate::error::Error;
use crate::service::Service;
use crate::store;
use crate::store::merge::{Misfit, Sold, Standing, Why};

/// Who the members of both are, looked up before anything is kept as it is. Programs have memberships and are nobody.
pub(super) struct Known {
    asked: BTreeSet<UserId>,
    profiles: HashMap<UserId, Profile>,
}

impl Known {
    /// Somebody who is no person is `None`.
    ///
    /// # Errors
    /// One of whom nobody has asked has come since.
    pub(super) fn person(&self, user: UserId) -> Result<Option<&Profile>, Error> {
        match self.asked.contains(&user) {
            true => Ok(self.profiles.get(&user)),
            false => Err(Error::Stale),
        }
    }
}

impl Service {
    pub(super) async fn known(&self, (from, into): (TenantId, TenantId)) -> Result<Known, Error> {
        let mut asked = BTreeSet::new();
        for tenant in [from, into] {
            let mut tx = self.tenancy.spine.db().tenant(tenant).await?;
            asked.extend(store::members::list(&mut tx).await?.into_iter().map(|row| row.user));
            tx.end_read();
        }
        let users: Vec<UserId> = asked.iter().copied().collect();
        let profiles = self.accounts.profiles(&users).await?;
        Ok(Known { asked, profiles })
    }

    /// Reads both tenants, as each of them, and puts together what would be done. The transaction acts for the acting tenant
    /// before and after.
    pub(super) async fn look(
        &self,
        sides: &Sides,
        tx: &mut TenantTx,
        known: &Known,
        members: bool,
    ) -> Result<Merge, Error> {
        let (acting, ids) = (tx.tenant(), sides.ids());
        let from = store::tenants::get(tx, ids.0).await?.ok_or(Error::NotFound)?;
        let into = store::tenants::get(tx, ids.1).await?.ok_or(Error::NotFound)?;
        let standing = store::merge::standing(tx, ids).await?;
        is_possible(&from, &into, &standing)?;
        let below = store::tree::size(tx, from.id).await? - 1;
        let misfits = store::merge::misfits(tx, ids).await?;

        tx.switch(from.id).await?;
        let mut in_the_way = Vec::new();
        for context in &self.belongings {
            in_the_way.extend(context.of(tx).await?.iter().map(obstacle));
        }
        let sold = store::merge::sold(tx).await?;
        let theirs = people::load(tx).await?;
        tx.switch(into.id).await?;
        let on_sale = store::merge::plan_names(tx).await?;
        let ours = people::load(tx).await?;
        let wants_consent = store::assumptions::settings(tx).await?.0;
        tx.switch(acting).await?;

        let has_own = !in_the_way.is_empty();
        in_the_way.extend(misfits.iter().filter_map(|misfit| unfit(misfit, &into, has_own)));
        let plans = plans(sold, on_sale);
        if !plans.is_empty() {
            sides.into.authorize::<authz::Plan, _>(actions::Create)?;
        }
        let (roles, members) = match members {
            true => people::go_along(theirs, ours, &sides.into, known)?,
            false => (Vec::new(), Vec::new()),
        };
        if !roles.is_empty() {
            sides.into.authorize::<authz::Role, _>(actions::Create)?;
        }
        if members.iter().any(|member| member.gets().is_some()) {
            sides.into.authorize::<authz::Member, _>(actions::ManageAccess)?;
            if wants_consent && into.id != acting {
                in_the_way.push(asks_first(&into));
            }
            in_the_way.extend(people::beyond(&sides.into, tx, &roles, &members).await?);
        }
        Ok(Merge {
            from,
            into,
            children: standing.children,
            below,
            plans,
            roles,
            members,
            in_the_way,
        })
    }
}

/// # Errors
/// What no change of either tenant would make possible, or a change of its state.
fn is_possible(from: &Tenant, into: &Tenant, standing: &Standing) -> Result<(), Error> {
    let pointed = |code, text: &str| Err(Error::field("/into", code, text));
    if from.state == TenantState::Terminating {
        return Err(Error::Ending);
    }
    if standing.above {
        return pointed(
            "tenancy.merge.below_itself",
            "it stands below the tenant that it would take over",
        );
    }
    if into.kind == TenantKind::Customer && from.kind != TenantKind::Customer {
        let text = "a customer has no tenants below it and sells no plans; name a reseller, or the platform";
        return pointed("tenancy.merge.not_a_seller", text);
    }
    if !standing.active {
        let text = "it is suspended or ending, or stands below one that is; resume or restore that first";
        return pointed("tenancy.merge.not_active", text);
    }
    Ok(())
}

/// What does not fit, for people. What the tenant has of its own its contexts know better, unless it is between two of their steps.
fn unfit(misfit: &Misfit, into: &Tenant, has_own: bool) -> Option<FieldError> {
    let Misfit { key, name, .. } = misfit;
    let (pointer, code, text) = match misfit.why {
        Why::Own if has_own => return None,
        Why::Own => (
            "",
            "tenancy.merge.own_use",
            format!("{name} itself still uses some of {key}: remove that first"),
        ),
        Why::Oversold => (
            "/into",
            "tenancy.merge.oversold",
            format!(
                "{name} is promised more of {key} than {} has: put that on a larger plan, or on one with leave to oversell",
                into.name
            ),
        ),
        Why::NoRoom => (
            "/into",
            "tenancy.merge.no_room",
            format!("{name} has not enough of {key} left for all that comes: put it on a larger plan"),
        ),
    };
    Some(FieldError::new(pointer, code, text))
}

fn asks_first(into: &Tenant) -> FieldError {
    let text = format!(
        "{} wants to be asked before its people are others: leave these behind (members: false), and have it invite them",
        into.name
    );
    FieldError::new("/members", "tenancy.merge.consent_required", text)
}

/// Plans that are no longer on sale keep their names, which nobody chooses from.
fn plans(sold: Vec<Sold>, on_sale: Vec<String>) -> Vec<PlanGoes> {
    let mut taken: BTreeSet<String> = on_sale.iter().map(|name| name.to_lowercase()).collect();
    let goes = sold.into_iter().map(|plan| PlanGoes {
        id: plan.id,
        becomes: match plan.archived {
            true => plan.name.clone(),
            false => numbered(&plan.name, &mut taken),
        },
        name: plan.name,
        archived: plan.archived,
        latest: plan.latest,
        subscribers: plan.subscribers,
    });
    goes.collect()
}
