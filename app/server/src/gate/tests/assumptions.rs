//! Acting for a tenant below takes a reason, or a token that was made for it.

use http::{Method, StatusCode};
use jiff::SignedDuration;
use mpanel_authz::{Role, TenantKind};
use mpanel_kernel::ids::TenantId;
use serde_json::{Value, json};

use super::support::{Answer, Person, World};

const REQUIRED: &str = "tenancy.assumption.required";
const CONSENT: &str = "tenancy.assumption.consent_required";

impl World {
    async fn look(&self, person: &Person, tenant: TenantId) -> Answer {
        let request = self.request(Method::GET, "/probe").session(person);
        request.tenant(&tenant.to_string()).send().await
    }

    async fn look_with(&self, token: &str, tenant: TenantId) -> Answer {
        let request = self.request(Method::GET, "/probe").bearer(token);
        request.tenant(&tenant.to_string()).send().await
    }

    async fn demand_consent(&self, person: &Person, tenant: TenantId) {
        let path = format!("/tenants/{tenant}/support-access");
        let request = self.request(Method::PUT, &path).session(person).same_origin();
        let answer = request.json(json!({"consent_required": true})).send().await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    }
}

fn assert_refused(answer: &Answer, code: &str) {
    assert_eq!(
        (answer.status, answer.code()),
        (StatusCode::FORBIDDEN, code.to_owned()),
        "{}",
        answer.body
    );
}

#[tokio::test]
async fn a_person_acts_below_only_while_a_reason_is_given() {
    let world = World::new().await;
    let owner = world.owner().await;
    let one = world.customer(&owner, "one").await;
    let other = world.customer(&owner, "other").await;
    assert_refused(&world.look(&owner, one).await, REQUIRED);
    let id = world.assume(&owner, one).await;
    let answer = world.look(&owner, one).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(
        (&answer.body["assumption"], &answer.body["role"]),
        (&json!(id), &json!("owner"))
    );
    assert_refused(&world.look(&owner, other).await, REQUIRED);
    let home = world.request(Method::GET, "/probe").session(&owner).send().await;
    assert_eq!(home.body["assumption"], Value::Null);
    // Ended from within, as the banner's button does.
    let path = format!("/tenants/{one}/assumptions/{id}");
    let request = world.request(Method::DELETE, &path).session(&owner).same_origin();
    let ended = request.tenant(&one.to_string()).send().await;
    assert_eq!(ended.status, StatusCode::NO_CONTENT, "{}", ended.body);
    assert_refused(&world.look(&owner, one).await, REQUIRED);
    world.assume(&owner, one).await;
    world.clock.advance(SignedDuration::from_mins(60));
    assert_refused(&world.look(&owner, one).await, REQUIRED);
}

#[tokio::test]
async fn what_is_done_to_a_tenant_from_above_takes_no_reason() {
    let world = World::new().await;
    let owner = world.owner().await;
    let one = world.customer(&owner, "one").await;
    for path in ["", "/usage", "/members", "/assumptions", "/support-access"] {
        let path = format!("/tenants/{one}{path}");
        let answer = world.request(Method::GET, &path).session(&owner).send().await;
        assert_eq!(answer.status, StatusCode::OK, "{path} {}", answer.body);
    }
    let request = world
        .request(Method::PATCH, &format!("/tenants/{one}"))
        .session(&owner)
        .same_origin();
    let answer = request.json(json!({"state": "suspended"})).send().await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
}

