//! What a credential makes goes no further than itself.

use mpanel_authz::{Actor, OpCx, Role, RoleRef, TenantKind};
use mpanel_kernel::ids::{RoleId, ServiceAccountId, TenantId, UserId};
use mpanel_pg::Tx as _;
use mpanel_tenancy_contract::{Membership, TenantSummary};

use super::support::{World, code};
use crate::domain::{NewApiToken, NewServiceAccount, ServiceAccount, ServiceAccountPatch, password_minimum};

const ALL: &[&str] = &["*"];
const WIDER: &str = "identity.api_token.wider_network";

fn token(networks: &[&str]) -> NewApiToken {
    NewApiToken {
        name: "deploy".to_owned(),
        scopes: vec!["identity.session:list".to_owned()],
        expires_at: None,
        allowed_networks: texts(networks),
    }
}

fn texts(networks: &[&str]) -> Vec<String> {
    networks.iter().map(ToString::to_string).collect()
}

/// An owner of a customer.
async fn owner(world: &World) -> (UserId, TenantId) {
    let customer = world.customer().await;
    let ada = world.member("ada@example.com", customer, Role::Owner).await;
    (ada.me.account.id, customer)
}

/// What the gate makes for a token of the owner that may be used from these networks.
async fn bound(world: &World, (user, tenant): (UserId, TenantId), networks: &[&str]) -> OpCx {
    let cx = world.owner_cx(user, tenant);
    let made = world.identity.create_api_token(&cx, token(networks)).await.unwrap();
    let actor = Actor::Token {
        token: made.token.0.facts.id,
        user,
    };
    world.owner_cx_as(actor, tenant, ALL)
}

async fn account(world: &World, cx: &OpCx, name: &str, networks: &[&str]) -> ServiceAccount {
    let new = NewServiceAccount {
        name: name.to_owned(),
        role: Role::Developer,
        allowed_networks: texts(networks),
    };
    world.identity.create_service_account(cx, new).await.unwrap()
}

fn networks(texts_of: &[&str]) -> ServiceAccountPatch {
    ServiceAccountPatch {
        allowed_networks: Some(texts(texts_of)),
        ..ServiceAccountPatch::default()
    }
}

#[tokio::test]
async fn v8_3_1_a_token_of_a_network_makes_none_for_others() {
    let world = World::claimed().await;
    let who = owner(&world).await;
    let free = world.owner_cx(who.0, who.1);
    let cx = bound(&world, who, &["198.51.100.0/24", "2001:db8::/32"]).await;
    let program = account(&world, &free, "CI", &[]).await.id;
    let inside = account(&world, &free, "Inside", &["198.51.100.0/25"]).await.id;
    let identity = &world.identity;
    for wider in [
        &[][..],
        &["198.51.0.0/16"],
        &["203.0.113.7"],
        &["198.51.100.7", "203.0.113.7"],
        &["::/0"],
    ] {
        let own = identity.create_api_token(&cx, token(wider)).await;
        assert_eq!(code(own), WIDER, "{wider:?}");
        let programs = identity.create_service_token(&cx, program, token(wider)).await;
        assert_eq!(code(programs), WIDER, "{wider:?}");
        let programs = identity.create_service_token(&cx, inside, token(wider)).await;
        assert_eq!(code(programs), "ok", "its account keeps it inside: {wider:?}");
    }
    for narrower in [&["198.51.100.7"][..], &["198.51.100.0/24", "2001:db8:1::/48"]] {
        assert_eq!(code(identity.create_api_token(&cx, token(narrower)).await), "ok");
        let programs = identity.create_service_token(&cx, program, token(narrower)).await;
        assert_eq!(code(programs), "ok", "{narrower:?}");
    }
    // Nor does it get the new secret of one that goes further.
    let everywhere = identity.create_service_token(&free, program, token(&[])).await.unwrap();
    let rotated = identity
        .rotate_service_token(&cx, (program, everywhere.token.id), None)
        .await;
    assert_eq!(code(rotated), WIDER);
    let rotated = identity
        .rotate_service_token(&free, (program, everywhere.token.id), None)
        .await;
    assert_eq!(code(rotated), "ok");
}

