use mpanel_authz::Action::{Create, Delete, List, ManageAccess, Modify, Read};
use mpanel_authz::{Action, Resource, ResourceInfo, Role, RoleRow, TenantKind};

/// The actor's own account: name, second factor.
pub struct Account;
impl Resource for Account {
    const NAME: &'static str = "identity.account";
}

/// The actor's own sessions.
pub struct Session;
impl Resource for Session {
    const NAME: &'static str = "identity.session";
}

/// API tokens for the acting tenant: the actor's own, and with `manage-access` everybody's.
pub struct ApiToken;
impl Resource for ApiToken {
    const NAME: &'static str = "identity.api_token";
}

/// What people are told of these when they put a role together.
pub const RESOURCES: &[ResourceInfo] = &[
    ResourceInfo::personal(Account::NAME, "Own account", "One's own name, password and second factor."),
    ResourceInfo::personal(Session::NAME, "Own sessions", "Where one is signed in."),
    ResourceInfo::new(
        ApiToken::NAME,
        "API tokens",
        "Credentials for programs; access to them is for those of others.",
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

const ACCOUNT: &[Action] = &[Read, Modify];
const SESSION: &[Action] = &[List, Delete];
const API_TOKEN: &[Action] = &[List, Create, Delete];
const EVERY_API_TOKEN: &[Action] = &[List, Create, Delete, ManageAccess];

/// Everybody looks after what is their own; the table narrows tokens, whose scopes must name it.
pub const ROLES: &[RoleRow] = &[
    row(Role::Owner, Account::NAME, ACCOUNT),
    row(Role::Admin, Account::NAME, ACCOUNT),
    row(Role::Developer, Account::NAME, ACCOUNT),
    row(Role::Viewer, Account::NAME, ACCOUNT),
    row(Role::Owner, Session::NAME, SESSION),
    row(Role::Admin, Session::NAME, SESSION),
    row(Role::Developer, Session::NAME, SESSION),
    row(Role::Viewer, Session::NAME, SESSION),
    row(Role::Owner, ApiToken::NAME, EVERY_API_TOKEN),
    row(Role::Admin, ApiToken::NAME, API_TOKEN),
    row(Role::Developer, ApiToken::NAME, API_TOKEN),
    row(Role::Viewer, ApiToken::NAME, API_TOKEN),
];
