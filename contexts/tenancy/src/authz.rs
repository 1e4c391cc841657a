use mpanel_authz::Action::{Create, Delete, List, ManageAccess, Modify, Read};
use mpanel_authz::{Action, Resource, ResourceInfo, Role as BuiltIn, RoleRow, TenantKind};

/// Tenants below the acting one, and itself.
pub struct Tenant;
impl Resource for Tenant {
    const NAME: &'static str = "tenancy.tenant";
}

/// What the acting tenant and those below it have, as far as it can be found by name.
pub struct Subtree;
impl Resource for Subtree {
    const NAME: &'static str = "tenancy.subtree";
}

/// Archives of all that is a tenant's.
pub struct Export;
impl Resource for Export {
    const NAME: &'static str = "tenancy.export";
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

/// Roles that the tenant has defined.
pub struct Role;
impl Resource for Role {
    const NAME: &'static str = "tenancy.role";
}

/// Leave to act for a tenant as a member of one above it.
pub struct Assumption;
impl Resource for Assumption {
    const NAME: &'static str = "tenancy.assumption";
}

/// What people are told of these when they put a role together.
pub const RESOURCES: &[ResourceInfo] = &[
    ResourceInfo::new(
        Tenant::NAME,
        "Customers",
        "The tenant itself and those below it: add, rename, suspend, put on a plan.",
    ),
    ResourceInfo::new(
        Subtree::NAME,
        "Search",
        "Finding whose a site, a host name or a zone of the tenants below is.",
    ),
    ResourceInfo::new(
        Export::NAME,
        "Archives",
        "Taking everything away that is the tenant's: people, sites with their files, zones and the log.",
    ),
    ResourceInfo::new(
        Member::NAME,
        "Members",
        "Who may work for the tenant, and in which role.",
    ),
    ResourceInfo::new(Plan::NAME, "Plans", "What the tenant sells to those below it."),
    ResourceInfo::new(Role::NAME, "Roles", "Sets of permissions like this one."),
    ResourceInfo::new(
        Assumption::NAME,
        "Support access",
        "Acting for the tenants below, and seeing and ending what those above do here.",
    ),
];

const fn row(
    role: BuiltIn,
    resource: &'static str,
    actions: &'static [Action],
    kinds: &'static [TenantKind],
) -> RoleRow {
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
        BuiltIn::Owner,
        Tenant::NAME,
        &[List, Read, Create, Modify, Delete, ManageAccess],
        TenantKind::ANY,
    ),
    row(
        BuiltIn::Admin,
        Tenant::NAME,
        &[List, Read, Create, Modify, Delete, ManageAccess],
        TenantKind::ANY,
    ),
    row(BuiltIn::Developer, Tenant::NAME, &[List, Read], TenantKind::ANY),
    row(BuiltIn::Viewer, Tenant::NAME, &[List, Read], TenantKind::ANY),
    // Those who may act for the tenants below, and so may see what these have.
    row(BuiltIn::Owner, Subtree::NAME, &[List], TenantKind::ANY),
    row(BuiltIn::Admin, Subtree::NAME, &[List], TenantKind::ANY),
    // It has the log and everybody's address in it: for those who see both, and have a say about them.
    row(
        BuiltIn::Owner,
        Export::NAME,
        &[List, Read, Create, Delete],
        TenantKind::ANY,
    ),
    row(
        BuiltIn::Admin,
        Export::NAME,
        &[List, Read, Create, Delete],
        TenantKind::ANY,
    ),
    row(
        BuiltIn::Owner,
        Member::NAME,
        &[List, ManageAccess, Delete],
        TenantKind::ANY,
    ),
    row(
        BuiltIn::Admin,
        Member::NAME,
        &[List, ManageAccess, Delete],
        TenantKind::ANY,
    ),
    row(BuiltIn::Developer, Member::NAME, &[List], TenantKind::ANY),
    row(BuiltIn::Viewer, Member::NAME, &[List], TenantKind::ANY),
    row(
        BuiltIn::Owner,
        Plan::NAME,
        &[List, Read, Create, Modify],
        TenantKind::SELLERS,
    ),
    row(
        BuiltIn::Admin,
        Plan::NAME,
        &[List, Read, Create, Modify],
        TenantKind::SELLERS,
    ),
    row(BuiltIn::Developer, Plan::NAME, &[List, Read], TenantKind::SELLERS),
    row(BuiltIn::Viewer, Plan::NAME, &[List, Read], TenantKind::SELLERS),
    row(
        BuiltIn::Owner,
        Role::NAME,
        &[List, Read, Create, Modify, Delete],
        TenantKind::ANY,
    ),
    row(
        BuiltIn::Admin,
        Role::NAME,
        &[List, Read, Create, Modify, Delete],
        TenantKind::ANY,
    ),
    row(BuiltIn::Developer, Role::NAME, &[List, Read], TenantKind::ANY),
    row(BuiltIn::Viewer, Role::NAME, &[List, Read], TenantKind::ANY),
    // Whether those above have to ask is for owners to say, and to answer.
    row(
        BuiltIn::Owner,
        Assumption::NAME,
        &[List, Create, Delete, ManageAccess],
        TenantKind::ANY,
    ),
    row(
        BuiltIn::Admin,
        Assumption::NAME,
        &[List, Create, Delete],
        TenantKind::ANY,
    ),
];
