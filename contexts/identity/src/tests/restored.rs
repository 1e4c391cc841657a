//! What does not come back from a backup.

use jiff::SignedDuration;
use mpanel_authz::Role;
use mpanel_kernel::clock::Clock as _;
use mpanel_pg::{Reason, Ts, Tx as _};

use super::support::{OWNER, PASSWORD, World, activate, code, presence};
use crate::begin_again;

/// Sessions that are open, links that open something, and API tokens.
async fn left(world: &World) -> (i64, i64, i64) {
    let mut tx = world.db.platform(Reason::Administer("test")).await.unwrap();
    sqlx::query_as(
        "select (select count(*) from identity.sessions where ended_at is null),
                (select count(*) from identity.activations where expires_at > $1) + (select count(*) from identity.password_resets)
                    + (select count(*) from identity.email_changes),
                (select count(*) from identity.api_tokens)",
    )
    .bind(Ts(world.clock.now()))
    .fetch_one(tx.conn())
    .await
    .unwrap()
}

/// Lets the invitations that wait expire after so long.
async fn expire(world: &World, after: SignedDuration) {
    let mut tx = world.db.platform(Reason::Administer("test")).await.unwrap();
    let update = sqlx::query("update identity.activations set expires_at = $1");
    let done = update
        .bind(Ts(world.clock.now() + after))
        .execute(tx.conn())
        .await
        .unwrap();
    assert_eq!(done.rows_affected(), 1);
    tx.commit().await.unwrap();
}

async fn begun_again(world: &World, revoke_tokens: bool) -> u64 {
    let mut tx = world.db.platform(Reason::Lifecycle("test")).await.unwrap();
    let revoked = begin_again(&mut tx, &*world.clock, revoke_tokens).await.unwrap();
    tx.commit().await.unwrap();
    revoked
}

#[tokio::test]
async fn no_session_or_link_of_a_backup_works_again_and_tokens_only_where_that_is_wanted() {
    let world = World::claimed().await;
    world.sign_in(OWNER, PASSWORD, None).await.unwrap();
    let customer = world.customer().await;
    let seller = world
        .member("owner@example.com", customer, Role::Owner)
        .await
        .me
        .account;
    let ada = world.invite("ada@example.com", customer, Role::Viewer).await;
    let (ada, link) = (ada.user, ada.activation.unwrap().token);
    let mut tx = world.db.platform(Reason::Administer("test")).await.unwrap();
    for statement in [
        "insert into identity.password_resets (tenant_id, user_id, token_hash, expires_at, email_normalised)
         select tenant_id, id, '\\x01', now() + interval '1 hour', email_normalised from identity.users where email = $1",
        "insert into identity.email_changes (tenant_id, user_id, email, email_normalised, token_hash, expires_at)
         select tenant_id, id, 'b@example.com', 'b@example.com', '\\x01', now() + interval '1 hour'
         from identity.users where email = $1",
        "insert into identity.api_tokens (tenant_id, id, user_id, name, prefix, token_hash, scopes, created_at, expires_at)
         select tenant_id, gen_random_uuid(), id, 'deploys', 'mp', '\\x01', '{*}', now(), now() + interval '1 hour'
         from identity.users where email = $1",
    ] {
        let done = sqlx::query(statement).bind(OWNER).execute(tx.conn()).await.unwrap();
        assert_eq!(done.rows_affected(), 1, "{statement}");
    }
    tx.commit().await.unwrap();
    let (sessions, links, tokens) = left(&world).await;
    assert!(sessions > 0 && (links, tokens) == (3, 1));

    assert_eq!(begun_again(&world, false).await, 0);
    assert_eq!(left(&world).await, (0, 0, 1));
    // Nor where the clock goes back. Whoever invited sees that it has expired, and mails another.
    let follow = async |token: &str| code(world.identity.activate(&presence(), activate(token)).await);
    expire(&world, SignedDuration::from_hours(1)).await;
    assert_eq!(follow(link.reveal()).await, "identity.activation.gone");
    expire(&world, SignedDuration::ZERO).await;
    let cx = world.owner_cx(seller.id, customer);
    let listed = world.identity.list_invitations(&cx).await.unwrap();
    assert_eq!((listed.len(), listed[0].user, listed[0].expired), (1, ada, true));
    let resent = world.identity.resend_invitation(&cx, ada).await.unwrap();
    assert_eq!(follow(resent.activation.token.reveal()).await, "ok");

    assert_eq!(begun_again(&world, true).await, 1);
    assert_eq!(left(&world).await, (0, 0, 0));
}
