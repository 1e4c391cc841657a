use mpanel_authz::{Actor, Role, TenantKind};
use mpanel_kernel::ids::ApiTokenId;

use super::store::memberships::{audited, password_hash};
use super::support::{OWNER, PASSWORD, World, code};
use crate::service::ChangePassword;

const OTHER: &str = "seven lanterns in the harbour";

fn change<'a>(current: &'a str, new: &'a str) -> ChangePassword<'a> {
    ChangePassword { current, new }
}

#[tokio::test]
async fn v6_2_2_v6_2_3_a_person_changes_the_own_password_by_showing_it() {
    let world = World::claimed().await;
    let owner = world.sign_in(OWNER, PASSWORD, None).await.unwrap();
    let (user, hash) = (owner.me.account.id, owner.token.hash());
    let cx = world.cx(user, world.platform());
    let before = password_hash(&world.db, user).await;
    for (current, new, expected) in [
        ("wrong", OTHER, "identity.password.wrong"),
        (PASSWORD, PASSWORD, "identity.password.same"),
        (PASSWORD, "short", "identity.password.too_short"),
        (PASSWORD, "elevenchars", "identity.password.too_short"),
        (PASSWORD, "olga@example.com", "identity.password.personal"),
    ] {
        let refused = world
            .identity
            .change_password(&cx, change(current, new), Some(&hash))
            .await;
        assert_eq!(code(refused), expected, "{new}");
    }
    assert_eq!(password_hash(&world.db, user).await, before);
    let changed = world
        .identity
        .change_password(&cx, change(PASSWORD, OTHER), Some(&hash));
    changed.await.unwrap();
    assert_eq!(
        code(world.sign_in(OWNER, PASSWORD, None).await),
        "identity.session.invalid_credentials"
    );
    assert_eq!(code(world.sign_in(OWNER, OTHER, None).await), "ok");
    assert_eq!(audited(&world.db, "identity.password.changed").await, 1);
}

#[tokio::test]
async fn v7_2_4_v7_4_3_other_sessions_end_and_the_own_one_gets_another_token() {
    let world = World::claimed().await;
    let own = world.sign_in(OWNER, PASSWORD, None).await.unwrap();
    let other = world.sign_in(OWNER, PASSWORD, None).await.unwrap();
    let cx = world.cx(own.me.account.id, world.platform());
    let hash = own.token.hash();
    let renewed = world
        .identity
        .change_password(&cx, change(PASSWORD, OTHER), Some(&hash))
        .await
        .unwrap()
        .unwrap();
    for ended in [&own.token, &other.token] {
        assert_eq!(code(world.authenticate(ended).await), "identity.credential.invalid");
    }
    assert_eq!(world.authenticate(&renewed).await.unwrap().user, own.me.account.id);
    let sessions = world.identity.list_sessions(&cx, Some(&renewed.hash())).await.unwrap();
    assert_eq!(sessions.len(), 1);
    assert!(sessions[0].current, "the same session under another token");
}

#[tokio::test]
async fn a_program_that_changes_the_password_has_no_session_to_go_on_with() {
    let world = World::claimed().await;
    let owner = world.sign_in(OWNER, PASSWORD, None).await.unwrap();
    let user = owner.me.account.id;
    let actor = Actor::Token {
        token: ApiTokenId::generate(),
        user,
    };
    let cx = world.cx_as(actor.clone(), world.platform(), Some(&["identity.session:*"]));
    let refused = world.identity.change_password(&cx, change(PASSWORD, OTHER), None).await;
    assert_eq!(code(refused), "request.forbidden");
    let cx = world.cx_as(actor, world.platform(), Some(&["identity.account:modify"]));
    let renewed = world.identity.change_password(&cx, change(PASSWORD, OTHER), None).await;
    assert!(renewed.unwrap().is_none());
    assert_eq!(
        code(world.authenticate(&owner.token).await),
        "identity.credential.invalid"
    );
}

#[tokio::test]
async fn of_two_changes_at_once_the_second_finds_the_password_changed() {
    let world = World::claimed().await;
    let reseller = world.child(world.platform(), TenantKind::Reseller).await;
    let ada = world.member("ada@example.com", reseller, Role::Owner).await;
    let cx = world.cx(ada.me.account.id, reseller);
    let (a, b) = tokio::join!(
        world.identity.change_password(&cx, change(PASSWORD, OTHER), None),
        world
            .identity
            .change_password(&cx, change(PASSWORD, "another lantern entirely"), None),
    );
    let mut codes = [code(a), code(b)];
    codes.sort_unstable();
    assert_eq!(codes, ["identity.session.invalid_credentials", "ok"]);
}

/// Strangers who guess at an address spend the attempts of signing in, and no others.
#[tokio::test]
async fn v6_3_1_strangers_keep_nobody_who_is_signed_in_from_another_password() {
    let world = World::with_limits(1000, 2).await;
    let user = world.claim().await.me.account.id;
    let guess = async || code(world.sign_in(OWNER, "a stranger's guess", None).await);
    while guess().await != "identity.session.too_many_attempts" {}
    let cx = world.cx(user, world.platform());
    let change = async |current| code(world.identity.change_password(&cx, change(current, OTHER), None).await);
    assert_eq!(change(PASSWORD).await, "ok");
    // Whoever sits at an open session has as few.
    while change("a guess as well").await == "identity.password.wrong" {}
    assert_eq!(change("a guess as well").await, "identity.session.too_many_attempts");
}
