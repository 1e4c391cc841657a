//! Who was invited and has not come yet.

use jiff::SignedDuration;
use mpanel_authz::{Actor, Role, TenantKind};
use mpanel_kernel::ids::{ApiTokenId, TenantId, UserId};

use super::mailbox::link;
use super::store::memberships::{audited, number, suspend};
use super::support::{PASSWORD, World, activate, code, presence};
use crate::service::Activate;

const ADA: &str = "ada@example.com";

impl World {
    /// An owner of a customer, and the customer.
    async fn house(&self) -> (UserId, TenantId) {
        let customer = self.customer().await;
        let owner = self.member("owner@example.com", customer, Role::Owner).await;
        self.mails().await;
        (owner.me.account.id, customer)
    }

    async fn follow(&self, token: &str, password: &str) -> Result<crate::service::SignedIn, crate::Error> {
        let given = Activate {
            password,
            ..activate(token)
        };
        self.identity.activate(&presence(), given).await
    }
}

#[tokio::test]
async fn the_link_in_the_mail_proves_the_address_and_the_one_handed_over_does_not() {
    let world = World::claimed().await;
    for (n, mailed) in [true, false].into_iter().enumerate() {
        let customer = world.customer().await;
        let email = format!("ada{n}@example.com");
        let handed = world
            .invite(&email, customer, Role::Owner)
            .await
            .activation
            .unwrap()
            .token;
        let mail = world.mail().await;
        assert_eq!(mail.to.as_str(), email);
        assert!(mail.text.contains("“Child”"), "which tenant: {}", mail.text);
        let posted = link(&mail, "activate");
        assert_ne!(posted, handed.reveal());
        let token = if mailed { posted.as_str() } else { handed.reveal() };
        let ada = world.follow(token, PASSWORD).await.unwrap();
        assert_eq!(ada.me.account.email_proven, mailed);
        let other = if mailed { handed.reveal() } else { posted.as_str() };
        assert_eq!(
            code(world.follow(other, PASSWORD).await),
            "identity.activation.gone",
            "one of the two"
        );
    }
}

#[tokio::test]
async fn who_joins_with_an_account_by_the_mailed_link_has_proven_its_address() {
    let world = World::claimed().await;
    let (one, two) = (world.customer().await, world.customer().await);
    let ada = world.member(ADA, one, Role::Owner).await;
    assert!(!ada.me.account.email_proven);
    world.mails().await;
    world.invite(ADA, two, Role::Viewer).await;
    let posted = link(&world.mail().await, "activate");
    let joined = world.follow(&posted, PASSWORD).await.unwrap();
    assert_eq!(joined.me.account.id, ada.me.account.id);
    assert_eq!((joined.me.account.email_proven, joined.me.memberships.len()), (true, 2));
}

#[tokio::test]
async fn pending_invitations_are_listed_until_they_are_accepted() {
    let world = World::claimed().await;
    let (owner, customer) = world.house().await;
    let cx = world.owner_cx(owner, customer);
    let ada = world.invite(ADA, customer, Role::Viewer).await;
    world.invite("bob@example.com", customer, Role::Admin).await;
    // Of another tenant.
    let elsewhere = world.customer().await;
    world.invite("eve@example.com", elsewhere, Role::Owner).await;
    let list = world.identity.list_invitations(&cx).await.unwrap();
    let mut seen: Vec<_> = list
        .iter()
        .map(|i| (i.email.as_str(), i.role.to_string(), i.mailed, i.expired))
        .collect();
    seen.sort_unstable();
    assert_eq!(
        seen,
        [
            (ADA, "viewer".to_owned(), true, false),
            ("bob@example.com", "admin".to_owned(), true, false)
        ]
    );
    world
        .follow(ada.activation.unwrap().token.reveal(), PASSWORD)
        .await
        .unwrap();
    world.clock.advance(SignedDuration::from_hours(7 * 24));
    let list = world.identity.list_invitations(&cx).await.unwrap();
    assert_eq!(list.len(), 1);
    assert!(list[0].expired && list[0].email == "bob@example.com");
    world.take_out(customer, list[0].user).await;
    assert!(
        world.identity.list_invitations(&cx).await.unwrap().is_empty(),
        "removed as a member"
    );
}

