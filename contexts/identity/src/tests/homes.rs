//! In which realm people are after their tenant has moved.

use mpanel_authz::{Role, TenantKind};
use mpanel_jobs::Reconciler as _;
use mpanel_kernel::clock::Clock as _;
use mpanel_kernel::ids::TenantId;
use mpanel_pg::{Reason, Tx as _};

use super::support::{HOST, OWNER, PASSWORD, World, activate, code, presence, sign_in};
use crate::domain::{NewRealm, Presence};
use crate::homes::Homes;

pub(super) const BRAND: &str = "panel.brand.example";

/// As tenancy does: the tenant stands below another one.
pub(super) async fn hang(world: &World, tenant: TenantId, below: TenantId) {
    let mut tx = world.db.platform(Reason::Administer("test")).await.unwrap();
    for statement in [
        "delete from tenancy.subtree where descendant = $1 and tenant_id not in ($1, $2)
         and tenant_id not in (select tenant_id from tenancy.subtree where descendant = $2)",
        "insert into tenancy.subtree (tenant_id, descendant, depth)
         select tenant_id, $1, depth + 1 from tenancy.subtree where descendant = $2 on conflict do nothing",
    ] {
        sqlx::query(statement)
            .bind(tenant.uuid())
            .bind(below.uuid())
            .execute(tx.conn())
            .await
            .unwrap();
    }
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn whose_tenant_moves_below_a_brand_signs_in_at_its_names_and_back_again() {
    let world = World::claimed().await;
    let owner = world.sign_in(OWNER, PASSWORD, None).await.unwrap().me.account;
    let brand = world.child(world.platform(), TenantKind::Reseller).await;
    let customer = world.child(world.platform(), TenantKind::Customer).await;
    let new = NewRealm {
        name: "Brand".to_owned(),
        brand,
        hosts: vec![BRAND.to_owned()],
    };
    world
        .identity
        .create_realm(&world.platform_cx(owner.id), new, HOST)
        .await
        .unwrap();
    let invited = world.invite("ada@example.com", customer, Role::Owner).await;
    let token = invited.activation.unwrap().token;
    world
        .identity
        .activate(&presence(), activate(token.reveal()))
        .await
        .unwrap();
    let homes = Homes(world.identity.clone());
    let at = async |host: &str| {
        let there = Presence {
            host: host.to_owned(),
            ..presence()
        };
        code(
            world
                .identity
                .sign_in(&there, sign_in("ada@example.com", PASSWORD, None))
                .await,
        )
    };
    let refused = "identity.session.invalid_credentials";
    assert_eq!(homes.pass().await.unwrap().changed, 0);
    assert_eq!([at(HOST).await, at(BRAND).await], ["ok", refused]);

    hang(&world, customer, brand).await;
    assert_eq!(homes.pass().await.unwrap().changed, 1);
    assert_eq!([at(HOST).await, at(BRAND).await], [refused, "ok"]);
    let open = "select count(*) from identity.sessions s join identity.users u on u.id = s.user_id
                where u.email = 'ada@example.com' and s.ended_at is null and s.realm_id <> u.realm_id";
    assert_eq!(
        super::store::memberships::number(&world.db, open).await,
        0,
        "the sessions before have ended"
    );

    hang(&world, customer, world.platform()).await;
    assert_eq!(homes.pass().await.unwrap().changed, 1);
    assert_eq!([at(HOST).await, at(BRAND).await], ["ok", refused]);
    assert_eq!(homes.pass().await.unwrap().changed, 0);
}

#[tokio::test]
async fn those_who_cannot_move_keep_nobody_else_and_two_of_one_address_do_not_collide() {
    let world = World::claimed().await;
    let owner = world.sign_in(OWNER, PASSWORD, None).await.unwrap().me.account;
    let brand = world.child(world.platform(), TenantKind::Reseller).await;
    let customer = world.child(world.platform(), TenantKind::Customer).await;
    let new = NewRealm {
        name: "Brand".to_owned(),
        brand,
        hosts: vec![BRAND.to_owned()],
    };
    let cx = world.platform_cx(owner.id);
    world.identity.create_realm(&cx, new, HOST).await.unwrap();
    for who in ["ada@example.com", "bob@example.com"] {
        world.invite(who, customer, Role::Owner).await;
    }
    let run = async |statement: &'static str| {
        let mut tx = world.db.platform(Reason::Administer("test")).await.unwrap();
        let done = sqlx::query(statement).execute(tx.conn()).await.unwrap();
        tx.commit().await.unwrap();
        done.rows_affected()
    };
    let settle = async |most| {
        let mut tx = world.db.platform(Reason::Administer("test")).await.unwrap();
        let moved = crate::store::homes::settle(&mut tx, world.clock.now(), most)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        moved
    };
    hang(&world, customer, brand).await;
    // Ada has an account there already, and comes first.
    let twin = "insert into identity.users (tenant_id, id, realm_id, email, email_normalised, name, created_at)
                select u.tenant_id, gen_random_uuid(), r.id, u.email, u.email_normalised, u.name, u.created_at
                from identity.users u, identity.realms r where u.email = 'ada@example.com' and r.brand is not null";
    assert_eq!(run(twin).await, 1);
    assert_eq!((settle(1).await, settle(1).await), (1, 0), "Bob has moved");

    // Both of Ada's on the way to a third realm: one goes, the other stays.
    let other = world.child(world.platform(), TenantKind::Reseller).await;
    let new = NewRealm {
        name: "Other".to_owned(),
        brand: other,
        hosts: vec!["panel.other.example".to_owned()],
    };
    world.identity.create_realm(&cx, new, HOST).await.unwrap();
    hang(&world, customer, other).await;
    assert_eq!((settle(9).await, settle(9).await), (2, 0));
}

#[tokio::test]
async fn a_move_is_looked_at_at_once() {
    let world = World::claimed().await;
    let homes = Homes(world.identity.clone());
    assert!(homes.wakes_on(mpanel_tenancy_contract::events::TENANT_MOVED));
    assert!(!homes.wakes_on(mpanel_tenancy_contract::events::TENANT_CREATED));
}
