use jiff::SignedDuration;
use mpanel_authz::{Actor, OpCx, Role, TenantKind};
use mpanel_crypto::{Token, TokenKind};
use mpanel_kernel::ids::{ServiceAccountId, TenantId};
use mpanel_kernel::paging::PageRequest;

use super::store::memberships::{audited, everything, number};
use super::support::{HOST, OWNER, PASSWORD, World, code, presence, sign_in};
use crate::domain::{NewApiToken, NewServiceAccount, ServiceAccount, ServiceAccountPatch};
use crate::service::CreatedServiceToken;
use crate::{Authenticated, Error, Presented};

mod ended;

struct Shop {
    world: World,
    tenant: TenantId,
    owner: OpCx,
}

impl Shop {
    async fn new() -> Self {
        let world = World::claimed().await;
        let tenant = world.customer().await;
        let ada = world.member("ada@example.com", tenant, Role::Owner).await;
        let owner = world.owner_cx(ada.me.account.id, tenant);
        Self { world, tenant, owner }
    }

    async fn account(&self, name: &str, role: Role, networks: &[&str]) -> Result<ServiceAccount, Error> {
        let new = NewServiceAccount {
            name: name.to_owned(),
            role,
            allowed_networks: networks.iter().map(ToString::to_string).collect(),
        };
        self.world.identity.create_service_account(&self.owner, new).await
    }

    async fn token(&self, account: &ServiceAccount, networks: &[&str]) -> CreatedServiceToken {
        let new = token(&["identity.session:list", "identity.account:read"], networks);
        self.world
            .identity
            .create_service_token(&self.owner, account.id, new)
            .await
            .unwrap()
    }

    async fn patch(&self, id: ServiceAccountId, patch: ServiceAccountPatch) -> Result<ServiceAccount, Error> {
        self.world.identity.update_service_account(&self.owner, id, patch).await
    }

    async fn used(&self, secret: &Token, address: &str) -> Result<Authenticated, Error> {
        let presented = Presented::ApiToken(Token::parse(TokenKind::Api, secret.reveal()).unwrap());
        self.world.look_up_at(&presented, HOST, Some(address), false).await
    }
}

fn token(scopes: &[&str], networks: &[&str]) -> NewApiToken {
    NewApiToken {
        name: "deploy".to_owned(),
        scopes: scopes.iter().map(ToString::to_string).collect(),
        expires_at: None,
        allowed_networks: networks.iter().map(ToString::to_string).collect(),
    }
}

#[tokio::test]
async fn a_program_acts_for_its_tenant_as_an_actor_of_its_own() {
    let shop = Shop::new().await;
    let account = shop.account("CI", Role::Developer, &[]).await.unwrap();
    let made = shop.token(&account, &[]).await;
    let secret = made.secret.unwrap();
    let who = shop.used(&secret, "203.0.113.7").await.unwrap();
    assert_eq!(
        who.actor,
        Actor::Service {
            token: made.token.id,
            account: account.id
        }
    );
    assert_eq!(who.actor.reference(), account.id.to_string());
    assert_eq!((who.tenant, who.bound, who.proven_at), (shop.tenant, true, None));
    assert_eq!(
        who.scopes.unwrap().as_slice(),
        ["identity.account:read", "identity.session:list"]
    );
    let mut look = shop.world.db.look().await.unwrap();
    let memberships = &shop.world.identity.0.memberships;
    let now = made.token.created_at;
    let acting = memberships
        .acting(&mut look, who.user, shop.tenant, None, now)
        .await
        .unwrap()
        .unwrap();
    assert!(acting.role == Role::Developer, "by what right is asked as for anybody");
    assert!(
        !everything(&shop.world.db).await.contains(secret.reveal()),
        "only its hash is stored"
    );
    assert_eq!(audited(&shop.world.db, "identity.service_account.created").await, 1);
}

#[tokio::test]
async fn a_program_never_signs_in_and_has_nothing_of_a_person() {
    let shop = Shop::new().await;
    let account = shop.account("ada@example.com", Role::Admin, &[]).await.unwrap();
    let made = shop.token(&account, &[]).await;
    let who = shop.used(&made.secret.unwrap(), "203.0.113.7").await.unwrap();
    let cx = shop.world.cx_as(who.actor, shop.tenant, Some(&["*"]));
    let identity = &shop.world.identity;
    assert_eq!(code(identity.me(&cx, false).await), "identity.account.not_a_person");
    assert_eq!(
        code(identity.list_sessions(&cx, None).await),
        "identity.account.not_a_person"
    );
    assert_eq!(
        code(identity.end_sessions(&cx, None).await),
        "identity.account.not_a_person"
    );
    assert_eq!(
        code(identity.start_totp(&cx, PASSWORD).await),
        "identity.account.not_a_person"
    );
    let sessions = number(&shop.world.db, "select count(*) from identity.sessions").await;
    let refused = identity
        .sign_in(&presence(), sign_in(&format!("{}@example.com", account.id), "", None))
        .await;
    assert_eq!(code(refused), "identity.session.invalid_credentials");
    assert_eq!(
        number(&shop.world.db, "select count(*) from identity.sessions").await,
        sessions
    );
}

