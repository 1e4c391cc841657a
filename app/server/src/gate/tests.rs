//! Requests through the layers, on real contexts and a real PostgreSQL.

mod assumptions;
mod claim;
mod guesses;
mod looks;
mod refusals;
mod step_up;
mod support;
mod suspension;

use http::{Method, StatusCode};
use jiff::SignedDuration;
use mpanel_authz::{Role, TenantKind};
use serde_json::json;
use support::World;

#[tokio::test]
async fn v7_2_1_without_a_credential_nothing_is_admitted() {
    let world = World::new().await;
    let answer = world.request(Method::GET, "/me").send().await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert_eq!(answer.code(), "identity.credential.missing");
    assert_eq!(answer.header("www-authenticate"), "Bearer realm=\"mpanel\"");
    let unknown = format!(
        "Bearer {}",
        mpanel_crypto::Token::generate(mpanel_crypto::TokenKind::Api).reveal()
    );
    for value in ["Bearer mpk_nonsense", "Basic YTpi", unknown.as_str()] {
        let answer = world
            .request(Method::GET, "/me")
            .field("authorization", value)
            .send()
            .await;
        assert_eq!(
            (answer.status, answer.code()),
            (StatusCode::UNAUTHORIZED, "identity.credential.invalid".to_owned()),
            "{value}"
        );
    }
}

#[tokio::test]
async fn a_session_and_a_token_are_admitted_and_both_at_once_are_not() {
    let world = World::new().await;
    let owner = world.owner().await;
    let token = world.api_token(&owner, None, &["*"]).await;
    assert_eq!(
        world.request(Method::GET, "/me").session(&owner).send().await.status,
        StatusCode::OK
    );
    let answer = world.request(Method::GET, "/probe").bearer(&token).send().await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.body["tenant"], world.platform().to_string());
    assert!(answer.body["actor"].as_str().unwrap().starts_with("tok_"));
    let answer = world
        .request(Method::GET, "/me")
        .session(&owner)
        .bearer(&token)
        .send()
        .await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(answer.code(), "identity.credential.ambiguous");
}

#[tokio::test]
async fn v3_5_1_v3_5_3_changes_by_a_cookie_come_from_our_own_pages() {
    let world = World::new().await;
    let owner = world.owner().await;
    let refused: [&[(&str, &str)]; 7] = [
        &[],
        &[("mpanel-csrf", "1")],
        &[("sec-fetch-site", "same-origin")],
        &[("mpanel-csrf", "1"), ("sec-fetch-site", "same-site")],
        &[("mpanel-csrf", "1"), ("sec-fetch-site", "cross-site")],
        &[("mpanel-csrf", "1"), ("origin", "https://evil.example")],
        &[("mpanel-csrf", "0"), ("sec-fetch-site", "same-origin")],
    ];
    for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
        for fields in refused {
            let answer = world
                .request(method.clone(), "/probe")
                .session(&owner)
                .fields(fields)
                .send()
                .await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{method} {fields:?}");
            assert_eq!(answer.code(), "identity.session.cross_site");
        }
        for fields in [
            [("mpanel-csrf", "1"), ("sec-fetch-site", "same-origin")],
            [("mpanel-csrf", "1"), ("sec-fetch-site", "none")],
            [("mpanel-csrf", "1"), ("origin", "http://panel.localhost")],
        ] {
            let answer = world
                .request(method.clone(), "/probe")
                .session(&owner)
                .fields(&fields)
                .send()
                .await;
            assert_eq!(answer.status, StatusCode::OK, "{method} {fields:?}");
        }
    }
    let token = world.api_token(&owner, None, &["*"]).await;
    let answer = world.request(Method::POST, "/probe").bearer(&token).send().await;
    assert_eq!(answer.status, StatusCode::OK, "nothing adds a token by itself");
}

#[tokio::test]
async fn v8_4_1_a_tenant_that_one_may_not_act_for_is_not_there() {
    let world = World::new().await;
    let owner = world.owner().await;
    let (one, other) = (
        world.customer(&owner, "one").await,
        world.customer(&owner, "other").await,
    );
    let ada = world.member(&owner, one, "ada@example.com", Role::Owner).await;
    let probe = async |tenant: String| {
        world
            .request(Method::GET, "/probe")
            .session(&ada)
            .tenant(&tenant)
            .send()
            .await
    };
    let home = world.request(Method::GET, "/probe").session(&ada).send().await;
    assert_eq!(home.body["tenant"], one.to_string());
    assert_eq!(home.body["assumed_from"], serde_json::Value::Null);
    assert_eq!(probe(one.to_string()).await.status, StatusCode::OK);
    let unknown = mpanel_kernel::ids::TenantId::generate();
    for tenant in [other, unknown, world.platform()] {
        let answer = probe(tenant.to_string()).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{tenant}");
        assert_eq!(answer.code(), "request.tenant_not_found");
    }
    assert_eq!(
        probe("nonsense".to_owned()).await.status,
        StatusCode::UNPROCESSABLE_ENTITY
    );
    world.assume(&owner, one).await;
    let above = world
        .request(Method::GET, "/probe")
        .session(&owner)
        .tenant(&one.to_string())
        .send()
        .await;
    assert_eq!(above.body["assumed_from"], world.platform().to_string());
    assert_eq!(above.body["role"], "owner");
}

