use mpanel_authz::Action::{Create, Delete, List, Modify, Read};
use mpanel_authz::{Action, Resource, ResourceInfo, Role, RoleRow, TenantKind};

/// Zones of a tenant.
pub struct Zone;
impl Resource for Zone {
    const NAME: &'static str = "dns.zone";
}

/// Records in them.
pub struct Record;
impl Resource for Record {
    const NAME: &'static str = "dns.record";
}

/// What people are told of these when they put a role together.
pub const RESOURCES: &[ResourceInfo] = &[
    ResourceInfo::new(Zone::NAME, "DNS zones", "Domains whose DNS is answered here."),
    ResourceInfo::new(Record::NAME, "DNS records", "What a zone answers."),
];

const fn row(role: Role, resource: &'static str, actions: &'static [Action]) -> RoleRow {
    RoleRow {
        role,
        resource,
        actions,
        kinds: TenantKind::ANY,
    }
}

const ALL: &[Action] = &[List, Read, Create, Modify, Delete];
const SEE: &[Action] = &[List, Read];

pub const ROLES: &[RoleRow] = &[
    row(Role::Owner, Zone::NAME, ALL),
    row(Role::Admin, Zone::NAME, ALL),
    row(Role::Developer, Zone::NAME, SEE),
    row(Role::Viewer, Zone::NAME, SEE),
    row(Role::Owner, Record::NAME, ALL),
    row(Role::Admin, Record::NAME, ALL),
    row(Role::Developer, Record::NAME, ALL),
    row(Role::Viewer, Record::NAME, SEE),
];
