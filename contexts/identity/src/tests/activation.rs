use jiff::SignedDuration;
use mpanel_authz::{Role, TenantKind};
use mpanel_crypto::{Token, TokenKind};
use mpanel_identity_contract::Accounts;
use mpanel_kernel::clock::Clock as _;
use mpanel_kernel::ids::UserId;

use super::store::memberships::{audited, everything, plant_link};
use super::support::{PASSWORD, World, activate, code, presence};
use crate::service::Activate;

#[tokio::test]
async fn an_invitation_sets_the_first_password_once() {
    let world = World::claimed().await;
    let customer = world.customer().await;
    let invited = world.invite("Ada@Example.com", customer, Role::Owner).await;
    let token = invited.activation.unwrap().token;
    assert!(!everything(&world.db).await.contains(token.reveal()));
    let mut given = activate(token.reveal());
    given.name = Some("Ada Lovelace");
    let signed_in = world.identity.activate(&presence(), given).await.unwrap();
    assert_eq!(signed_in.me.account.name, "Ada Lovelace");
    assert_eq!(signed_in.me.account.email, "Ada@example.com", "as typed");
    assert_eq!(signed_in.me.home.tenant.id, customer);
    assert!(!signed_in.me.totp_setup_required);
    let again = world.identity.activate(&presence(), activate(token.reveal())).await;
    assert_eq!(code(again), "identity.activation.gone");
    assert_eq!(code(world.sign_in("ada@example.com", PASSWORD, None).await), "ok");
    assert_eq!(audited(&world.db, "identity.user.activated").await, 1);
}

/// As when an invitation and an activation of the same account cross each other.
#[tokio::test]
async fn a_link_that_outlived_the_activation_opens_nothing() {
    let world = World::claimed().await;
    let customer = world.customer().await;
    let ada = world
        .member("ada@example.com", customer, Role::Owner)
        .await
        .me
        .account
        .id;
    let token = Token::generate(TokenKind::Activation);
    let until = world.clock.now() + SignedDuration::from_hours(1);
    plant_link(&world.db, ada, token.hash().as_bytes(), until).await;
    for password in ["the password of somebody else", PASSWORD] {
        let given = Activate {
            password,
            ..activate(token.reveal())
        };
        assert_eq!(
            code(world.identity.activate(&presence(), given).await),
            "identity.activation.gone"
        );
    }
    let me = world.sign_in("ada@example.com", PASSWORD, None).await.unwrap().me;
    assert_eq!(me.memberships.len(), 1, "nothing was taken from her");
}

#[tokio::test]
async fn of_two_activations_at_once_one_wins() {
    let world = World::claimed().await;
    let customer = world.customer().await;
    let token = world
        .invite("ada@example.com", customer, Role::Owner)
        .await
        .activation
        .unwrap()
        .token;
    let (first, second) = (presence(), presence());
    let (a, b) = tokio::join!(
        world.identity.activate(&first, activate(token.reveal())),
        world.identity.activate(&second, activate(token.reveal())),
    );
    let mut codes = [code(a), code(b)];
    codes.sort_unstable();
    assert_eq!(codes, ["identity.activation.gone", "ok"]);
}

#[tokio::test]
async fn v6_4_1_an_invitation_ends_after_seven_days() {
    let world = World::claimed().await;
    let customer = world.customer().await;
    let token = world
        .invite("ada@example.com", customer, Role::Owner)
        .await
        .activation
        .unwrap()
        .token;
    world.clock.advance(SignedDuration::from_hours(7 * 24));
    let late = world.identity.activate(&presence(), activate(token.reveal())).await;
    assert_eq!(code(late), "identity.activation.gone");
}

