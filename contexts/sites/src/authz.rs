use mpanel_authz::Action::{Create, Delete, List, Modify, Operate, Read};
use mpanel_authz::{Action, Resource, ResourceInfo, Role, RoleRow, TenantKind};

/// Websites.
pub struct Site;
impl Resource for Site {
    const NAME: &'static str = "sites.site";
}

/// Host names at which a site answers.
pub struct Domain;
impl Resource for Domain {
    const NAME: &'static str = "sites.domain";
}

/// Archives on their way in.
pub struct Upload;
impl Resource for Upload {
    const NAME: &'static str = "sites.upload";
}

/// Versions of a site's files.
pub struct Release;
impl Resource for Release {
    const NAME: &'static str = "sites.release";
}

/// What people are told of these when they put a role together.
pub const RESOURCES: &[ResourceInfo] = &[
    ResourceInfo::new(
        Site::NAME,
        "Websites",
        "The websites themselves, their settings and traffic.",
    ),
    ResourceInfo::new(Domain::NAME, "Site domains", "Host names at which a website answers."),
    ResourceInfo::new(Upload::NAME, "Uploads", "Archives on their way to a website."),
    ResourceInfo::new(
        Release::NAME,
        "Releases",
        "Versions of a website's files, and which of them is shown.",
    ),
];

const fn row(role: Role, resource: &'static str, actions: &'static [Action]) -> RoleRow {
    RoleRow {
        role,
        resource,
        actions,
        kinds: TenantKind::ANY,
    }
}

const ALL: &[Action] = &[List, Read, Create, Modify, Delete, Operate];
const BUILD: &[Action] = &[List, Read, Create, Modify, Operate];
const SEE: &[Action] = &[List, Read];

pub const ROLES: &[RoleRow] = &[
    row(Role::Owner, Site::NAME, ALL),
    row(Role::Admin, Site::NAME, ALL),
    row(Role::Developer, Site::NAME, BUILD),
    row(Role::Viewer, Site::NAME, SEE),
    row(Role::Owner, Domain::NAME, ALL),
    row(Role::Admin, Domain::NAME, ALL),
    row(Role::Developer, Domain::NAME, BUILD),
    row(Role::Viewer, Domain::NAME, SEE),
    row(Role::Owner, Upload::NAME, ALL),
    row(Role::Admin, Upload::NAME, ALL),
    // Whoever starts an upload may also give it up.
    row(Role::Developer, Upload::NAME, ALL),
    row(Role::Viewer, Upload::NAME, SEE),
    row(Role::Owner, Release::NAME, ALL),
    row(Role::Admin, Release::NAME, ALL),
    row(Role::Developer, Release::NAME, BUILD),
    row(Role::Viewer, Release::NAME, SEE),
];
