//! Members of who is suspended look, and change nothing.

use http::{Method, StatusCode};
use mpanel_authz::{Role, TenantKind};
use mpanel_kernel::ids::TenantId;
use serde_json::json;

use super::support::{Answer, PASSWORD, Person, World};

impl World {
    async fn put_state(&self, owner: &Person, tenant: TenantId, state: &str) {
        let path = format!("/tenants/{tenant}");
        let request = self.request(Method::PATCH, &path).session(owner).same_origin();
        let answer = request.json(json!({"state": state})).send().await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    }

    async fn probe(&self, method: Method, person: &Person, tenant: TenantId) -> Answer {
        let request = self.request(method, "/probe").session(person).same_origin();
        request.tenant(&tenant.to_string()).send().await
    }
}

fn assert_refused(answer: &Answer, what: &str) {
    assert_eq!(
        (answer.status, answer.code()),
        (StatusCode::FORBIDDEN, "tenancy.tenant.suspended".to_owned()),
        "{what}: {}",
        answer.body
    );
    assert!(
        answer.body["detail"]
            .as_str()
            .unwrap()
            .contains("suspended by the provider")
    );
}

#[tokio::test]
async fn members_of_who_is_suspended_look_and_change_nothing_until_it_is_resumed() {
    let world = World::new().await;
    let owner = world.owner().await;
    let one = world.customer(&owner, "one").await;
    let ada = world.member(&owner, one, "ada@example.com", Role::Owner).await;
    let token = world.api_token(&ada, None, &["*"]).await;
    world.put_state(&owner, one, "suspended").await;
    for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
        assert_refused(&world.probe(method.clone(), &ada, one).await, method.as_str());
        let answer = world.request(method.clone(), "/probe").bearer(&token).send().await;
        assert_refused(&answer, method.as_str());
    }
    let answer = world
        .request(Method::POST, "/api-tokens")
        .session(&ada)
        .same_origin()
        .json(json!({"name": "another", "scopes": ["*"]}))
        .send()
        .await;
    assert_refused(&answer, "a new token");
    assert_eq!(world.probe(Method::GET, &ada, one).await.status, StatusCode::OK);
    let answer = world.request(Method::GET, "/probe").bearer(&token).send().await;
    assert_eq!(answer.status, StatusCode::OK);
    // The provider still sees to what belongs to it.
    world.assume(&owner, one).await;
    assert_eq!(world.probe(Method::POST, &owner, one).await.status, StatusCode::OK);
    world.put_state(&owner, one, "active").await;
    assert_eq!(world.probe(Method::POST, &ada, one).await.status, StatusCode::OK);
}

#[tokio::test]
async fn the_right_counts_by_where_it_comes_from() {
    let world = World::new().await;
    let owner = world.owner().await;
    let shop = world.tenant(&owner, None, TenantKind::Reseller, "shop").await;
    let below = world.tenant(&owner, Some(shop), TenantKind::Customer, "below").await;
    let rita = world.member(&owner, shop, "rita@example.com", Role::Owner).await;
    let carl = world.member(&owner, below, "carl@example.com", Role::Owner).await;
    world.put_state(&owner, below, "suspended").await;
    assert_refused(&world.probe(Method::POST, &carl, below).await, "its own member");
    world.assume(&rita, below).await;
    world.assume(&owner, below).await;
    let above = world.probe(Method::POST, &rita, below).await;
    assert_eq!(above.status, StatusCode::OK, "{}", above.body);
    world.put_state(&owner, below, "active").await;
    world.put_state(&owner, shop, "suspended").await;
    for (person, tenant) in [(&rita, shop), (&rita, below), (&carl, below)] {
        assert_refused(&world.probe(Method::POST, person, tenant).await, "the reseller's");
    }
    assert_eq!(world.probe(Method::POST, &owner, below).await.status, StatusCode::OK);
}

#[tokio::test]
async fn who_is_suspended_keeps_the_own_account_safe() {
    let world = World::new().await;
    let owner = world.owner().await;
    let one = world.customer(&owner, "one").await;
    let ada = world.member(&owner, one, "ada@example.com", Role::Owner).await;
    let bob = world.member(&owner, one, "bob@example.com", Role::Viewer).await;
    let token = world.api_token(&ada, None, &["*"]).await;
    let tokens = world.request(Method::GET, "/api-tokens").session(&ada).send().await;
    let id = tokens.body["items"][0]["id"].as_str().unwrap().to_owned();
    world.put_state(&owner, one, "suspended").await;
    let send = |method: Method, path: &str| world.request(method, path).session(&ada).same_origin();
    let answer = send(Method::DELETE, &format!("/api-tokens/{id}")).send().await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT, "{}", answer.body);
    let answer = world.request(Method::GET, "/probe").bearer(&token).send().await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    let passwords = json!({"current_password": PASSWORD, "new_password": "meadow harbour violin 3"});
    let answer = send(Method::POST, "/me/password").json(passwords).send().await;
    assert!(answer.status.is_success(), "{} {}", answer.status, answer.body);
    let out = world
        .request(Method::DELETE, "/sessions/current")
        .session(&bob)
        .same_origin();
    let answer = out.send().await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT, "{}", answer.body);
}

#[tokio::test]
async fn who_is_suspended_takes_everything_away() {
    let world = World::new().await;
    let owner = world.owner().await;
    let one = world.customer(&owner, "one").await;
    let ada = world.member(&owner, one, "ada@example.com", Role::Owner).await;
    world.put_state(&owner, one, "suspended").await;
    let exports = format!("/tenants/{one}/exports");
    let request = world.request(Method::POST, &exports).session(&ada).same_origin();
    let answer = request.json(json!({})).send().await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.body);
    let export = format!("{exports}/{}", answer.body["id"].as_str().unwrap());
    let answer = world
        .request(Method::DELETE, &export)
        .session(&ada)
        .same_origin()
        .send()
        .await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT, "{}", answer.body);
}
