use std::sync::Arc;

use jiff::Timestamp;
use mpanel_kernel::clock::ManualClock;
use mpanel_kernel::ids::{ApiTokenId, AssumptionId, RequestId, RoleId, TenantId, UserId};

use crate::{
    Action, Actor, Assumption, CustomRole, OpCx, OpCxParts, Permissions, Resource, ResourceInfo, Rights, Role, RoleRef,
    RoleRow, Scopes, TenantKind, actions,
};

struct Site;
impl Resource for Site {
    const NAME: &'static str = "sites.site";
}

fn rows() -> Vec<RoleRow> {
    vec![
        RoleRow {
            role: Role::Owner,
            resource: Site::NAME,
            actions: &Action::ALL,
            kinds: TenantKind::ANY,
        },
        RoleRow {
            role: Role::Viewer,
            resource: Site::NAME,
            actions: &[Action::Read],
            kinds: &[TenantKind::Customer],
        },
    ]
}

fn cx(role: Role, kind: TenantKind, scopes: Option<&[&str]>) -> OpCx {
    OpCx::new(parts(role, kind, scopes))
}

fn parts(role: Role, kind: TenantKind, scopes: Option<&[&str]>) -> OpCxParts {
    let (token, user) = (ApiTokenId::generate(), UserId::generate());
    OpCxParts {
        actor: Actor::Token { token, user },
        tenant: TenantId::generate(),
        tenant_kind: kind,
        role: role.into(),
        scopes: scopes.map(|s| Scopes::stored(s.iter().map(ToString::to_string).collect())),
        assumed_from: None,
        assumption: None,
        request_id: RequestId::generate(),
        address: None,
        idempotency: None,
        clock: Arc::new(ManualClock::new(Timestamp::UNIX_EPOCH)),
        permissions: Arc::new(Permissions::new(rows()).unwrap()),
    }
}

#[test]
fn a_proof_for_one_tenant_is_none_for_another() {
    let cx = cx(Role::Owner, TenantKind::Customer, None);
    let allowed = cx.authorize::<Site, _>(actions::Modify).unwrap();
    allowed.holds_in(cx.tenant()).unwrap();
    let denied = allowed.holds_in(TenantId::generate()).unwrap_err();
    assert_eq!((denied.resource, denied.action), (Site::NAME, Action::Modify));
}

#[test]
fn asvs_8_2_1_what_no_row_grants_is_denied() {
    assert!(
        cx(Role::Owner, TenantKind::Customer, None)
            .authorize::<Site, _>(actions::Delete)
            .is_ok()
    );
    assert!(
        cx(Role::Viewer, TenantKind::Customer, None)
            .authorize::<Site, _>(actions::Read)
            .is_ok()
    );
    assert!(
        cx(Role::Viewer, TenantKind::Customer, None)
            .authorize::<Site, _>(actions::Create)
            .is_err()
    );
    assert!(
        cx(Role::Viewer, TenantKind::Platform, None)
            .authorize::<Site, _>(actions::Read)
            .is_err()
    );
    assert!(
        cx(Role::Developer, TenantKind::Customer, None)
            .authorize::<Site, _>(actions::Read)
            .is_err()
    );
}

#[test]
fn a_token_never_passes_its_scopes_nor_its_owners_role() {
    let only_read = cx(Role::Owner, TenantKind::Customer, Some(&["sites.site:read"]));
    assert!(only_read.authorize::<Site, _>(actions::Read).is_ok());
    assert!(only_read.authorize::<Site, _>(actions::Delete).is_err());
    let all_of_little = cx(Role::Viewer, TenantKind::Customer, Some(&["*"]));
    assert!(all_of_little.authorize::<Site, _>(actions::Delete).is_err());
    assert!(
        cx(Role::Owner, TenantKind::Customer, Some(&[]))
            .authorize::<Site, _>(actions::Read)
            .is_err()
    );
}

#[test]
fn a_scope_that_names_nothing_is_refused_with_its_place() {
    let table = Permissions::new(rows()).unwrap();
    let parse = |s: &[&str]| Scopes::parse(s.iter().map(ToString::to_string).collect(), &table);
    assert!(parse(&["*", "sites.site:read", "sites.site:*"]).is_ok());
    assert_eq!(parse(&["*", "sites.sitee:read"]).unwrap_err().index, 1);
    assert!(parse(&["sites.site:fly"]).is_err());
}

