use jiff::SignedDuration;
use mpanel_authz::Role;
use mpanel_crypto::{Token, TokenKind};
use mpanel_kernel::ids::SessionId;

use super::store::memberships::audited;
use super::support::{OWNER, PASSWORD, World, code};
use crate::Presented;

#[tokio::test]
async fn v7_3_1_a_session_that_nobody_uses_ends_after_twelve_hours() {
    let world = World::claimed().await;
    let session = world.sign_in(OWNER, PASSWORD, None).await.unwrap().token;
    world.clock.advance(SignedDuration::from_mins(12 * 60 - 1));
    assert!(world.authenticate(&session).await.is_ok());
    world.clock.advance(SignedDuration::from_mins(12 * 60 - 1));
    assert!(world.authenticate(&session).await.is_ok(), "its use counts");
    world.clock.advance(SignedDuration::from_hours(12));
    assert_eq!(code(world.authenticate(&session).await), "identity.credential.invalid");
}

#[tokio::test]
async fn v7_3_2_every_session_ends_after_seven_days() {
    let world = World::claimed().await;
    let session = world.sign_in(OWNER, PASSWORD, None).await.unwrap().token;
    for _ in 0..16 {
        world.clock.advance(SignedDuration::from_hours(10));
        assert!(world.authenticate(&session).await.is_ok());
    }
    world.clock.advance(SignedDuration::from_hours(8));
    assert_eq!(code(world.authenticate(&session).await), "identity.credential.invalid");
}

#[tokio::test]
async fn v7_3_1_a_stream_that_stays_open_is_no_use_of_the_session() {
    let world = World::claimed().await;
    let session = world.sign_in(OWNER, PASSWORD, None).await.unwrap().token;
    world.clock.advance(SignedDuration::from_hours(11));
    let presented = Presented::Session(Token::parse(TokenKind::Session, session.reveal()).unwrap());
    assert!(world.look_up(&presented, true).await.is_ok());
    world.clock.advance(SignedDuration::from_hours(1));
    assert_eq!(code(world.authenticate(&session).await), "identity.credential.invalid");
}

#[tokio::test]
async fn last_seen_is_written_at_most_once_a_minute() {
    let world = World::claimed().await;
    let signed_in = world.sign_in(OWNER, PASSWORD, None).await.unwrap();
    let cx = world.cx(signed_in.me.account.id, world.platform());
    let hash = signed_in.token.hash();
    let seen = async || {
        let list = world.identity.list_sessions(&cx, Some(&hash)).await.unwrap();
        let session = list.iter().find(|session| session.current).unwrap();
        session.last_seen_at.duration_since(session.created_at).as_secs()
    };
    world.clock.advance(SignedDuration::from_secs(59));
    world.authenticate(&signed_in.token).await.unwrap();
    assert_eq!(seen().await, 0);
    world.clock.advance(SignedDuration::from_secs(1));
    world.authenticate(&signed_in.token).await.unwrap();
    assert_eq!(seen().await, 60);
}

#[tokio::test]
async fn a_session_works_only_at_the_host_where_it_was_started() {
    let world = World::claimed().await;
    let session = world.sign_in(OWNER, PASSWORD, None).await.unwrap().token;
    let presented = Presented::Session(session);
    assert!(world.look_up(&presented, false).await.is_ok());
    let elsewhere = world.look_up_at(&presented, "other.example.com", None, false);
    assert_eq!(code(elsewhere.await), "identity.credential.invalid");
}

#[tokio::test]
async fn v7_5_2_a_person_lists_the_own_sessions_and_ends_them() {
    let world = World::claimed().await;
    let customer = world.customer().await;
    let ada = world.member("ada@example.com", customer, Role::Viewer).await;
    let second = world.sign_in("ada@example.com", PASSWORD, None).await.unwrap();
    let cx = world.cx(ada.me.account.id, customer);
    let hash = second.token.hash();
    let list = world.identity.list_sessions(&cx, Some(&hash)).await.unwrap();
    assert_eq!(list.len(), 2, "and not the owner's");
    assert!(list[0].current && !list[1].current, "newest first");
    assert_eq!(list[1].address.unwrap().to_string(), "203.0.113.7");
    assert_eq!(list[1].user_agent, "Test/1.0");
    world.identity.end_session(&cx, list[1].id).await.unwrap();
    assert_eq!(
        code(world.authenticate(&ada.token).await),
        "identity.credential.invalid"
    );
    assert!(world.authenticate(&second.token).await.is_ok());
    assert_eq!(
        code(world.identity.end_session(&cx, list[1].id).await),
        "request.not_found"
    );
    assert_eq!(audited(&world.db, "identity.session.ended").await, 1);
}

#[tokio::test]
async fn nobody_ends_the_session_of_another() {
    let world = World::claimed().await;
    let customer = world.customer().await;
    let ada = world.member("ada@example.com", customer, Role::Owner).await;
    let bob = world.member("bob@example.com", customer, Role::Owner).await;
    let of_bob = world.cx(bob.me.account.id, customer);
    let session = world.identity.list_sessions(&of_bob, None).await.unwrap()[0].id;
    let of_ada = world.cx(ada.me.account.id, customer);
    for id in [session, SessionId::generate()] {
        assert_eq!(code(world.identity.end_session(&of_ada, id).await), "request.not_found");
    }
    let stolen = bob.token.hash();
    let refused = world.identity.end_current_session(&of_ada, Some(&stolen)).await;
    assert_eq!(code(refused), "request.not_found");
    assert!(world.authenticate(&bob.token).await.is_ok());
}

