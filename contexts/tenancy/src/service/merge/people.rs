//! Who goes along, and as what.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use mpanel_authz::{OpCx, Rights, Role as BuiltIn, RoleRef, actions};
use mpanel_events::{Change, Record};
use mpanel_kernel::error::FieldError;
use mpanel_kernel::ids::{RoleId, UserId};
use mpanel_pg::TenantTx;
use mpanel_tenancy_contract::events;
use serde_json::json;

use super::Sides;
use super::look::Known;
use crate::authz;
use crate::domain::Role;
use crate::domain::merge::{Becomes, MemberGoes, Merge, RoleGoes, is_mightier, meaning, numbered};
use crate::error::Error;
use crate::service::{Service, grants};
use crate::store;
use crate::store::members::MemberRow;
use crate::store::roles::Content;

/// The members of a tenant, the roles of its own that they have, and what all of these are called.
pub(super) struct People {
    members: Vec<MemberRow>,
    roles: BTreeMap<RoleId, Role>,
    names: BTreeSet<String>,
}

/// Of the transaction's tenant.
pub(super) async fn load(tx: &mut TenantTx) -> Result<People, Error> {
    let members = store::members::list(tx).await?;
    let mut roles = BTreeMap::new();
    for id in members.iter().filter_map(|row| row.role.custom()) {
        if let Some(role) = store::roles::get(tx, id).await? {
            roles.insert(id, role);
        }
    }
    let names = store::merge::role_names(tx).await?;
    Ok(People {
        members,
        roles,
        names: names.iter().map(|name| name.to_lowercase()).collect(),
    })
}

impl People {
    /// One that is not known any more may only look.
    fn rights(&self, role: RoleRef) -> Rights {
        match role {
            RoleRef::BuiltIn(role) => Rights::BuiltIn(role),
            RoleRef::Custom(id) => {
                let role = self.roles.get(&id);
                role.map_or(Rights::BuiltIn(BuiltIn::Viewer), |role| {
                    Rights::Custom(Arc::new(role.into()))
                })
            }
        }
    }
}

/// What the people of one tenant become in the other, and the roles that they need there.
///
/// # Errors
/// Somebody has come since it was looked up who they are.
pub(super) fn go_along(
    theirs: People,
    mut ours: People,
    into: &OpCx,
    known: &Known,
) -> Result<(Vec<RoleGoes>, Vec<MemberGoes>), Error> {
    let mut here = BTreeMap::new();
    let mut addresses = BTreeSet::new();
    for row in &ours.members {
        here.insert(row.user, row.role);
        addresses.extend(known.person(row.user)?.map(|person| person.email.normalised()));
    }
    let mut copies: BTreeMap<RoleId, RoleGoes> = BTreeMap::new();
    let mut members = Vec::new();
    for row in &theirs.members {
        let Some(person) = known.person(row.user)? else {
            continue;
        };
        let had = here.get(&row.user).copied();
        let rises = |had: RoleRef| {
            let (new, old) = (theirs.rights(row.role), ours.rights(had));
            is_mightier(into.permissions(), into.tenant_kind(), &new, &old)
        };
        let stays = match had {
            Some(had) => !person.active || !rises(had),
            // Whoever has an invitation of the other tenant keeps that.
            None => !person.active && addresses.contains(&person.email.normalised()),
        };
        let becomes = if stays {
            Becomes::Stays
        } else {
            let role = match row.role.custom().and_then(|id| theirs.roles.get(&id)) {
                Some(role) => {
                    let copy = copies
                        .entry(role.id)
                        .or_insert_with(|| copy(role, into, &mut ours.names));
                    RoleRef::Custom(copy.copy)
                }
                None => theirs.rights(row.role).role(),
            };
            match (had, person.active) {
                (Some(_), _) => Becomes::Rises(role),
                (None, true) => Becomes::Joins(role),
                (None, false) => Becomes::IsInvited(role),
            }
        };
        members.push(MemberGoes {
            user: row.user,
            email: person.email.clone(),
            name: person.name.clone(),
            role: row.role,
            role_name: row.role_name.clone(),
            had,
            becomes,
        });
    }
    Ok((copies.into_values().collect(), members))
}

/// What means nothing in the other tenant stays behind.
fn copy(role: &Role, into: &OpCx, names: &mut BTreeSet<String>) -> RoleGoes {
    RoleGoes {
        id: role.id,
        copy: RoleId::generate(),
        name: role.name.clone(),
        becomes: numbered(&role.name, names),
        description: role.description.clone(),
        permissions: meaning(into.permissions(), into.tenant_kind(), &role.permissions),
        reaches_descendants: role.reaches_descendants,
    }
}