#[tokio::test]
async fn a_program_may_do_no_more_than_whoever_makes_it() {
    let shop = Shop::new().await;
    assert_eq!(
        code(shop.account("CI", Role::Owner, &[]).await),
        "identity.service_account.no_owner"
    );
    let make = async |cx: &OpCx, role| {
        let new = NewServiceAccount {
            name: "more".to_owned(),
            role,
            allowed_networks: Vec::new(),
        };
        code(shop.world.identity.create_service_account(cx, new).await)
    };
    let user = shop.owner.actor().user().unwrap();
    let developer = shop.world.cx(user, shop.tenant);
    assert_eq!(make(&developer, Role::Viewer).await, "request.forbidden");
    let actor = Actor::Token {
        token: mpanel_kernel::ids::ApiTokenId::generate(),
        user,
    };
    let narrow = shop
        .world
        .owner_cx_as(actor, shop.tenant, &["identity.service_account:*"]);
    assert_eq!(
        make(&narrow, Role::Developer).await,
        "identity.service_account.wider_role"
    );
    let account = shop.account("CI", Role::Developer, &[]).await.unwrap();
    let wider = token(&["identity.session:delete"], &[]);
    let refused = shop
        .world
        .identity
        .create_service_token(&narrow, account.id, wider)
        .await;
    assert_eq!(code(refused), "identity.api_token.wider_scope");
    let patch = ServiceAccountPatch {
        role: Some(Role::Admin),
        ..ServiceAccountPatch::default()
    };
    let refused = shop
        .world
        .identity
        .update_service_account(&narrow, account.id, patch)
        .await;
    assert_eq!(code(refused), "identity.service_account.wider_role");
}

#[tokio::test]
async fn nobody_gets_more_by_a_program_that_is_there_already() {
    let shop = Shop::new().await;
    let account = shop.account("CI", Role::Admin, &[]).await.unwrap();
    let made = shop.token(&account, &[]).await.token.id;
    let user = shop.owner.actor().user().unwrap();
    let little = shop.world.custom_cx(
        user,
        shop.tenant,
        &[
            "identity.service_account:manage-access",
            "identity.service_account:modify",
        ],
    );
    let identity = &shop.world.identity;
    let new = token(&["*"], &[]);
    let refused = identity.create_service_token(&little, account.id, new).await;
    assert_eq!(code(refused), "identity.service_account.above");
    let refused = identity.rotate_service_token(&little, (account.id, made), None).await;
    assert_eq!(code(refused), "identity.service_account.above");
    let patch = ServiceAccountPatch {
        disabled: Some(false),
        ..ServiceAccountPatch::default()
    };
    let refused = identity.update_service_account(&little, account.id, patch).await;
    assert_eq!(code(refused), "identity.service_account.above");
    assert_eq!(
        code(identity.delete_service_token(&little, account.id, made).await),
        "ok",
        "revoking makes nothing more"
    );
}

#[tokio::test]
async fn who_acts_from_above_leaves_no_program_behind() {
    let shop = Shop::new().await;
    let account = shop.account("CI", Role::Developer, &[]).await.unwrap();
    let made = shop.token(&account, &[]).await.token.id;
    let owner = shop.world.sign_in(OWNER, PASSWORD, None).await.unwrap().me.account.id;
    let above = shop
        .world
        .platform_cx(owner)
        .for_descendant(shop.tenant, TenantKind::Customer)
        .unwrap();
    let identity = &shop.world.identity;
    let new = NewServiceAccount {
        name: "Stays".to_owned(),
        role: Role::Viewer,
        allowed_networks: Vec::new(),
    };
    let refused = "identity.service_account.from_above";
    assert_eq!(code(identity.create_service_account(&above, new).await), refused);
    assert_eq!(
        code(
            identity
                .create_service_token(&above, account.id, token(&["*"], &[]))
                .await
        ),
        refused
    );
    assert_eq!(
        code(identity.rotate_service_token(&above, (account.id, made), None).await),
        refused
    );
    assert_eq!(
        code(identity.list_service_accounts(&above, PageRequest::default()).await),
        "ok"
    );
    assert_eq!(
        code(identity.delete_service_token(&above, account.id, made).await),
        "ok",
        "what is dangerous can be ended"
    );
}

