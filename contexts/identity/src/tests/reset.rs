//! A new password by mail.

use jiff::SignedDuration;
use mpanel_authz::{Role, TenantKind};
use mpanel_crypto::{Token, TokenKind};
use mpanel_kernel::clock::Clock as _;

use super::mailbox::{link, links};
use super::store::memberships::{audited, everything, number};
use super::support::{OWNER, PASSWORD, World, activate, code, presence, presence_at};
use crate::Error;
use crate::service::{AcceptReset, Activate, SignedIn};
use crate::store::{emails, resets};

const ADA: &str = "ada@example.com";
const NEW: &str = "another battery for the horse";

impl World {
    async fn ask(&self, email: &str) -> &'static str {
        code(self.identity.request_reset(&presence(), email.parse().unwrap()).await)
    }

    async fn reset(&self, token: &str, password: &str, totp: Option<&str>) -> Result<SignedIn, Error> {
        let given = AcceptReset { token, password, totp };
        self.identity.accept_reset(&presence(), given).await
    }

    /// A member, and no mail waiting.
    async fn ada(&self) -> SignedIn {
        let customer = self.customer().await;
        let ada = self.member(ADA, customer, Role::Owner).await;
        self.mails().await;
        ada
    }
}

#[tokio::test]
async fn v6_4_3_a_link_that_is_mailed_sets_a_password_once_and_ends_every_session() {
    let world = World::claimed().await;
    let ada = world.ada().await;
    assert!(!ada.me.account.email_proven, "the link was handed over");
    assert_eq!(world.ask("ADA@example.com").await, "ok");
    let mail = world.mail().await;
    assert_eq!(mail.to.as_str(), "ADA@example.com");
    assert!(mail.text.contains("203.0.113.7"), "who asked: {}", mail.text);
    let token = link(&mail, "reset");
    assert!(
        !everything(&world.db).await.contains(&token),
        "the token is stored as a hash"
    );

    let back = world.reset(&token, NEW, None).await.unwrap();
    assert_eq!(back.me.account.id, ada.me.account.id);
    assert!(back.me.account.email_proven, "the link was mailed");
    assert!(world.authenticate(&back.token).await.is_ok());
    assert!(
        world.authenticate(&ada.token).await.is_err(),
        "the session before has ended"
    );
    assert_eq!(
        code(world.reset(&token, PASSWORD, None).await),
        "identity.password_reset.gone"
    );
    assert_eq!(
        code(world.sign_in(ADA, PASSWORD, None).await),
        "identity.session.invalid_credentials"
    );
    assert_eq!(code(world.sign_in(ADA, NEW, None).await), "ok");
    let notice = world.mail().await;
    assert!(notice.subject.contains("password was set anew"), "{}", notice.subject);
    for action in ["identity.password.reset_requested", "identity.password.reset"] {
        assert_eq!(audited(&world.db, action).await, 1, "{action}");
    }
}

#[tokio::test]
async fn v6_4_3_a_link_ends_after_half_an_hour_and_with_the_next_one() {
    let world = World::claimed().await;
    world.ada().await;
    world.ask(ADA).await;
    let first = link(&world.mail().await, "reset");
    world.ask(ADA).await;
    let second = link(&world.mail().await, "reset");
    assert_eq!(
        code(world.reset(&first, NEW, None).await),
        "identity.password_reset.gone"
    );
    world.clock.advance(SignedDuration::from_mins(30));
    assert_eq!(
        code(world.reset(&second, NEW, None).await),
        "identity.password_reset.gone"
    );
    for nonsense in ["", "reset_", "activate_abc", &second[..10]] {
        assert_eq!(
            code(world.reset(nonsense, NEW, None).await),
            "identity.password_reset.gone"
        );
    }
}

