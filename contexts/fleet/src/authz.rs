use mpanel_authz::Action::{List, Read};
use mpanel_authz::{Resource, ResourceInfo, Role, RoleRow, TenantKind};

/// Machines; only the platform's members see them.
pub struct Node;
impl Resource for Node {
    const NAME: &'static str = "fleet.node";
}

/// What people are told of it when they put a role together.
pub const RESOURCES: &[ResourceInfo] = &[ResourceInfo::new(
    Node::NAME,
    "Machines",
    "The installation's machines and their processes.",
)];

const fn row(role: Role) -> RoleRow {
    RoleRow {
        role,
        resource: Node::NAME,
        actions: &[List, Read],
        kinds: &[TenantKind::Platform],
    }
}

pub const ROLES: &[RoleRow] = &[
    row(Role::Owner),
    row(Role::Admin),
    row(Role::Developer),
    row(Role::Viewer),
];