#[tokio::test]
async fn v7_4_1_signing_out_ends_the_session_at_once() {
    let world = World::claimed().await;
    let signed_in = world.sign_in(OWNER, PASSWORD, None).await.unwrap();
    let cx = world.cx(signed_in.me.account.id, world.platform());
    let hash = signed_in.token.hash();
    world.identity.end_current_session(&cx, Some(&hash)).await.unwrap();
    assert_eq!(
        code(world.authenticate(&signed_in.token).await),
        "identity.credential.invalid"
    );
    assert_eq!(
        code(world.identity.end_current_session(&cx, None).await),
        "request.not_found"
    );
}

#[tokio::test]
async fn sessions_long_expired_are_forgotten() {
    let world = World::claimed().await;
    world.clock.advance(SignedDuration::from_hours(24 * 38));
    world.sign_in(OWNER, PASSWORD, None).await.unwrap();
    let count = super::store::memberships::number(&world.db, "select count(*) from identity.sessions").await;
    assert_eq!(count, 1);
}

#[tokio::test]
async fn asvs_7_4_3_a_person_ends_all_sessions_or_all_others() {
    let world = World::claimed().await;
    let customer = world.customer().await;
    let ada = world.member("ada@example.com", customer, Role::Viewer).await;
    let bob = world.member("bob@example.com", customer, Role::Viewer).await;
    let here = world.sign_in("ada@example.com", PASSWORD, None).await.unwrap();
    let cx = world.cx(ada.me.account.id, customer);
    let keep = here.token.hash();
    assert_eq!(world.identity.end_sessions(&cx, Some(&keep)).await.unwrap(), 1);
    assert_eq!(
        code(world.authenticate(&ada.token).await),
        "identity.credential.invalid"
    );
    assert!(world.authenticate(&here.token).await.is_ok());
    assert_eq!(world.identity.end_sessions(&cx, None).await.unwrap(), 1);
    assert_eq!(
        code(world.authenticate(&here.token).await),
        "identity.credential.invalid"
    );
    assert!(world.authenticate(&bob.token).await.is_ok(), "and nobody else's");
    assert_eq!(audited(&world.db, "identity.session.all_ended").await, 2);
}

#[tokio::test]
async fn asvs_7_4_5_a_tenant_ends_the_sessions_of_its_people() {
    let world = World::claimed().await;
    let (customer, other) = (world.customer().await, world.customer().await);
    let ada = world.member("ada@example.com", customer, Role::Owner).await;
    let bob = world.member("bob@example.com", customer, Role::Viewer).await;
    let eve = world.member("eve@example.com", other, Role::Owner).await;
    let owner = world.owner_cx(ada.me.account.id, customer);
    assert_eq!(
        world.identity.end_sessions_of(&owner, bob.me.account.id).await.unwrap(),
        1
    );
    assert_eq!(
        code(world.authenticate(&bob.token).await),
        "identity.credential.invalid"
    );
    let viewer = world.cx(bob.me.account.id, customer);
    let refused = world.identity.end_sessions_of(&viewer, ada.me.account.id).await;
    assert_eq!(code(refused), "request.forbidden");
    let foreign = world.identity.end_sessions_of(&owner, eve.me.account.id).await;
    assert_eq!(code(foreign), "request.not_found", "whose account is at home elsewhere");
    let admin = world.admin_cx(bob.me.account.id, customer);
    let refused = world.identity.end_sessions_of(&admin, ada.me.account.id).await;
    assert_eq!(code(refused), "identity.session.owners");
    assert!(world.authenticate(&ada.token).await.is_ok() && world.authenticate(&eve.token).await.is_ok());
}

#[tokio::test]
async fn sessions_of_people_who_never_come_back_are_forgotten_too() {
    let world = World::claimed().await;
    let retention = crate::reconcile::Retention(world.identity.clone());
    let count = async || super::store::memberships::number(&world.db, "select count(*) from identity.sessions").await;
    world.clock.advance(SignedDuration::from_hours(24 * 36));
    mpanel_jobs::Reconciler::pass(&retention).await.unwrap();
    assert_eq!(count().await, 1, "expired for less than thirty days");
    world.clock.advance(SignedDuration::from_hours(24 * 2));
    mpanel_jobs::Reconciler::pass(&retention).await.unwrap();
    assert_eq!(count().await, 0);
}

#[tokio::test]
async fn a_list_of_sessions_says_by_what_and_where() {
    let world = World::claimed().await;
    let mut who = super::support::presence();
    who.user_agent = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Version/18.1 Safari/605.1.15".to_owned();
    let given = super::support::sign_in(OWNER, PASSWORD, None);
    let user = world.identity.sign_in(&who, given).await.unwrap().me.account.id;
    let list = world
        .identity
        .list_sessions(&world.cx(user, world.platform()), None)
        .await
        .unwrap();
    assert_eq!(
        (list[0].device.browser, list[0].device.system),
        (Some("Safari"), Some("macOS"))
    );
    assert_eq!(list[0].host, super::support::HOST);
}