#[tokio::test]
async fn v6_4_1_inviting_again_makes_new_links_for_seven_days_and_ends_the_earlier_ones() {
    let world = World::claimed().await;
    let (owner, customer) = world.house().await;
    let cx = world.owner_cx(owner, customer);
    let first = world.invite(ADA, customer, Role::Viewer).await;
    let first_posted = link(&world.mail().await, "activate");
    world.clock.advance(SignedDuration::from_hours(8 * 24));
    let resent = world.identity.resend_invitation(&cx, first.user).await.unwrap();
    assert!(!resent.invitation.expired);
    let posted = link(&world.mail().await, "activate");
    for old in [first.activation.unwrap().token.reveal(), &first_posted] {
        assert_eq!(code(world.follow(old, PASSWORD).await), "identity.activation.gone");
    }
    world.clock.advance(SignedDuration::from_hours(6 * 24));
    assert_eq!(code(world.follow(&posted, PASSWORD).await), "ok");
    assert_eq!(
        code(world.identity.resend_invitation(&cx, first.user).await),
        "request.not_found"
    );
    assert_eq!(audited(&world.db, "identity.invitation.resent").await, 1);
}

#[tokio::test]
async fn an_invitation_that_was_taken_back_opens_nothing_and_leaves_nothing() {
    let world = World::claimed().await;
    let (owner, customer) = world.house().await;
    let cx = world.owner_cx(owner, customer);
    let invited = world.invite(ADA, customer, Role::Viewer).await;
    let posted = link(&world.mail().await, "activate");
    world.identity.revoke_invitation(&cx, invited.user).await.unwrap();
    for token in [invited.activation.unwrap().token.reveal(), &posted] {
        assert_eq!(code(world.follow(token, PASSWORD).await), "identity.activation.gone");
    }
    let left = "select count(*) from identity.users where password_hash is null";
    assert_eq!(number(&world.db, left).await, 0);
    assert_eq!(
        code(world.identity.revoke_invitation(&cx, invited.user).await),
        "request.not_found"
    );
    assert_eq!(
        code(world.identity.revoke_invitation(&cx, owner).await),
        "request.not_found",
        "a member is none"
    );
    assert_eq!(audited(&world.db, "identity.invitation.revoked").await, 1);
}

/// Whoever holds an owner's link becomes the owner.
#[tokio::test]
async fn v8_2_2_an_owners_invitation_is_for_owners_and_one_of_another_tenant_is_not_there() {
    let world = World::claimed().await;
    let (owner, customer) = world.house().await;
    let admin = world
        .member("admin@example.com", customer, Role::Admin)
        .await
        .me
        .account
        .id;
    world.mails().await;
    let invited = world.invite(ADA, customer, Role::Owner).await.user;
    let admins = world.admin_cx(admin, customer);
    assert_eq!(
        code(world.identity.resend_invitation(&admins, invited).await),
        "identity.invitation.owners"
    );
    assert_eq!(
        code(world.identity.revoke_invitation(&admins, invited).await),
        "identity.invitation.owners"
    );
    let viewers = world.cx(owner, customer);
    assert_eq!(
        code(world.identity.resend_invitation(&viewers, invited).await),
        "request.forbidden"
    );
    let elsewhere = world.customer().await;
    let others = world.owner_cx(owner, elsewhere);
    assert_eq!(
        code(world.identity.resend_invitation(&others, invited).await),
        "request.not_found"
    );
    assert_eq!(
        code(world.identity.revoke_invitation(&others, invited).await),
        "request.not_found"
    );
    assert!(world.identity.list_invitations(&others).await.unwrap().is_empty());
}

