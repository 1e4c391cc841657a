use mpanel_authz::Action::{Create, Delete, List, ManageAccess, Modify, Operate, Read};
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

/// Accounts of the acting tenant for programs; `manage-access` is their tokens.
pub struct ServiceAccount;
impl Resource for ServiceAccount {
    const NAME: &'static str = "identity.service_account";
}

/// People whose account was made in the acting tenant; `manage-access` ends their sessions.
pub struct Person;
impl Resource for Person {
    const NAME: &'static str = "identity.person";
}

/// Who shares a sign-in page.
pub struct Realm;
impl Resource for Realm {
    const NAME: &'static str = "identity.realm";
}

/// People whom the acting tenant has invited and who have not come yet; `manage-access` is to invite them again.
pub struct Invitation;
impl Resource for Invitation {
    const NAME: &'static str = "identity.invitation";
}

/// Whether mail goes out.
pub struct Mail;
impl Resource for Mail {
    const NAME: &'static str = "identity.mail";
}

/// What people are told of these when they put a role together.
pub const RESOURCES: &[ResourceInfo] = &[
    ResourceInfo::personal(
        Account::NAME,
        "Own account",
        "One's own name, password and second factor.",
    ),
    ResourceInfo::personal(Session::NAME, "Own sessions", "Where one is signed in."),
    ResourceInfo::new(
        Invitation::NAME,
        "Invitations",
        "People who were invited and have not come yet; access is to invite them again.",
    ),
    ResourceInfo::new(Mail::NAME, "Mail", "Whether mail goes out: to send a test to oneself."),
    ResourceInfo::new(
        ApiToken::NAME,
        "API tokens",
        "Credentials for programs; access to them is for those of others.",
    ),
    ResourceInfo::new(
        ServiceAccount::NAME,
        "Service accounts",
        "Accounts for programs; access to them is their tokens.",
    ),
    ResourceInfo::new(
        Person::NAME,
        "People",
        "Those whose account belongs here: access is to end their sessions.",
    ),
    ResourceInfo::new(Realm::NAME, "Realms", "At which names whose people sign in."),
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
const SERVICE_ACCOUNT: &[Action] = &[List, Read, Create, Modify, Delete, ManageAccess];
const REALM: &[Action] = &[List, Read, Create, Modify];
const PLATFORM: &[TenantKind] = &[TenantKind::Platform];
const INVITATION: &[Action] = &[List, ManageAccess, Delete];
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
    row(Role::Owner, Invitation::NAME, INVITATION),
    row(Role::Admin, Invitation::NAME, INVITATION),
    row(Role::Developer, Invitation::NAME, &[List]),
    row(Role::Viewer, Invitation::NAME, &[List]),
    RoleRow {
        kinds: PLATFORM,
        ..row(Role::Owner, Mail::NAME, &[Operate])
    },
    row(Role::Owner, Person::NAME, &[ManageAccess]),
    row(Role::Admin, Person::NAME, &[ManageAccess]),
    row(Role::Owner, ServiceAccount::NAME, SERVICE_ACCOUNT),
    row(Role::Admin, ServiceAccount::NAME, SERVICE_ACCOUNT),
    RoleRow {
        kinds: PLATFORM,
        ..row(Role::Owner, Realm::NAME, REALM)
    },
    RoleRow {
        kinds: PLATFORM,
        ..row(Role::Admin, Realm::NAME, &[List, Read])
    },
];