#[tokio::test]
async fn a_new_invitation_replaces_the_earlier_one() {
    let world = World::claimed().await;
    let customer = world.customer().await;
    let first = world.invite("ada@example.com", customer, Role::Owner).await;
    let second = world.invite("ADA@example.com", customer, Role::Owner).await;
    assert_eq!(first.user, second.user);
    let old = first.activation.unwrap().token;
    let refused = world.identity.activate(&presence(), activate(old.reveal())).await;
    assert_eq!(code(refused), "identity.activation.gone");
    let new = second.activation.unwrap().token;
    assert_eq!(
        code(world.identity.activate(&presence(), activate(new.reveal())).await),
        "ok"
    );
}

/// CVE-2025-64423 of Coolify: an invitation's link let others into the invited person's teams.
#[tokio::test]
async fn a_link_from_one_tenant_does_not_open_what_another_gave() {
    let world = World::claimed().await;
    let (one, other) = (world.customer().await, world.customer().await);
    let of_one = world.invite("ada@example.com", one, Role::Owner).await;
    let of_other = world.invite("ada@example.com", other, Role::Owner).await;
    assert_ne!(of_one.user, of_other.user);
    let token = of_one.activation.unwrap().token;
    let signed_in = world
        .identity
        .activate(&presence(), activate(token.reveal()))
        .await
        .unwrap();
    assert_eq!(signed_in.me.memberships.len(), 1);
    assert_eq!(signed_in.me.memberships[0].tenant.id, one);
    let token = of_other.activation.unwrap().token;
    let mut given = activate(token.reveal());
    given.password = "a password of somebody else";
    let signed_in = world.identity.activate(&presence(), given).await.unwrap();
    assert_eq!(signed_in.me.account.id, of_other.user);
    assert_eq!(signed_in.me.memberships.len(), 1);
    assert_eq!(signed_in.me.memberships[0].tenant.id, other);
}

#[tokio::test]
async fn v6_2_1_whose_role_reaches_below_a_seller_needs_a_longer_password_than_others() {
    let world = World::claimed().await;
    let reseller = world.child(world.platform(), TenantKind::Reseller).await;
    let customer = world.customer().await;
    let short = "Bq7!kZp2x";
    for (n, (tenant, role, expected)) in [
        (reseller, Role::Owner, "identity.password.too_short"),
        (reseller, Role::Admin, "identity.password.too_short"),
        (reseller, Role::Developer, "ok"),
        (customer, Role::Owner, "ok"),
    ]
    .into_iter()
    .enumerate()
    {
        let invited = world.invite(&format!("p{n}@example.com"), tenant, role).await;
        let token = invited.activation.unwrap().token;
        let mut given = activate(token.reveal());
        given.password = short;
        assert_eq!(code(world.identity.activate(&presence(), given).await), expected);
    }
}

#[tokio::test]
async fn a_home_may_be_a_tenant_made_in_the_same_transaction() {
    let world = World::claimed().await;
    let reseller = world.child(world.platform(), TenantKind::Reseller).await;
    let customer = world.child(reseller, TenantKind::Customer).await;
    let mut tx = world.db.tenant(reseller).await.unwrap();
    let email = "ada@example.com".parse().unwrap();
    let now = mpanel_kernel::clock::Clock::now(&*world.clock);
    let invited = world
        .identity
        .invite(&mut tx, customer, &email, "Ada", now)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert!(invited.activation.is_some());
}

#[tokio::test]
async fn profiles_tell_names_and_whether_somebody_can_sign_in() {
    let world = World::claimed().await;
    let customer = world.customer().await;
    let ada = world
        .member("ada@example.com", customer, Role::Owner)
        .await
        .me
        .account
        .id;
    let bob = world.invite("bob@example.com", customer, Role::Viewer).await.user;
    let unknown = UserId::generate();
    let profiles = world.identity.profiles(&[ada, bob, unknown]).await.unwrap();
    assert_eq!(profiles.len(), 2);
    assert!(profiles[&ada].active && !profiles[&bob].active);
    assert_eq!(profiles[&bob].email.as_str(), "bob@example.com");
    assert_eq!(profiles[&ada].name, "Ada");
}