#[tokio::test]
async fn v8_3_1_a_program_of_a_network_does_not_let_itself_out() {
    let world = World::claimed().await;
    let who = owner(&world).await;
    let free = world.owner_cx(who.0, who.1);
    let home = account(&world, &free, "CI", &["198.51.100.0/24"]).await.id;
    let identity = &world.identity;
    let made = identity.create_service_token(&free, home, token(&[])).await.unwrap();
    let program = |account: ServiceAccountId| {
        let token = made.token.id;
        world.owner_cx_as(Actor::Service { token, account }, who.1, ALL)
    };
    let cx = program(home);
    for wider in [&[][..], &["198.51.0.0/16"], &["203.0.113.7"]] {
        let patched = identity.update_service_account(&cx, home, networks(wider)).await;
        assert_eq!(code(patched), WIDER, "{wider:?}");
    }
    let other = account(&world, &free, "Other", &[]).await.id;
    let elsewhere = identity.create_service_token(&cx, other, token(&[])).await;
    assert_eq!(code(elsewhere), WIDER);
    assert_eq!(
        code(identity.create_service_token(&cx, home, token(&[])).await),
        "ok",
        "the account's networks hold it"
    );
    assert_eq!(
        code(identity.rotate_service_token(&cx, (home, made.token.id), None).await),
        "ok"
    );
    // Fewer are fine, whichever they are.
    let fewer = identity
        .update_service_account(&cx, other, networks(&["203.0.113.7"]))
        .await;
    assert_eq!(code(fewer), "ok");
    let fewer = identity
        .update_service_account(&cx, home, networks(&["198.51.100.7"]))
        .await;
    assert_eq!(code(fewer), "ok");
    let lifted = identity.update_service_account(&free, home, networks(&[])).await;
    assert_eq!(code(lifted), "ok", "whoever is bound to none lifts them");
}

/// By a token that acts below, or by an assumption that is open.
#[tokio::test]
async fn v8_3_1_who_acts_from_above_leaves_no_token_behind() {
    let world = World::claimed().await;
    let (ada, tenant) = owner(&world).await;
    let above = world.platform_cx(ada);
    let below = above.for_descendant(tenant, TenantKind::Customer).unwrap();
    let refused = "identity.api_token.from_above";
    assert_eq!(code(world.identity.create_api_token(&below, token(&[])).await), refused);
    assert_eq!(code(world.identity.create_api_token(&above, token(&[])).await), "ok");
}

/// By what right a program acts its membership says, whatever stands with its account.
#[tokio::test]
async fn v8_2_1_a_program_is_as_mighty_as_its_membership() {
    let world = World::claimed().await;
    let (ada, tenant) = owner(&world).await;
    let cx = world.owner_cx(ada, tenant);
    let program = account(&world, &cx, "CI", &[]).await;
    let access = [
        "identity.service_account:manage-access",
        "identity.service_account:modify",
        "identity.service_account:list",
        "identity.service_account:read",
    ];
    let own = [
        "identity.account:read",
        "identity.account:modify",
        "identity.session:list",
        "identity.session:delete",
        "identity.api_token:list",
        "identity.api_token:create",
        "identity.api_token:delete",
        "identity.invitation:list",
    ];
    let little = world.custom_cx(ada, tenant, &[&access[..], &own].concat());
    let make = async || {
        code(
            world
                .identity
                .create_service_token(&little, program.id, token(&[]))
                .await,
        )
    };
    assert_eq!(make().await, "ok", "as much as a developer");
    let mut tx = world.db.tenant(tenant).await.unwrap();
    sqlx::query("update tenancy.members set role = 'admin' where tenant_id = $1 and user_id = $2")
        .bind(tenant.uuid())
        .bind(program.id.uuid())
        .execute(tx.conn())
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert_eq!(make().await, "identity.service_account.above");
}

/// What a role that a seller has defined gives may grow when the password is set.
#[test]
fn v6_2_1_a_role_of_a_seller_that_reaches_below_or_may_grow_asks_for_a_longer_password() {
    let minimum = |kind, role: RoleRef| {
        password_minimum(&[Membership {
            tenant: TenantSummary {
                id: TenantId::generate(),
                kind,
                name: "Shop".to_owned(),
                slug: "shop".to_owned(),
            },
            role,
            role_name: None,
        }])
    };
    let defined = RoleRef::Custom(RoleId::generate());
    for kind in [TenantKind::Platform, TenantKind::Reseller] {
        assert_eq!(minimum(kind, Role::Owner.into()), 12);
        assert_eq!(minimum(kind, Role::Admin.into()), 12);
        assert_eq!(minimum(kind, Role::Developer.into()), 8);
        assert_eq!(minimum(kind, defined), 12);
        assert_eq!(minimum(kind, Role::Viewer.into()), 8);
    }
    assert_eq!(minimum(TenantKind::Customer, defined), 8);
    assert_eq!(minimum(TenantKind::Customer, Role::Owner.into()), 8);
}
