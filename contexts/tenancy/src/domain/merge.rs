//! What becomes of what a tenant has when another one takes it over.

use std::collections::BTreeSet;

use mpanel_authz::{Action, Permissions, Rights, Role as BuiltIn, RoleRef, TenantKind};
use mpanel_kernel::error::FieldError;
use mpanel_kernel::ids::{PlanId, RoleId, UserId};
use mpanel_kernel::names::{EmailAddress, Title};
use mpanel_tenancy_contract::Belonging;

use super::{Tenant, split};

/// One tenant into another, before it is done or as it is done.
#[derive(Debug, Clone)]
pub struct Merge {
    pub from: Tenant,
    pub into: Tenant,
    /// How many stand directly below, and go below the other.
    pub children: i64,
    /// How many stand below at all.
    pub below: i64,
    pub plans: Vec<PlanGoes>,
    pub roles: Vec<RoleGoes>,
    pub members: Vec<MemberGoes>,
    /// Each keeps it from being done, and says what to do about that.
    pub in_the_way: Vec<FieldError>,
}

/// A plan that somebody below is on: the other tenant gets one like it, with all its versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanGoes {
    pub id: PlanId,
    pub name: String,
    /// The name of the copy.
    pub becomes: String,
    pub archived: bool,
    /// The newest version, which the copy has as well.
    pub latest: i32,
    pub subscribers: i64,
}

/// A role of the tenant's own that somebody needs who goes along: the other tenant gets one like it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleGoes {
    pub id: RoleId,
    /// The copy's id: a new one each time that it is looked at.
    pub copy: RoleId,
    pub name: String,
    pub becomes: String,
    pub description: String,
    pub permissions: Vec<String>,
    pub reaches_descendants: bool,
}

/// A person of the tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberGoes {
    pub user: UserId,
    pub email: EmailAddress,
    pub name: String,
    /// In the tenant that is taken over, and what that calls it if it is its own.
    pub role: RoleRef,
    pub role_name: Option<String>,
    /// Of somebody who is a member of the other one already: the role there.
    pub had: Option<RoleRef>,
    pub becomes: Becomes,
}

impl MemberGoes {
    /// The role that they get, if they get one.
    #[must_use]
    pub fn gets(&self) -> Option<RoleRef> {
        match self.becomes {
            Becomes::Joins(role) | Becomes::Rises(role) | Becomes::IsInvited(role) => Some(role),
            Becomes::Stays => None,
        }
    }
}

/// What somebody is in the other tenant afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Becomes {
    /// A member, in this role of the other tenant.
    Joins(RoleRef),
    /// A member with this role, which is more than what they had.
    Rises(RoleRef),
    /// What they are there already.
    Stays,
    /// They have not accepted the tenant's invitation, and get one of the other tenant.
    IsInvited(RoleRef),
}

/// A name that is not among those taken, which it joins: itself, or with the first number that is free behind it.
pub fn numbered(name: &str, taken: &mut BTreeSet<String>) -> String {
    let free = |name: &str, taken: &mut BTreeSet<String>| taken.insert(name.to_lowercase());
    if free(name, taken) {
        return name.to_owned();
    }
    let mut number = 2_u32;
    loop {
        let suffix = format!(" ({number})");
        let kept: String = name.chars().take(Title::MAX - suffix.len()).collect();
        let candidate = format!("{}{suffix}", kept.trim_end());
        if free(&candidate, taken) {
            return candidate;
        }
        number += 1;
    }
}

/// Whether a role gives more in a tenant of this kind than another one. Owners are what they are beside all that they may; of
/// two that differ in both directions neither is more.
#[must_use]
pub fn is_mightier(table: &Permissions, kind: TenantKind, one: &Rights, other: &Rights) -> bool {
    if *one == BuiltIn::Owner || *other == BuiltIn::Owner {
        return *one == BuiltIn::Owner && *other != BuiltIn::Owner;
    }
    let (more, less) = (all_of(table, kind, one), all_of(table, kind, other));
    let (reaches, reached) = (one.reaches_descendants(), other.reaches_descendants());
    let wider = reaches && !reached;
    less.is_subset(&more) && (reaches || !reached) && (more.len() > less.len() || wider)
}

fn all_of<'a>(table: &'a Permissions, kind: TenantKind, rights: &'a Rights) -> BTreeSet<(&'a str, &'static str)> {
    match rights {
        Rights::BuiltIn(role) => {
            let all = table.of(*role, kind);
            let given = all.filter(|(resource, action)| !table.is_personal(kind, resource, *action));
            given.map(|(resource, action)| (resource, action.as_str())).collect()
        }
        Rights::Custom(role) => {
            let known = |permission: &'a String| split(permission).filter(|given| means(table, kind, *given));
            let given = role.permissions.iter().filter_map(known);
            given.map(|(resource, action)| (resource, action.as_str())).collect()
        }
    }
}

/// Those of some permissions that mean something in a tenant of this kind.
#[must_use]
pub fn meaning(table: &Permissions, kind: TenantKind, permissions: &[String]) -> Vec<String> {
    let means = |permission: &&String| split(permission).is_some_and(|given| means(table, kind, given));
    permissions.iter().filter(means).cloned().collect()
}

fn means(table: &Permissions, kind: TenantKind, (resource, action): (&str, Action)) -> bool {
    table.exists(kind, resource, action) && !table.is_personal(kind, resource, action)
}

/// What keeps a tenant from being taken over, since it would have to go along and cannot.
#[must_use]
pub fn obstacle(belonging: &Belonging) -> FieldError {
    let Belonging {
        code,
        what,
        count,
        some,
        remedy,
    } = belonging;
    let named = match (
        some.len(),
        usize::try_from(*count).is_ok_and(|count| count > some.len()),
    ) {
        (0, _) => String::new(),
        (_, true) => format!(" ({}, …)", some.join(", ")),
        (_, false) => format!(" ({})", some.join(", ")),
    };
    FieldError::new("", *code, format!("it has {what} of its own, {count}{named}: {remedy}"))
}
