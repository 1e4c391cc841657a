use mpanel_authz::Action::{Create, Delete, List, ManageAccess, Modify, Read};
use mpanel_authz::{Action, Resource, Role, RoleRow, TenantKind};

/// Tenants below the acting one, and itself.
pub struct Tenant;
impl Resource for Tenant {
    const NAME: &'static str = "tenancy.tenant";
}

/// Members of a tenant.
pub struct Member;
impl Resource for Member {
    const NAME: &'static str = "tenancy.member";
}

/// Plans that the acting tenant sells.
pub struct Plan;
impl Resource for Plan {
    const NAME: &'static str = "tenancy.plan";
}

const fn row(role: Role, resource: &'static str, actions: &'static [Action], kinds: &'static [TenantKind]) -> RoleRow {
    RoleRow {
        role,
        resource,
        actions,
        kinds,
    }
}

pub const ROLES: &[RoleRow] = &[
    // A customer's owner renames the own account; only sellers have tenants below them.
    row(
        Role::Owner,
        Tenant::NAME,
        &[List, Read, Create, Modify, ManageAccess],
        TenantKind::ANY,
    ),
    row(
        Role::Admin,
        Tenant::NAME,
        &[List, Read, Create, Modify, ManageAccess],
        TenantKind::ANY,
    ),
    row(Role::Developer, Tenant::NAME, &[List, Read], TenantKind::ANY),
    row(Role::Viewer, Tenant::NAME, &[List, Read], TenantKind::ANY),
    row(
        Role::Owner,
        Member::NAME,
        &[List, ManageAccess, Delete],
        TenantKind::ANY,
    ),
    row(
        Role::Admin,
        Member::NAME,
        &[List, ManageAccess, Delete],
        TenantKind::ANY,
    ),
    row(Role::Developer, Member::NAME, &[List], TenantKind::ANY),
    row(Role::Viewer, Member::NAME, &[List], TenantKind::ANY),
    row(
        Role::Owner,
        Plan::NAME,
        &[List, Read, Create, Modify],
        TenantKind::SELLERS,
    ),
    row(
        Role::Admin,
        Plan::NAME,
        &[List, Read, Create, Modify],
        TenantKind::SELLERS,
    ),
    row(Role::Developer, Plan::NAME, &[List, Read], TenantKind::SELLERS),
    row(Role::Viewer, Plan::NAME, &[List, Read], TenantKind::SELLERS),
];