#[tokio::test]
async fn asvs_8_3_1_a_token_works_from_its_networks_alone_and_that_is_looked_at_after_the_token() {
    let shop = Shop::new().await;
    let account = shop
        .account("CI", Role::Developer, &["203.0.113.0/24", "2001:db8::/32"])
        .await
        .unwrap();
    let secret = shop
        .token(&account, &["203.0.113.7", "2001:db8:1::/48"])
        .await
        .secret
        .unwrap();
    let listed = async || {
        let page = PageRequest::default();
        let listed = shop
            .world
            .identity
            .list_service_tokens(&shop.owner, account.id, page)
            .await;
        listed.unwrap().items.remove(0)
    };
    assert!(shop.used(&secret, "198.51.100.1").await.is_err());
    assert_eq!(listed().await.last_used_at, None, "what is refused is no use");
    for good in ["203.0.113.7", "2001:db8:1::5"] {
        assert!(shop.used(&secret, good).await.is_ok(), "{good}");
    }
    // In the token's but not the account's would be nowhere; these are in one of the two lists only.
    for bad in ["203.0.113.8", "2001:db8:2::5", "198.51.100.1", "127.0.0.1"] {
        assert_eq!(
            code(shop.used(&secret, bad).await),
            "identity.api_token.wrong_network",
            "{bad}"
        );
    }
    let forged = Token::generate(TokenKind::Api);
    assert_eq!(
        code(shop.used(&forged, "198.51.100.1").await),
        "identity.credential.invalid"
    );
    let used = listed().await.last_used_address.unwrap().to_string();
    assert_eq!(used, "203.0.113.7", "what is refused is no use");
}

#[tokio::test]
async fn the_tokens_of_people_have_networks_too() {
    let shop = Shop::new().await;
    let new = token(&["*"], &["198.51.100.0/24"]);
    let made = shop.world.identity.create_api_token(&shop.owner, new).await.unwrap();
    let secret = made.secret.unwrap();
    assert!(shop.used(&secret, "198.51.100.77").await.is_ok());
    assert_eq!(
        code(shop.used(&secret, "203.0.113.7").await),
        "identity.api_token.wrong_network"
    );
    let wrong = shop
        .world
        .identity
        .create_api_token(&shop.owner, token(&["*"], &["bakery"]))
        .await;
    assert_eq!(code(wrong), "identity.network.bad");
}

#[tokio::test]
async fn asvs_7_4_2_a_disabled_program_is_out_at_once_and_comes_back() {
    let shop = Shop::new().await;
    let account = shop.account("CI", Role::Developer, &[]).await.unwrap();
    let secret = shop.token(&account, &[]).await.secret.unwrap();
    let disabled = |disabled| ServiceAccountPatch {
        disabled: Some(disabled),
        ..ServiceAccountPatch::default()
    };
    assert!(
        shop.patch(account.id, disabled(true))
            .await
            .unwrap()
            .disabled_at
            .is_some()
    );
    assert_eq!(
        code(shop.used(&secret, "203.0.113.7").await),
        "identity.credential.invalid"
    );
    shop.patch(account.id, disabled(false)).await.unwrap();
    assert!(shop.used(&secret, "203.0.113.7").await.is_ok());
    shop.world
        .identity
        .delete_service_account(&shop.owner, account.id)
        .await
        .unwrap();
    assert_eq!(
        code(shop.used(&secret, "203.0.113.7").await),
        "identity.credential.invalid"
    );
    let gone = shop
        .world
        .identity
        .delete_service_account(&shop.owner, account.id)
        .await;
    assert_eq!(code(gone), "request.not_found");
    let left =
        "select count(*) from tenancy.members m where not exists (select from identity.users u where u.id = m.user_id)";
    assert_eq!(number(&shop.world.db, left).await, 0, "its membership goes with it");
}

#[tokio::test]
async fn a_program_outlives_whoever_made_it() {
    let shop = Shop::new().await;
    let account = shop.account("CI", Role::Developer, &[]).await.unwrap();
    let secret = shop.token(&account, &[]).await.secret.unwrap();
    shop.world
        .memberships
        .leave(shop.tenant, shop.owner.actor().user().unwrap())
        .await;
    assert!(shop.used(&secret, "203.0.113.7").await.is_ok());
}