/// What is done while the caller waits is the same for every address: a row in the queue.
#[tokio::test]
async fn v6_3_8_whether_an_account_exists_shows_in_no_answer_and_in_no_work() {
    let world = World::claimed().await;
    world.ada().await;
    let reads = "select count(*) from jobs.jobs";
    for email in [ADA, "nobody@example.com"] {
        let before = number(&world.db, reads).await;
        assert_eq!(world.ask(email).await, "ok");
        assert_eq!(number(&world.db, reads).await, before + 1, "{email}");
        let waiting = "select count(*) from identity.password_resets";
        assert_eq!(number(&world.db, waiting).await, 0, "nothing was looked up for {email}");
    }
    let queued = number(
        &world.db,
        "select count(*) from jobs.jobs where payload::text ilike '%example.com%'",
    )
    .await;
    assert_eq!(queued, 0, "addresses are personal");
    let mails = world.mails().await;
    assert_eq!(mails.len(), 1, "nobody gets none: {mails:?}");
}

#[tokio::test]
async fn v6_4_3_a_reset_does_not_pass_by_the_second_factor() {
    let world = World::claimed().await;
    let ada = world.ada().await;
    let codes = super::totp::enrol(&world, &ada, ada.me.home.tenant.id).await;
    world.mails().await;
    world.ask(ADA).await;
    let token = link(&world.mail().await, "reset");
    assert_eq!(
        code(world.reset(&token, NEW, None).await),
        "identity.session.totp_required"
    );
    for wrong in ["000000", "wrong-code"] {
        assert_eq!(
            code(world.reset(&token, NEW, Some(wrong)).await),
            "identity.session.invalid_credentials"
        );
    }
    // Of codes there are only so many a minute.
    world.clock.advance(SignedDuration::from_mins(5));
    assert_eq!(
        code(world.sign_in(ADA, PASSWORD, Some(&codes[0])).await),
        "ok",
        "nothing was changed"
    );
    assert_eq!(
        code(world.reset(&token, NEW, Some(&codes[1])).await),
        "ok",
        "the link is still good"
    );
    assert_eq!(
        code(world.sign_in(ADA, NEW, Some(&codes[1])).await),
        "identity.session.invalid_credentials"
    );
    assert_eq!(
        code(world.sign_in(ADA, NEW, Some(&codes[2])).await),
        "ok",
        "the second factor stays"
    );
}

#[tokio::test]
async fn v6_2_12_a_reset_takes_no_weak_and_no_leaked_password() {
    let world = World::claimed().await;
    let reseller = world.child(world.platform(), TenantKind::Reseller).await;
    world.member(ADA, reseller, Role::Owner).await;
    world.mails().await;
    world.ask(ADA).await;
    let token = link(&world.mail().await, "reset");
    for (password, expected) in [
        ("Bq7!kZp2x", "identity.password.too_short"),
        ("qwerty123456", "identity.password.common"),
        ("matiasjerez123", "identity.password.breached"),
        ("ada example 12", "identity.password.personal"),
        (NEW, "ok"),
    ] {
        assert_eq!(code(world.reset(&token, password, None).await), expected, "{password}");
    }
}

/// ADR 0011: an address may have an account in each of several tenants.
#[tokio::test]
async fn several_accounts_of_an_address_get_one_mail_that_names_each() {
    let world = World::claimed().await;
    let (one, two) = (world.customer().await, world.customer().await);
    world.member(ADA, one, Role::Owner).await;
    let invited = world.invite(ADA, two, Role::Owner).await;
    let given = Activate {
        password: "a password of her other account",
        ..activate(invited.activation.as_ref().unwrap().token.reveal())
    };
    world.identity.activate(&presence(), given).await.unwrap();
    world.mails().await;
    world.ask(ADA).await;
    let mail = world.mail().await;
    let tokens = links(&mail, "reset");
    assert_eq!(tokens.len(), 2, "{}", mail.text);
    assert_eq!(mail.text.matches("Set a new password for Child").count(), 2);
    let mut tenants = Vec::new();
    for (n, token) in tokens.iter().enumerate() {
        let password = format!("{NEW} {n}");
        tenants.push(world.reset(token, &password, None).await.unwrap().me.home.tenant.id);
    }
    tenants.sort_unstable();
    let mut both = vec![one, two];
    both.sort_unstable();
    assert_eq!(tenants, both);
}