#[test]
fn two_rows_for_one_role_and_resource_are_an_error() {
    let mut twice = rows();
    twice.push(twice[0]);
    assert!(Permissions::new(twice).is_err());
}

struct Account;
impl Resource for Account {
    const NAME: &'static str = "identity.account";
}

/// A table in which the own account is everybody's, but other people's is for owners.
fn described() -> Permissions {
    let own = |role, actions| RoleRow {
        role,
        resource: Account::NAME,
        actions,
        kinds: TenantKind::ANY,
    };
    let mut rows = rows();
    rows.push(own(Role::Owner, &[Action::Modify, Action::ManageAccess]));
    rows.extend([Role::Admin, Role::Developer, Role::Viewer].map(|role| own(role, &[Action::Modify])));
    Permissions::new(rows).unwrap().described([
        ResourceInfo::personal(Account::NAME, "Own account", ""),
        ResourceInfo::new(Site::NAME, "Websites", ""),
    ])
}

fn custom(permissions: &[&str]) -> Rights {
    Rights::Custom(Arc::new(CustomRole {
        id: RoleId::generate(),
        permissions: permissions.iter().map(ToString::to_string).collect(),
        reaches_descendants: false,
    }))
}

#[test]
fn a_role_that_a_tenant_has_defined_gives_what_it_lists_and_what_is_ones_own() {
    let table = described();
    let may = |rights: &Rights, kind, resource, action| table.permits(rights, kind, resource, action);
    let rights = custom(&["sites.site:read", "sites.site:fly", "nothing.here:read"]);
    let customer = TenantKind::Customer;
    assert!(may(&rights, customer, Site::NAME, Action::Read));
    assert!(!may(&rights, customer, Site::NAME, Action::Delete));
    assert!(
        !may(&rights, customer, "nothing.here", Action::Read),
        "no built-in role may"
    );
    assert!(may(&rights, customer, Account::NAME, Action::Modify));
    assert!(
        !may(&rights, customer, Account::NAME, Action::ManageAccess),
        "others' is not one's own"
    );
    assert!(may(
        &custom(&["identity.account:manage-access"]),
        customer,
        Account::NAME,
        Action::ManageAccess
    ));
}

#[test]
fn a_defined_role_gives_no_more_than_a_tenant_of_this_kind_has() {
    let narrow = RoleRow {
        role: Role::Owner,
        resource: Site::NAME,
        actions: &Action::ALL,
        kinds: &[TenantKind::Platform],
    };
    let table = Permissions::new([narrow]).unwrap();
    let rights = custom(&["sites.site:delete"]);
    assert!(table.permits(&rights, TenantKind::Platform, Site::NAME, Action::Delete));
    assert!(!table.permits(&rights, TenantKind::Customer, Site::NAME, Action::Delete));
}

#[test]
fn roles_are_words_or_ids_on_the_wire() {
    let id = RoleId::generate();
    assert_eq!("developer".parse(), Ok(RoleRef::BuiltIn(Role::Developer)));
    assert_eq!(id.to_string().parse(), Ok(RoleRef::Custom(id)));
    for text in ["king", "custom", "", "Owner", "role_", "tnt_01h2xcejqtf2nbrexx3vqjhp41"] {
        assert_eq!(text.parse::<RoleRef>(), Err(crate::ParseRoleError), "{text}");
    }
    assert!(RoleRef::Custom(id) != Role::Owner && RoleRef::from(Role::Owner) == Role::Owner);
}

#[test]
fn everything_is_not_everywhere() {
    let stored = |scopes: &[&str]| Scopes::stored(scopes.iter().map(ToString::to_string).collect());
    assert!(!stored(&["*"]).acts_below());
    assert!(stored(&["sites.site:read", Scopes::BELOW]).acts_below());
    assert!(Scopes::parse(vec!["below".to_owned()], &described()).is_ok());
}

#[test]
fn what_is_done_below_from_ones_own_side_is_by_no_assumption() {
    let mut parts = parts(Role::Owner, TenantKind::Platform, None);
    parts.assumption = Some(Assumption {
        id: AssumptionId::generate(),
        reason: "ticket 1".into(),
    });
    let own = OpCx::new(parts);
    let below = own.for_descendant(TenantId::generate(), TenantKind::Customer).unwrap();
    assert_eq!((below.assumed_from(), below.assumption()), (Some(own.tenant()), None));
}
