use std::sync::Arc;

use jiff::Timestamp;
use mpanel_kernel::clock::ManualClock;
use mpanel_kernel::ids::{ApiTokenId, RequestId, TenantId, UserId};

use crate::{Action, Actor, OpCx, OpCxParts, Permissions, Resource, Role, RoleRow, Scopes, TenantKind, actions};

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
    let (token, user) = (ApiTokenId::generate(), UserId::generate());
    OpCx::new(OpCxParts {
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
    })
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
