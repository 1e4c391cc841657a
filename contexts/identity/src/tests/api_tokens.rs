use jiff::SignedDuration;
use mpanel_authz::{Actor, IdempotencyKey, OpCx, OpCxParts, Role};
use mpanel_crypto::{Token, TokenKind};
use mpanel_kernel::clock::Clock as _;
use mpanel_kernel::ids::{ApiTokenId, TenantId, UserId};
use mpanel_kernel::paging::PageRequest;

use super::store::memberships::{audited, everything};
use super::support::{World, code};
use crate::domain::NewApiToken;
use crate::service::TokensOf;
use crate::{Authenticated, Error, Presented};

fn new(scopes: &[&str]) -> NewApiToken {
    NewApiToken {
        name: "deploy".to_owned(),
        scopes: scopes.iter().map(ToString::to_string).collect(),
        expires_at: None,
        allowed_networks: Vec::new(),
    }
}

async fn somebody(world: &World) -> (UserId, TenantId) {
    let customer = world.customer().await;
    let ada = world.member("ada@example.com", customer, Role::Owner).await;
    (ada.me.account.id, customer)
}

async fn authenticate(world: &World, secret: &str) -> Result<Authenticated, Error> {
    let presented = Presented::ApiToken(Token::parse(TokenKind::Api, secret).unwrap());
    world.look_up(&presented, false).await
}

#[tokio::test]
async fn a_token_is_shown_once_and_only_its_hash_is_stored() {
    let world = World::claimed().await;
    let (ada, customer) = somebody(&world).await;
    let cx = world.cx(ada, customer);
    let created = world
        .identity
        .create_api_token(&cx, new(&["identity.session:list", "identity.account:*"]))
        .await
        .unwrap();
    let secret = created.secret.unwrap();
    assert!(secret.reveal().starts_with("mpk_") && secret.reveal().starts_with(&created.token.0.facts.prefix));
    assert!(!everything(&world.db).await.contains(secret.reveal()));
    let who = authenticate(&world, secret.reveal()).await.unwrap();
    assert_eq!((who.user, who.tenant, who.bound), (ada, customer, true));
    assert_eq!(
        who.scopes.unwrap().as_slice(),
        ["identity.account:*", "identity.session:list"]
    );
    let list = world
        .identity
        .list_api_tokens(&cx, TokensOf::Myself, PageRequest::default())
        .await
        .unwrap()
        .items;
    assert_eq!(list.len(), 1);
    assert_eq!(list[0].0.facts.last_used_at, Some(world.clock.now()));
    let life = list[0].0.facts.expires_at.duration_since(world.clock.now());
    assert_eq!(life, SignedDuration::from_hours(90 * 24), "by default");
    assert_eq!(audited(&world.db, "identity.api_token.created").await, 1);
}

#[tokio::test]
async fn a_token_ends_when_it_expires_and_at_once_when_it_is_revoked() {
    let world = World::claimed().await;
    let (ada, customer) = somebody(&world).await;
    let cx = world.cx(ada, customer);
    let mut short = new(&["*"]);
    short.expires_at = Some(world.clock.now() + SignedDuration::from_hours(1));
    let short = world.identity.create_api_token(&cx, short).await.unwrap();
    let long = world.identity.create_api_token(&cx, new(&["*"])).await.unwrap();
    let (short, long_secret) = (short.secret.unwrap(), long.secret.unwrap());
    world.clock.advance(SignedDuration::from_hours(1));
    assert_eq!(
        code(authenticate(&world, short.reveal()).await),
        "identity.credential.invalid"
    );
    assert!(authenticate(&world, long_secret.reveal()).await.is_ok());
    world
        .identity
        .delete_api_token(&cx, long.token.0.facts.id)
        .await
        .unwrap();
    assert_eq!(
        code(authenticate(&world, long_secret.reveal()).await),
        "identity.credential.invalid"
    );
    assert_eq!(audited(&world.db, "identity.api_token.revoked").await, 1);
}

#[tokio::test]
async fn v8_2_1_scopes_and_lifetimes_are_checked() {
    let world = World::claimed().await;
    let (ada, customer) = somebody(&world).await;
    let cx = world.cx(ada, customer);
    for (scopes, expected) in [
        (&[][..], "identity.api_token.bad_scopes"),
        (&["sites.unknown:read"], "identity.api_token.bad_scope"),
        (&["identity.session:fly"], "identity.api_token.bad_scope"),
        (&["identity.session"], "identity.api_token.bad_scope"),
    ] {
        let refused = world.identity.create_api_token(&cx, new(scopes)).await;
        assert_eq!(code(refused), expected, "{scopes:?}");
    }
    for hours in [0, -1, 366 * 24 + 1] {
        let mut request = new(&["*"]);
        request.expires_at = Some(world.clock.now() + SignedDuration::from_hours(hours));
        let refused = world.identity.create_api_token(&cx, request).await;
        assert_eq!(code(refused), "identity.api_token.bad_expiry", "{hours}");
    }
    let mut request = new(&["*"]);
    request.name = "x".repeat(101);
    assert_eq!(code(world.identity.create_api_token(&cx, request).await), "name.length");
}