#[tokio::test]
async fn a_stream_names_its_tenant_in_the_query() {
    let world = World::new().await;
    let owner = world.owner().await;
    let one = world.customer(&owner, "one").await;
    world.assume(&owner, one).await;
    let path = format!("/probe?a=1&tenant={one}");
    let answer = world.request(Method::GET, &path).session(&owner).send().await;
    assert_eq!(answer.body["tenant"], one.to_string());
    let answer = world
        .request(Method::GET, &path)
        .session(&owner)
        .tenant(&one.to_string())
        .send()
        .await;
    assert_eq!(answer.status, StatusCode::OK, "twice the same");
    let other = world.platform().to_string();
    let answer = world
        .request(Method::GET, &path)
        .session(&owner)
        .tenant(&other)
        .send()
        .await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    let answer = world
        .request(Method::POST, &path)
        .session(&owner)
        .same_origin()
        .send()
        .await;
    assert_eq!(answer.body["tenant"], other, "only where nothing changes");
}

#[tokio::test]
async fn v7_4_2_what_is_taken_away_ends_with_the_next_request() {
    let world = World::new().await;
    let owner = world.owner().await;
    let one = world.customer(&owner, "one").await;
    let ada = world.member(&owner, one, "ada@example.com", Role::Owner).await;
    let token = world.api_token(&ada, None, &["*"]).await;
    let path = format!("/tenants/{one}/members/{}", ada.user);
    let with = async || {
        let cookie = world.request(Method::GET, "/probe").session(&ada).send().await.status;
        let bearer = world.request(Method::GET, "/probe").bearer(&token).send().await.status;
        (cookie, bearer)
    };
    assert_eq!(with().await, (StatusCode::OK, StatusCode::OK));
    // The last owner stays, so there is another.
    world.member(&owner, one, "bob@example.com", Role::Owner).await;
    let removed = world
        .request(Method::DELETE, &path)
        .session(&owner)
        .same_origin()
        .send()
        .await;
    assert_eq!(removed.status, StatusCode::NO_CONTENT, "{}", removed.body);
    assert_eq!(with().await, (StatusCode::NOT_FOUND, StatusCode::NOT_FOUND));
}

#[tokio::test]
async fn v8_2_1_a_token_does_what_its_scopes_name_for_its_tenant_and_below() {
    let world = World::new().await;
    let owner = world.owner().await;
    let reseller = world.tenant(&owner, None, TenantKind::Reseller, "shop").await;
    let below = world
        .tenant(&owner, Some(reseller), TenantKind::Customer, "below")
        .await;
    let beside = world.customer(&owner, "beside").await;
    let rita = world.member(&owner, reseller, "rita@example.com", Role::Owner).await;
    let token = world.api_token(&rita, None, &["tenancy.tenant:read", "below"]).await;
    let get = async |path: String, tenant| {
        let request = world.request(Method::GET, &path).bearer(&token);
        request.tenant(&format!("{tenant}")).send().await.status
    };
    assert_eq!(get(format!("/tenants/{reseller}"), reseller).await, StatusCode::OK);
    assert_eq!(
        get("/tenants".to_owned(), reseller).await,
        StatusCode::FORBIDDEN,
        "list is not read"
    );
    assert_eq!(get(format!("/tenants/{below}"), below).await, StatusCode::OK);
    assert_eq!(get(format!("/tenants/{beside}"), beside).await, StatusCode::NOT_FOUND);
    // A token made for one tenant does not reach another of its person's.
    world.member(&owner, beside, "ada@example.com", Role::Owner).await;
    let ada = world.member(&owner, below, "ada@example.com", Role::Owner).await;
    let narrow = world.api_token(&ada, Some(below), &["*"]).await;
    let wide = world
        .request(Method::GET, "/probe")
        .bearer(&narrow)
        .tenant(&beside.to_string())
        .send()
        .await;
    assert_eq!(wide.status, StatusCode::NOT_FOUND);
    let own = world.request(Method::GET, "/probe").bearer(&narrow).send().await;
    assert_eq!(own.body["tenant"], below.to_string());
}

