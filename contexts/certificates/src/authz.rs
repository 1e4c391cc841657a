use mpanel_authz::Action::{self, Create, Delete, List, Read};
use mpanel_authz::{Resource, ResourceInfo, Role, RoleRow, TenantKind};

/// A tenant's certificates.
pub struct Certificate;
impl Resource for Certificate {
    const NAME: &'static str = "certificates.certificate";
}

/// Public authorities; only the platform's members see them.
pub struct Issuer;
impl Resource for Issuer {
    const NAME: &'static str = "certificates.issuer";
}

/// What people are told of it when they put a role together.
pub const RESOURCES: &[ResourceInfo] = &[
    ResourceInfo::new(Certificate::NAME, "Certificates", "TLS certificates of the host names."),
    ResourceInfo::new(
        Issuer::NAME,
        "Certificate authorities",
        "The public authorities that certificates are ordered of.",
    ),
];

const fn row(role: Role) -> RoleRow {
    RoleRow {
        role,
        resource: Certificate::NAME,
        actions: &[List, Read],
        kinds: TenantKind::ANY,
    }
}

const fn issuers(role: Role, actions: &'static [Action]) -> RoleRow {
    RoleRow {
        role,
        resource: Issuer::NAME,
        actions,
        kinds: &[TenantKind::Platform],
    }
}

pub const ROLES: &[RoleRow] = &[
    row(Role::Owner),
    row(Role::Admin),
    row(Role::Developer),
    row(Role::Viewer),
    issuers(Role::Owner, &[List, Read, Create, Delete]),
    issuers(Role::Admin, &[List, Read, Create, Delete]),
    issuers(Role::Developer, &[List, Read]),
    issuers(Role::Viewer, &[List, Read]),
];
