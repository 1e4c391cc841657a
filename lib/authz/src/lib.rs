//! Authority. An [`OpCx`] says who acts, for which tenant and in which role; [`OpCx::authorize`] is the only way to an
//! [`Allowed`] proof. The write of a store that is asked for takes one, so that a missing check does not compile, and
//! compares it with the transaction's tenant ([`Allowed::holds_in`]); a person's own things stand where the person is at home,
//! which need not be the tenant that is acted for. What follows from that write, or is done by the system, has functions that
//! take none. Deny by default: what no [`RoleRow`] grants is forbidden.
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