/// Whoever holds the link becomes what was offered by it.
#[tokio::test]
async fn v8_2_2_the_link_of_an_invitation_is_for_those_who_could_offer_as_much() {
    let world = World::claimed().await;
    let (owner, customer) = world.house().await;
    let access = ["identity.invitation:list", "identity.invitation:manage-access"];
    let token = Actor::Token {
        token: ApiTokenId::generate(),
        user: owner,
    };
    let weak = [
        world.custom_cx(owner, customer, &access),
        world.owner_cx_as(token, customer, &access),
    ];
    let handed = world.invite(ADA, customer, Role::Admin).await;
    let posted = link(&world.mail().await, "activate");
    for cx in &weak {
        let resent = world.identity.resend_invitation(cx, handed.user).await;
        assert_eq!(code(resent), "identity.invitation.above");
    }
    assert!(world.mails().await.is_empty(), "nobody is told anything");
    assert_eq!(code(world.follow(&posted, PASSWORD).await), "ok", "the link stays");
    let viewer = world.invite("bob@example.com", customer, Role::Viewer).await;
    let admins = world.admin_cx(owner, customer);
    assert_eq!(
        code(world.identity.resend_invitation(&admins, viewer.user).await),
        "ok",
        "less than one's own"
    );
}

#[tokio::test]
async fn an_invitation_waits_for_the_end_of_a_suspension_of_the_tenant_or_of_one_above() {
    let world = World::claimed().await;
    let reseller = world.child(world.platform(), TenantKind::Reseller).await;
    let customer = world.child(reseller, TenantKind::Customer).await;
    let token = world.invite(ADA, customer, Role::Owner).await.activation.unwrap().token;
    for suspended in [customer, reseller] {
        suspend(&world.db, suspended, true).await;
        assert_eq!(
            code(world.follow(token.reveal(), PASSWORD).await),
            "identity.invitation.suspended"
        );
        suspend(&world.db, suspended, false).await;
    }
    assert_eq!(code(world.follow(token.reveal(), PASSWORD).await), "ok");
}

/// The invited role asks for twelve characters of a new password; who has one keeps it.
#[tokio::test]
async fn a_role_that_asks_for_a_longer_password_does_not_keep_an_account_out() {
    let world = World::claimed().await;
    let short = "Bq7!kZp2x";
    let customer = world.customer().await;
    let reseller = world.child(world.platform(), TenantKind::Reseller).await;
    let token = world.invite(ADA, customer, Role::Owner).await.activation.unwrap().token;
    let ada = world.follow(token.reveal(), short).await.unwrap();
    let token = world.invite(ADA, reseller, Role::Owner).await.activation.unwrap().token;
    let joined = world.follow(token.reveal(), short).await.unwrap();
    assert_eq!(
        (joined.me.account.id, joined.me.memberships.len()),
        (ada.me.account.id, 2)
    );
}

/// A link that somebody else has used meanwhile costs no code of the second factor and starts no session.
#[tokio::test]
async fn joining_is_one_change_all_of_it_or_none() {
    let world = World::claimed().await;
    let (one, two) = (world.customer().await, world.customer().await);
    let ada = world.member(ADA, one, Role::Owner).await;
    let codes = super::totp::enrol(&world, &ada, one).await;
    let token = world.invite(ADA, two, Role::Owner).await.activation.unwrap().token;
    let sessions = "select count(*) from identity.sessions where ended_at is null";
    let (living, left) = (
        number(&world.db, sessions).await,
        "select count(*) from identity.backup_codes",
    );
    let before = number(&world.db, left).await;
    let join = async |totp: &str| {
        let given = Activate {
            totp: Some(totp),
            ..activate(token.reveal())
        };
        code(world.identity.activate(&presence(), given).await)
    };
    let (a, b) = tokio::join!(join(&codes[0]), join(&codes[1]));
    let mut outcomes = [a, b];
    outcomes.sort_unstable();
    assert_eq!(outcomes, ["identity.activation.gone", "ok"]);
    assert_eq!(number(&world.db, left).await, before - 1, "one code was used");
    assert_eq!(number(&world.db, sessions).await, living + 1, "one session was started");
}
