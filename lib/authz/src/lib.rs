//! Authority. An [`OpCx`] says who acts, for which tenant and in which role; [`OpCx::authorize`]
//! is the only way to a [`Allowed`] proof, and every store function that writes takes one, so a
//! missing check does not compile. Deny by default: what no [`RoleRow`] grants is forbidden.
#![forbid(unsafe_code)]

mod cx;
mod permissions;
mod rights;
mod scopes;

pub use cx::{Actor, Assumption, Device, IdempotencyKey, OpCx, OpCxParts, Step};
pub use permissions::{
    Action, ActionType, Allowed, Denied, Permissions, PermissionsError, Resource, ResourceInfo, Role, RoleRow,
    TenantKind, actions,
};
pub use rights::{CustomRole, ParseRoleError, Rights, RoleRef};
pub use scopes::{ScopeError, Scopes};

#[cfg(test)]
mod tests;