#[tokio::test]
async fn a_token_acts_below_when_it_was_made_for_that_or_its_person_says_why() {
    let world = World::new().await;
    let owner = world.owner().await;
    let one = world.customer(&owner, "one").await;
    let plain = world.api_token(&owner, None, &["*"]).await;
    let below = world.api_token(&owner, None, &["*", "below"]).await;
    assert_refused(&world.look_with(&plain, one).await, REQUIRED);
    let answer = world.look_with(&below, one).await;
    assert_eq!(
        (answer.status, &answer.body["assumption"]),
        (StatusCode::OK, &Value::Null)
    );
    assert!(answer.body["actor"].as_str().unwrap().starts_with("tok_"));
    let id = world.assume(&owner, one).await;
    assert_eq!(world.look_with(&plain, one).await.body["assumption"], json!(id));
    // A token without it makes none with it.
    let request = world.request(Method::POST, "/api-tokens").bearer(&plain);
    let wider = request.json(json!({"name": "wider", "scopes": ["below"]})).send().await;
    assert_eq!(wider.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", wider.body);
}

#[tokio::test]
async fn who_wants_to_be_asked_is_asked_by_programs_too() {
    let world = World::new().await;
    let owner = world.owner().await;
    let one = world.customer(&owner, "one").await;
    let ada = world.member(&owner, one, "ada@example.com", Role::Owner).await;
    let below = world.api_token(&owner, None, &["*", "below"]).await;
    world.demand_consent(&ada, one).await;
    assert_refused(&world.look(&owner, one).await, CONSENT);
    assert_refused(&world.look_with(&below, one).await, CONSENT);
    let id = world.assume(&owner, one).await;
    assert_refused(&world.look(&owner, one).await, CONSENT);
    let path = format!("/tenants/{one}/assumptions/{id}/agree");
    let agreed = world
        .request(Method::POST, &path)
        .session(&ada)
        .same_origin()
        .send()
        .await;
    assert_eq!(
        (agreed.status, &agreed.body["state"]),
        (StatusCode::OK, &json!("open")),
        "{}",
        agreed.body
    );
    assert_eq!(world.look(&owner, one).await.status, StatusCode::OK);
    assert_eq!(world.look_with(&below, one).await.status, StatusCode::OK);
}

/// The link of an invitation makes a member: it is not handed to those above who were not agreed to, also not while the
/// tenant is suspended, when they may look in unasked.
#[tokio::test]
async fn an_invitation_is_no_way_round_consent() {
    let world = World::new().await;
    let owner = world.owner().await;
    let one = world.customer(&owner, "one").await;
    let ada = world.member(&owner, one, "ada@example.com", Role::Owner).await;
    let path = format!("/tenants/{one}/members");
    let body = json!({"email": "bob@example.com", "name": "Bob", "role": "admin"});
    let request = world.request(Method::POST, &path).session(&ada).same_origin();
    let invited = request.json(body).send().await;
    assert_eq!(invited.status, StatusCode::CREATED, "{}", invited.body);
    let bob = invited.body["member"]["user_id"].as_str().unwrap().to_owned();
    world.demand_consent(&ada, one).await;
    let request = world.request(Method::PATCH, &format!("/tenants/{one}"));
    let request = request.session(&owner).same_origin();
    let suspended = request.json(json!({"state": "suspended"})).send().await;
    assert_eq!(suspended.status, StatusCode::OK, "{}", suspended.body);
    world.assume(&owner, one).await;
    let resend = format!("/invitations/{bob}/resend");
    for (method, path) in [
        (Method::POST, resend.clone()),
        (Method::DELETE, format!("/invitations/{bob}")),
    ] {
        let request = world.request(method, &path).session(&owner).same_origin();
        let answer = request.tenant(&one.to_string()).json(json!({})).send().await;
        assert_refused(&answer, CONSENT);
    }
}

/// A role that a tenant has defined: what it gives is admitted, and changes with the next request.
#[tokio::test]
async fn v8_2_1_a_defined_role_admits_what_it_lists_from_the_next_request_on() {
    let world = World::new().await;
    let owner = world.owner().await;
    let shop = world.tenant(&owner, None, TenantKind::Reseller, "shop").await;
    let rita = world.member(&owner, shop, "rita@example.com", Role::Owner).await;
    let bob = world.member(&owner, shop, "bob@example.com", Role::Viewer).await;
    let body = json!({"name": "Clerk", "permissions": ["tenancy.tenant:list"]});
    let made = world
        .request(Method::POST, "/roles")
        .session(&rita)
        .same_origin()
        .json(body)
        .send()
        .await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
    let id = made.body["id"].as_str().unwrap();
    let path = format!("/tenants/{shop}/members/{}", bob.user);
    let given = world.request(Method::PATCH, &path).session(&rita).same_origin();
    let given = given.json(json!({"role": id})).send().await;
    assert_eq!(
        (given.status, &given.body["role_name"]),
        (StatusCode::OK, &json!("Clerk")),
        "{}",
        given.body
    );
    let get = async |path: &str| world.request(Method::GET, path).session(&bob).send().await.status;
    assert_eq!(get("/tenants").await, StatusCode::OK);
    assert_eq!(get("/plans").await, StatusCode::FORBIDDEN);
    assert_eq!(
        get("/sessions").await,
        StatusCode::OK,
        "what is one's own needs no role"
    );
    let table = world.request(Method::GET, "/permissions").session(&bob).send().await;
    assert_eq!(table.body["role"], json!(id));
    let change = world
        .request(Method::PATCH, &format!("/roles/{id}"))
        .session(&rita)
        .same_origin();
    let change = change.json(json!({"permissions": ["tenancy.plan:list"]})).send().await;
    assert_eq!(change.status, StatusCode::OK, "{}", change.body);
    assert_eq!(
        (get("/tenants").await, get("/plans").await),
        (StatusCode::FORBIDDEN, StatusCode::OK)
    );
}
