use jiff::SignedDuration;
use mpanel_authz::Role;
use mpanel_crypto::Token;
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
    let presented = Presented::Session(Token::parse("mps", session.reveal()).unwrap());
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
    let mut tx = world.db.spine().await.unwrap();
    let elsewhere = world
        .identity
        .authenticate(&mut tx, &presented, "other.example.com", false);
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
