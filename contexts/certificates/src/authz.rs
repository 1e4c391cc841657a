use mpanel_authz::Action::{List, Read};
use mpanel_authz::{Resource, ResourceInfo, Role, RoleRow, TenantKind};

/// A tenant's certificates.
pub struct Certificate;
impl Resource for Certificate {
    const NAME: &'static str = "certificates.certificate";
}

/// What people are told of it when they put a role together.
pub const RESOURCES: &[ResourceInfo] = &[ResourceInfo::new(
    Certificate::NAME,
    "Certificates",
    "TLS certificates of the host names.",
)];

const fn row(role: Role) -> RoleRow {
    RoleRow {
        role,
        resource: Certificate::NAME,
        actions: &[List, Read],
        kinds: TenantKind::ANY,
    }
}

pub const ROLES: &[RoleRow] = &[
    row(Role::Owner),
    row(Role::Admin),
    row(Role::Developer),
    row(Role::Viewer),
];