#[tokio::test]
async fn links_are_asked_for_a_few_times_for_an_address_and_from_one() {
    let world = World::claimed().await;
    world.ada().await;
    for _ in 0..3 {
        assert_eq!(world.ask(ADA).await, "ok");
    }
    assert_eq!(world.ask("Ada@EXAMPLE.com").await, "identity.session.too_many_attempts");
    assert_eq!(world.ask("nobody@example.com").await, "ok");
    for n in 0..15 {
        assert_eq!(world.ask(&format!("nobody{n}@example.com")).await, "ok", "{n}");
    }
    assert_eq!(
        world.ask("nobody17@example.com").await,
        "identity.session.too_many_attempts"
    );
    let other = presence_at("198.51.100.9");
    let ask = world
        .identity
        .request_reset(&other, "nobody18@example.com".parse().unwrap());
    assert_eq!(code(ask.await), "ok");
    world.clock.advance(SignedDuration::from_mins(15));
    assert_eq!(world.ask(ADA).await, "ok", "one more every quarter of an hour");
}

#[tokio::test]
async fn who_changes_the_password_by_hand_ends_the_link() {
    let world = World::claimed().await;
    let ada = world.ada().await;
    world.ask(ADA).await;
    let token = link(&world.mail().await, "reset");
    let cx = world.cx(ada.me.account.id, ada.me.home.tenant.id);
    let given = crate::service::ChangePassword {
        current: PASSWORD,
        new: NEW,
    };
    world.identity.change_password(&cx, given, None).await.unwrap();
    assert!(world.mail().await.subject.contains("password was changed"));
    assert_eq!(
        code(world.reset(&token, PASSWORD, None).await),
        "identity.password_reset.gone"
    );
}

#[tokio::test]
async fn of_two_resets_at_once_one_wins() {
    let world = World::claimed().await;
    world.ada().await;
    world.ask(ADA).await;
    let token = link(&world.mail().await, "reset");
    let (a, b) = tokio::join!(world.reset(&token, NEW, None), world.reset(&token, PASSWORD, None));
    let mut codes = [code(a), code(b)];
    codes.sort_unstable();
    assert_eq!(codes, ["identity.password_reset.gone", "ok"]);
}

#[tokio::test]
async fn who_belongs_nowhere_any_more_gets_no_link() {
    let world = World::claimed().await;
    let ada = world.ada().await;
    world.take_out(ada.me.home.tenant.id, ada.me.account.id).await;
    world.ask(ADA).await;
    assert!(world.mails().await.is_empty());
    world.ask(OWNER).await;
    assert_eq!(world.mails().await.len(), 1);
}

/// The address may change after the accounts of an address were looked for and before their links are stored.
#[tokio::test]
async fn a_link_to_an_address_that_is_the_accounts_no_more_is_neither_made_nor_taken() {
    let world = World::claimed().await;
    let ada = world.ada().await;
    let (user, home) = (ada.me.account.id, ada.me.home.tenant.id);
    world.ask(ADA).await;
    let token = link(&world.mail().await, "reset");
    let mut tx = world.db.tenant(home).await.unwrap();
    let new = "ada@example.org".parse().unwrap();
    assert!(emails::set(&mut tx, user, &new, world.clock.now()).await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(
        code(world.reset(&token, NEW, None).await),
        "identity.password_reset.gone"
    );
    let hash = Token::parse(TokenKind::Reset, &token).unwrap().hash();
    let now = world.clock.now();
    let mut tx = world.db.tenant(home).await.unwrap();
    let taken = resets::take(&mut tx, user, &hash, now).await.unwrap();
    assert!(!taken, "nor by who has found the link while it was good");
    let until = now + SignedDuration::from_mins(30);
    let made = Token::generate(TokenKind::Reset).hash();
    let before = ADA.parse().unwrap();
    assert!(!resets::offer(&mut tx, user, &before, (&made, until)).await.unwrap());
    assert!(resets::offer(&mut tx, user, &new, (&made, until)).await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(code(world.sign_in("ada@example.org", PASSWORD, None).await), "ok");
}