#[tokio::test]
async fn v8_3_1_a_token_makes_no_token_that_could_do_more_or_lives_longer() {
    let world = World::claimed().await;
    let (ada, customer) = somebody(&world).await;
    let scopes = ["identity.api_token:create", "identity.session:*"];
    let mut request = new(&scopes);
    let ends = world.clock.now() + SignedDuration::from_hours(24);
    request.expires_at = Some(ends);
    let first = world
        .identity
        .create_api_token(&world.cx(ada, customer), request)
        .await
        .unwrap();
    let actor = Actor::Token {
        token: first.token.0.facts.id,
        user: ada,
    };
    let cx = world.cx_as(actor, customer, Some(&scopes));
    for wider in ["*", "identity.api_token:*", "identity.account:read"] {
        let refused = world.identity.create_api_token(&cx, new(&[wider])).await;
        assert_eq!(code(refused), "identity.api_token.wider_scope", "{wider}");
    }
    let second = world
        .identity
        .create_api_token(&cx, new(&["identity.session:list", "identity.session:*"]))
        .await
        .unwrap();
    assert_eq!(second.token.0.facts.expires_at, ends);
    let mut longer = new(&["identity.session:list"]);
    longer.expires_at = Some(ends + SignedDuration::from_secs(1));
    let refused = world.identity.create_api_token(&cx, longer).await;
    assert_eq!(code(refused), "identity.api_token.bad_expiry");
    let nothing = world.cx_as(
        Actor::Token {
            token: first.token.0.facts.id,
            user: ada,
        },
        customer,
        Some(&["identity.session:*"]),
    );
    let refused = world
        .identity
        .create_api_token(&nothing, new(&["identity.session:*"]))
        .await;
    assert_eq!(code(refused), "request.forbidden");
}

#[tokio::test]
async fn v8_2_2_tokens_belong_to_one_person_in_one_tenant() {
    let world = World::claimed().await;
    let (ada, customer) = somebody(&world).await;
    let bob = world
        .member("bob@example.com", customer, Role::Owner)
        .await
        .me
        .account
        .id;
    let created = world
        .identity
        .create_api_token(&world.cx(ada, customer), new(&["*"]))
        .await
        .unwrap();
    let other = world.customer().await;
    for cx in [world.cx(bob, customer), world.cx(ada, other)] {
        let list = world
            .identity
            .list_api_tokens(&cx, TokensOf::Myself, PageRequest::default())
            .await
            .unwrap();
        assert!(list.items.is_empty());
        for id in [created.token.0.facts.id, ApiTokenId::generate()] {
            assert_eq!(
                code(world.identity.delete_api_token(&cx, id).await),
                "request.not_found"
            );
        }
    }
    assert!(authenticate(&world, created.secret.unwrap().reveal()).await.is_ok());
}

#[tokio::test]
async fn a_repeated_request_makes_one_token_and_shows_its_secret_once() {
    let world = World::claimed().await;
    let (ada, customer) = somebody(&world).await;
    let once = |cx: &OpCx| {
        OpCx::new(OpCxParts {
            actor: cx.actor().clone(),
            tenant: cx.tenant(),
            tenant_kind: cx.tenant_kind(),
            role: cx.rights().clone(),
            scopes: None,
            assumed_from: None,
            assumption: None,
            request_id: cx.request_id(),
            address: None,
            idempotency: Some(IdempotencyKey {
                key: "same".to_owned(),
                request_hash: [7; 32],
            }),
            clock: cx.clock().clone(),
            permissions: cx.permissions().clone(),
        })
    };
    let cx = once(&world.cx(ada, customer));
    let first = world.identity.create_api_token(&cx, new(&["*"])).await.unwrap();
    let second = world.identity.create_api_token(&cx, new(&["*"])).await.unwrap();
    assert_eq!(first.token.0.facts.id, second.token.0.facts.id);
    assert!(first.secret.is_some() && second.secret.is_none());
}

#[tokio::test]
async fn owners_of_a_tenant_see_and_revoke_the_tokens_of_others_there() {
    let world = World::claimed().await;
    let (ada, customer) = somebody(&world).await;
    let bob = world.member("bob@example.com", customer, Role::Viewer).await;
    let bob = bob.me.account.id;
    let of_bob = world.cx(bob, customer);
    let created = world.identity.create_api_token(&of_bob, new(&["*"])).await.unwrap();
    let (id, secret) = (created.token.0.facts.id, created.secret.unwrap());
    let list = async |cx: &OpCx, of: TokensOf| {
        let page = world.identity.list_api_tokens(cx, of, PageRequest::default()).await?;
        Ok::<_, Error>(page.items)
    };
    // Not for those who do not manage access, nor for owners elsewhere.
    let developer = world.cx(ada, customer);
    for of in [TokensOf::Everybody, TokensOf::User(bob)] {
        assert_eq!(code(list(&developer, of).await), "request.forbidden");
    }
    assert_eq!(list(&of_bob, TokensOf::User(bob)).await.unwrap().len(), 1);
    let elsewhere = world.owner_cx(ada, world.customer().await);
    assert!(list(&elsewhere, TokensOf::Everybody).await.unwrap().is_empty());
    for cx in [&developer, &elsewhere] {
        let refused = world.identity.delete_api_token(cx, id).await;
        assert_eq!(code(refused), "request.not_found");
    }

    let owner = world.owner_cx(ada, customer);
    assert!(list(&owner, TokensOf::Myself).await.unwrap().is_empty());
    for of in [TokensOf::Everybody, TokensOf::User(bob)] {
        let listed = list(&owner, of).await.unwrap();
        assert_eq!(
            (listed.len(), listed[0].0.user, listed[0].1.as_deref()),
            (1, bob, Some("Ada"))
        );
    }
    world.identity.delete_api_token(&owner, id).await.unwrap();
    assert_eq!(
        code(authenticate(&world, secret.reveal()).await),
        "identity.credential.invalid"
    );
    assert_eq!(audited(&world.db, "identity.api_token.revoked").await, 1);
}