#[tokio::test]
async fn v6_3_3_owners_of_the_platform_without_a_second_factor_only_set_one_up() {
    let world = World::new().await;
    let owner = world.owner().await;
    let one = world.customer(&owner, "one").await;
    let ada = world.member(&owner, one, "ada@example.com", Role::Owner).await;
    let token = world.api_token(&owner, None, &["*"]).await;
    world.assume(&owner, one).await;
    let remote = |path: &str| world.request(Method::GET, path).from("203.0.113.7", "https");
    let me = remote("/me").session(&owner).send().await;
    assert_eq!(me.body["totp_setup_required"], true);
    assert_eq!(remote("/sessions").session(&owner).send().await.status, StatusCode::OK);
    for request in [
        remote("/probe").session(&owner),
        remote("/probe").session(&owner).tenant(&one.to_string()),
        remote("/probe").bearer(&token),
        remote("/tenants").session(&owner),
        remote("/api-tokens").session(&owner),
    ] {
        let answer = request.send().await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
        assert_eq!(answer.code(), "identity.totp.setup_required");
    }
    assert_eq!(remote("/probe").session(&ada).send().await.status, StatusCode::OK);
    assert_eq!(
        world.request(Method::GET, "/probe").session(&owner).send().await.status,
        StatusCode::OK,
        "on the machine itself"
    );
}

/// Who has a role of the platform's own is no less than an owner, once it changes anything.
#[tokio::test]
async fn v6_3_3_a_defined_role_of_the_platform_that_changes_things_takes_a_second_factor_too() {
    let world = World::new().await;
    let owner = world.owner().await;
    let given = async |name: &str, email: &str, permissions: &[&str]| {
        let request = world.request(Method::POST, "/roles").session(&owner).same_origin();
        let body = json!({"name": name, "permissions": permissions});
        let made = request.json(body).send().await;
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
        let person = world.member(&owner, world.platform(), email, Role::Viewer).await;
        let path = format!("/tenants/{}/members/{}", world.platform(), person.user);
        let request = world.request(Method::PATCH, &path).session(&owner).same_origin();
        let changed = request.json(json!({"role": made.body["id"]})).send().await;
        assert_eq!(changed.status, StatusCode::OK, "{}", changed.body);
        person
    };
    let all = given(
        "All",
        "all@example.com",
        &["tenancy.tenant:list", "tenancy.tenant:delete"],
    )
    .await;
    let sees = given(
        "Sees",
        "sees@example.com",
        &["tenancy.tenant:list", "tenancy.tenant:read"],
    )
    .await;
    let remote = |path: &str| world.request(Method::GET, path).from("203.0.113.7", "https");
    let refused = remote("/tenants").session(&all).send().await;
    assert_eq!(refused.code(), "identity.totp.setup_required");
    assert_eq!(
        remote("/me").session(&all).send().await.body["totp_setup_required"],
        true
    );
    assert_eq!(remote("/tenants").session(&sees).send().await.status, StatusCode::OK);
    assert_eq!(
        remote("/me").session(&sees).send().await.body["totp_setup_required"],
        false
    );
}

#[tokio::test]
async fn a_credential_has_a_rate() {
    let world = World::new().await;
    let owner = world.owner().await;
    let other = world.sign_in_owner().await;
    for _ in 0..support::BURST {
        assert_eq!(
            world.request(Method::GET, "/probe").session(&owner).send().await.status,
            StatusCode::OK
        );
    }
    let answer = world.request(Method::GET, "/probe").session(&owner).send().await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(answer.code(), "request.too_many");
    assert_eq!(answer.header("retry-after"), "1");
    assert_eq!(
        world.request(Method::GET, "/probe").session(&other).send().await.status,
        StatusCode::OK
    );
    world.clock.advance(SignedDuration::from_secs(1));
    assert_eq!(
        world.request(Method::GET, "/probe").session(&owner).send().await.status,
        StatusCode::OK
    );
}

#[tokio::test]
async fn v7_4_1_signing_out_ends_the_session_and_clears_the_cookie() {
    let world = World::new().await;
    let owner = world.owner().await;
    let answer = world
        .request(Method::DELETE, "/sessions/current")
        .session(&owner)
        .same_origin()
        .send()
        .await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    assert!(
        answer.header("set-cookie").ends_with("; Max-Age=0"),
        "{}",
        answer.header("set-cookie")
    );
    let answer = world.request(Method::GET, "/me").session(&owner).send().await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_session_is_bound_to_the_host_of_the_browser() {
    let world = World::new().await;
    let owner = world.owner().await;
    let request = world.request(Method::GET, "/me").session(&owner);
    let answer = request.forwarded("127.0.0.1", "http", "other.localhost").send().await;
    assert_eq!(answer.code(), "identity.credential.invalid");
}