/// Those whom the actor could not make what they would become, each role once.
///
/// # Errors
/// When the database is away.
pub(super) async fn beyond(
    into: &OpCx,
    tx: &mut TenantTx,
    roles: &[RoleGoes],
    members: &[MemberGoes],
) -> Result<Vec<FieldError>, Error> {
    let mut given: BTreeMap<String, (RoleRef, &MemberGoes)> = BTreeMap::new();
    for member in members {
        if let Some(role) = member.gets() {
            given.entry(role.to_string()).or_insert((role, member));
        }
    }
    let mut found = Vec::new();
    for (role, member) in given.into_values() {
        let may = match roles.iter().find(|copy| RoleRef::Custom(copy.copy) == role) {
            Some(copy) => may_define(into, copy),
            None => grants::may_give(into, tx, role).await,
        };
        match may {
            Ok(()) => {}
            Err(Error::Invalid(fields)) => found.extend(fields.into_iter().map(|field| {
                let text = format!(
                    "{} would be what you cannot make them, {}; leave the members behind (members: false), or ask \
                     somebody who may",
                    member.email, field.message
                );
                FieldError::new("/members", field.code, text)
            })),
            Err(other) => return Err(other),
        }
    }
    Ok(found)
}

fn may_define(into: &OpCx, role: &RoleGoes) -> Result<(), Error> {
    grants::has_all(into, "/members", &role.permissions)?;
    match role.reaches_descendants {
        true => grants::reaches(into, "/members"),
        false => Ok(()),
    }
}

impl Service {
    /// Makes the people what they are to become, and tells the other tenant's log of each. The change acts for the acting tenant
    /// before and after.
    pub(super) async fn bring_people(&self, change: &mut Change, sides: &Sides, merge: &Merge) -> Result<(), Error> {
        let into = &sides.into;
        let acting = change.tx().tenant();
        let now = into.clock().now();
        if !merge.roles.is_empty() {
            let allowed = into.authorize::<authz::Role, _>(actions::Create)?;
            for role in &merge.roles {
                let content = Content {
                    name: &role.becomes,
                    description: &role.description,
                    permissions: &role.permissions,
                    reaches_descendants: role.reaches_descendants,
                };
                change.tx().switch(into.tenant()).await?;
                // Somebody has given a role this name since it was looked for.
                let made = store::roles::create(change.tx(), &allowed, role.copy, &content, now).await;
                made.map_err(|error| match error {
                    Error::RoleNameTaken => Error::Stale,
                    other => other,
                })?;
                let facts = json!({
                    "name": role.becomes,
                    "permissions": role.permissions,
                    "reaches_descendants": role.reaches_descendants,
                    "copied_from": role.id,
                });
                let record = Record::new(events::ROLE_CREATED, role.copy, json!({"version": 1})).after(facts);
                change.tx().switch(acting).await?;
                change.record_for(into, record).await?;
            }
        }
        for member in &merge.members {
            if let Some(record) = self.bring(change, sides, member).await? {
                change.record_for(into, record).await?;
            }
        }
        Ok(())
    }

    /// What the log tells of it, if it is anything.
    async fn bring(&self, change: &mut Change, sides: &Sides, member: &MemberGoes) -> Result<Option<Record>, Error> {
        let Some(role) = member.gets() else {
            return Ok(None);
        };
        let into = &sides.into;
        let allowed = into.authorize::<authz::Member, _>(actions::ManageAccess)?;
        let now = into.clock().now();
        let acting = change.tx().tenant();
        let facts =
            |user: UserId, role: RoleRef| json!({"user": user, "role": role, "merged_from": sides.from.tenant()});
        change.tx().switch(into.tenant()).await?;
        let record = match member.becomes {
            Becomes::Stays => None,
            Becomes::Joins(_) => {
                store::members::add(change.tx(), &allowed, member.user, role, now).await?;
                let facts = facts(member.user, role);
                Some(Record::new(events::MEMBER_ADDED, member.user, facts.clone()).after(facts))
            }
            Becomes::Rises(_) => {
                store::members::set_role(change.tx(), &allowed, member.user, role).await?;
                let record = Record::new(events::MEMBER_CHANGED, member.user, facts(member.user, role));
                let before = member.had.map(|had| facts(member.user, had)).unwrap_or_default();
                Some(record.before(before).after(facts(member.user, role)))
            }
            Becomes::IsInvited(_) => {
                let home = into.tenant();
                let invited = self
                    .accounts
                    .invite(change.tx(), home, &member.email, &member.name, now)
                    .await?;
                let facts = facts(invited.user, role);
                let added = store::members::add(change.tx(), &allowed, invited.user, role, now).await?;
                let record = Record::new(events::MEMBER_ADDED, invited.user, facts.clone()).after(facts);
                let person = json!({"email": member.email.as_str(), "name": member.name});
                added.then(|| record.personal(invited.user, person))
            }
        };
        change.tx().switch(acting).await?;
        Ok(record)
    }
}