#[tokio::test]
async fn a_token_that_is_rotated_goes_on_until_programs_have_changed_over() {
    let shop = Shop::new().await;
    let account = shop.account("CI", Role::Developer, &[]).await.unwrap();
    let old = shop.token(&account, &["203.0.113.7"]).await;
    let ids = (account.id, old.token.id);
    let identity = &shop.world.identity;
    let hour = Some(SignedDuration::from_hours(1));
    let new = identity.rotate_service_token(&shop.owner, ids, hour).await.unwrap();
    assert_eq!(
        (&new.token.name, &new.token.scopes),
        (&old.token.name, &old.token.scopes)
    );
    assert_eq!(new.token.networks, old.token.networks);
    let (old_secret, new_secret) = (old.secret.unwrap(), new.secret.unwrap());
    for secret in [&old_secret, &new_secret] {
        assert!(shop.used(secret, "203.0.113.7").await.is_ok());
    }
    shop.world.clock.advance(SignedDuration::from_hours(1));
    assert_eq!(
        code(shop.used(&old_secret, "203.0.113.7").await),
        "identity.credential.invalid"
    );
    assert!(shop.used(&new_secret, "203.0.113.7").await.is_ok());
    let long = Some(SignedDuration::from_hours(24 * 8));
    let refused = identity
        .rotate_service_token(&shop.owner, (account.id, new.token.id), long)
        .await;
    assert_eq!(code(refused), "identity.api_token.bad_overlap");
    assert_eq!(audited(&shop.world.db, "identity.api_token.rotated").await, 1);
}

#[tokio::test]
async fn another_role_and_name_count_at_once() {
    let shop = Shop::new().await;
    let account = shop.account("CI", Role::Developer, &[]).await.unwrap();
    shop.account("Backup", Role::Viewer, &[]).await.unwrap();
    let name = |name: &str| ServiceAccountPatch {
        name: Some(name.to_owned()),
        ..ServiceAccountPatch::default()
    };
    assert_eq!(
        code(shop.account("ci", Role::Viewer, &[]).await),
        "identity.service_account.name_taken"
    );
    assert_eq!(
        code(shop.patch(account.id, name("backup")).await),
        "identity.service_account.name_taken"
    );
    assert_eq!(shop.patch(account.id, name("Robot")).await.unwrap().name, "Robot");
    let role = ServiceAccountPatch {
        role: Some(Role::Viewer),
        ..ServiceAccountPatch::default()
    };
    shop.patch(account.id, role).await.unwrap();
    let secret = shop.token(&account, &[]).await.secret.unwrap();
    let who = shop.used(&secret, "203.0.113.7").await.unwrap();
    let mut look = shop.world.db.look().await.unwrap();
    let now = account.created_at;
    let acting = shop
        .world
        .identity
        .0
        .memberships
        .acting(&mut look, who.user, shop.tenant, None, now)
        .await;
    assert!(acting.unwrap().unwrap().role == Role::Viewer);
}

#[tokio::test]
async fn asvs_8_4_1_programs_of_another_tenant_are_not_there() {
    let shop = Shop::new().await;
    let account = shop.account("CI", Role::Developer, &[]).await.unwrap();
    let made = shop.token(&account, &[]).await;
    let other = shop.world.customer().await;
    let eve = shop.world.member("eve@example.com", other, Role::Owner).await;
    let eve = shop.world.owner_cx(eve.me.account.id, other);
    let identity = &shop.world.identity;
    let ids = (account.id, made.token.id);
    assert_eq!(
        code(identity.get_service_account(&eve, account.id).await),
        "request.not_found"
    );
    assert_eq!(
        code(
            identity
                .list_service_tokens(&eve, account.id, PageRequest::default())
                .await
        ),
        "request.not_found"
    );
    assert_eq!(
        code(identity.rotate_service_token(&eve, ids, None).await),
        "request.not_found"
    );
    assert_eq!(
        code(identity.delete_service_token(&eve, ids.0, ids.1).await),
        "request.not_found"
    );
    let new = identity
        .create_service_token(&eve, account.id, token(&["*"], &[]))
        .await;
    assert_eq!(code(new), "request.not_found");
    assert_eq!(
        code(identity.delete_service_account(&eve, account.id).await),
        "request.not_found"
    );
    assert!(
        identity
            .list_service_accounts(&eve, PageRequest::default())
            .await
            .unwrap()
            .items
            .is_empty()
    );
    // Nor does a person's own list, or revoking by the person's path, reach it.
    assert_eq!(
        code(identity.delete_api_token(&shop.owner, made.token.id).await),
        "request.not_found"
    );
}
