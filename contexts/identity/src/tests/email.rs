//! Another address for an account, and what its owner is told.

use jiff::SignedDuration;
use mpanel_authz::{OpCx, Role};

use super::mailbox::link;
use super::store::memberships::{audited, everything};
use super::support::{LIMITS, PASSWORD, World, code, presence, sign_in};
use crate::domain::Presence;
use crate::service::{ChangeEmail, SignedIn};

const ADA: &str = "ada@example.com";
const NEW: &str = "ada@lovelace.example";

impl World {
    async fn somebody(&self) -> (SignedIn, OpCx) {
        let customer = self.customer().await;
        let ada = self.member(ADA, customer, Role::Owner).await;
        self.mails().await;
        let cx = self.cx(ada.me.account.id, customer);
        (ada, cx)
    }

    async fn wish(&self, cx: &OpCx, email: &str, password: &str) -> &'static str {
        let email = email.parse().unwrap();
        code(self.identity.change_email(cx, ChangeEmail { email, password }).await)
    }
}

#[tokio::test]
async fn v7_5_1_an_address_changes_by_the_password_and_a_link_to_the_new_one_and_the_old_is_told() {
    let world = World::claimed().await;
    let (_, cx) = world.somebody().await;
    assert_eq!(
        world.wish(&cx, NEW, "not the password").await,
        "identity.password.wrong"
    );
    assert!(world.mails().await.is_empty());
    assert_eq!(world.wish(&cx, NEW, PASSWORD).await, "ok");
    let mail = world.mail().await;
    assert_eq!(mail.to.as_str(), NEW);
    let token = link(&mail, "confirm-email");
    assert!(!everything(&world.db).await.contains(&token));
    assert_eq!(
        code(world.sign_in(NEW, PASSWORD, None).await),
        "identity.session.invalid_credentials"
    );

    world.identity.confirm_email(&cx, &token).await.unwrap();
    let notice = world.mail().await;
    assert_eq!(notice.to.as_str(), ADA);
    assert!(notice.text.contains(NEW));
    let me = world.sign_in(NEW, PASSWORD, None).await.unwrap().me;
    assert_eq!((me.account.email.as_str(), me.account.email_proven), (NEW, true));
    assert_eq!(
        code(world.sign_in(ADA, PASSWORD, None).await),
        "identity.session.invalid_credentials"
    );
    assert_eq!(
        code(world.identity.confirm_email(&cx, &token).await),
        "identity.email.change_gone"
    );
    assert_eq!(audited(&world.db, "identity.email.changed").await, 1);
}

/// A stranger who opens a link by mistake gives nobody an address.
#[tokio::test]
async fn a_link_to_an_address_works_for_its_own_account_and_for_a_day() {
    let world = World::claimed().await;
    let (ada, cx) = world.somebody().await;
    let bob = world
        .member("bob@example.com", ada.me.home.tenant.id, Role::Viewer)
        .await;
    world.mails().await;
    world.wish(&cx, NEW, PASSWORD).await;
    let token = link(&world.mail().await, "confirm-email");
    let bobs = world.cx(bob.me.account.id, ada.me.home.tenant.id);
    assert_eq!(
        code(world.identity.confirm_email(&bobs, &token).await),
        "identity.email.change_gone"
    );
    world.clock.advance(SignedDuration::from_hours(24));
    assert_eq!(
        code(world.identity.confirm_email(&cx, &token).await),
        "identity.email.change_gone"
    );
    for nonsense in ["", "email_", "reset_abc"] {
        assert_eq!(
            code(world.identity.confirm_email(&cx, nonsense).await),
            "identity.email.bad_token"
        );
    }
}

#[tokio::test]
async fn an_address_of_another_account_of_the_tenant_is_taken() {
    let world = World::claimed().await;
    let (ada, cx) = world.somebody().await;
    world
        .member("bob@example.com", ada.me.home.tenant.id, Role::Viewer)
        .await;
    world.mails().await;
    assert_eq!(world.wish(&cx, ADA, PASSWORD).await, "identity.email.same");
    assert_eq!(
        world.wish(&cx, "BOB@example.com", PASSWORD).await,
        "ok",
        "whose it is shows by the link alone"
    );
    let token = link(&world.mail().await, "confirm-email");
    assert_eq!(
        code(world.identity.confirm_email(&cx, &token).await),
        "identity.email.taken"
    );
    assert_eq!(
        code(world.identity.confirm_email(&cx, &token).await),
        "identity.email.taken",
        "the wish stays"
    );
    assert_eq!(code(world.sign_in(ADA, PASSWORD, None).await), "ok");
}

#[tokio::test]
async fn v6_3_5_a_device_that_was_not_used_before_is_told_of_once() {
    let world = World::claimed().await;
    world.somebody().await;
    let sign_in = async |agent: &str| {
        let who = Presence {
            user_agent: agent.to_owned(),
            ..presence()
        };
        let given = sign_in(ADA, PASSWORD, None);
        assert_eq!(code(world.identity.sign_in(&who, given).await), "ok");
        world.mails().await
    };
    let firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
    let mails = sign_in(firefox).await;
    assert_eq!(mails.len(), 1, "{mails:?}");
    assert!(
        mails[0].text.contains("Firefox on Linux") && mails[0].text.contains("203.0.113.7"),
        "{}",
        mails[0].text
    );
    assert!(sign_in(firefox).await.is_empty());
    assert!(
        sign_in(&firefox.replace("140", "141")).await.is_empty(),
        "another version is no other device"
    );
}

#[tokio::test]
async fn an_address_gets_so_many_links_a_day_whoever_wants_to_have_it() {
    let world = World::claimed().await;
    let (_, cx) = world.somebody().await;
    for _ in 0..LIMITS.per_address_day {
        assert_eq!(world.wish(&cx, NEW, PASSWORD).await, "ok");
    }
    let customer = world.customer().await;
    let bob = world.member("bob@example.com", customer, Role::Viewer).await;
    let bob = world.cx(bob.me.account.id, customer);
    world.mails().await;
    assert_eq!(world.wish(&bob, NEW, PASSWORD).await, "identity.email.too_many");
    assert!(world.mails().await.is_empty());
    assert_eq!(world.wish(&bob, "bob@lovelace.example", PASSWORD).await, "ok");
    world.clock.advance(SignedDuration::from_hours(24));
    assert_eq!(world.wish(&bob, NEW, PASSWORD).await, "ok");
}
