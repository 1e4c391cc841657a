//! What demands a fresh proof, and that it cannot be forgotten.

use http::{Method, StatusCode};
use jiff::SignedDuration;
use mpanel_authz::Role;
use serde_json::json;

use super::support::{PASSWORD, World};
use crate::gate::step_up::is_marked;

const STALE: SignedDuration = SignedDuration::from_mins(10);

#[tokio::test]
async fn asvs_7_5_1_what_is_marked_takes_a_proof_of_the_last_ten_minutes() {
    let world = World::new().await;
    let mut owner = world.owner().await;
    let body = json!({"name": "script", "scopes": ["identity.session:list"]});
    let make = async |person: &_| {
        let request = world.request(Method::POST, "/api-tokens").session(person).same_origin();
        request.json(body.clone()).send().await
    };
    world.clock.advance(STALE - SignedDuration::from_secs(1));
    assert_eq!(
        make(&owner).await.status,
        StatusCode::CREATED,
        "who just signed in has proven it"
    );
    world.clock.advance(SignedDuration::from_secs(1));
    let refused = make(&owner).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert_eq!(refused.code(), "identity.step_up.required");
    assert!(
        refused.body["detail"]
            .as_str()
            .unwrap()
            .contains("/sessions/current/step-up")
    );
    let tokens = world.request(Method::GET, "/api-tokens").session(&owner).send().await;
    assert_eq!(tokens.status, StatusCode::OK, "what is not marked goes on");

    let proof = json!({"password": PASSWORD});
    let path = "/sessions/current/step-up";
    let request = world.request(Method::POST, path).session(&owner).same_origin();
    let proven = request.json(proof).send().await;
    assert_eq!(proven.status, StatusCode::OK, "{}", proven.body);
    let before = world.request(Method::GET, "/me").session(&owner).send().await;
    assert_eq!(
        before.status,
        StatusCode::UNAUTHORIZED,
        "the token of before is of no use any more"
    );
    owner.goes_on(&proven);
    assert_eq!(make(&owner).await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn a_program_proves_nothing_and_has_its_scopes() {
    let world = World::new().await;
    let owner = world.owner().await;
    let token = world
        .api_token(&owner, None, &["identity.api_token:*", "identity.account:*"])
        .await;
    world.clock.advance(STALE);
    let body = json!({"name": "another", "scopes": ["identity.api_token:list"]});
    let made = world
        .request(Method::POST, "/api-tokens")
        .bearer(&token)
        .json(body)
        .send()
        .await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
    let proof = json!({"password": PASSWORD});
    let request = world.request(Method::POST, "/sessions/current/step-up").bearer(&token);
    assert_eq!(
        request.json(proof).send().await.status,
        StatusCode::NOT_FOUND,
        "there is no session"
    );
}

#[tokio::test]
async fn asvs_3_5_1_a_proof_comes_from_our_own_pages_and_no_others() {
    let world = World::new().await;
    let owner = world.owner().await;
    let request = world.request(Method::POST, "/sessions/current/step-up").session(&owner);
    let forged = request.fields(&[("sec-fetch-site", "cross-site"), ("mpanel-csrf", "1")]);
    let answer = forged.json(json!({"password": PASSWORD})).send().await;
    assert_eq!(
        (answer.status, answer.code()),
        (StatusCode::FORBIDDEN, "identity.session.cross_site".into())
    );
}

#[tokio::test]
async fn ending_the_access_of_others_takes_a_proof_and_looking_after_oneself_takes_none() {
    let world = World::new().await;
    let owner = world.owner().await;
    let tenant = world.customer(&owner, "bakery").await;
    let ada = world.member(&owner, tenant, "ada@example.com", Role::Owner).await;
    let bob = world.member(&owner, tenant, "bob@example.com", Role::Viewer).await;
    world.clock.advance(STALE);
    for (method, path) in [
        (Method::DELETE, format!("/tenants/{tenant}/members/{}", bob.user)),
        (Method::PATCH, format!("/tenants/{tenant}/members/{}", bob.user)),
        (Method::DELETE, format!("/people/{}/sessions", bob.user)),
        (Method::POST, format!("/tenants/{tenant}/assumptions")),
        (
            Method::POST,
            format!("/tenants/{tenant}/assumptions/asm_01h2xcejqtf2nbrexx3vqjhp41/agree"),
        ),
        (Method::POST, format!("/tenants/{tenant}/exports")),
        (
            Method::GET,
            format!("/tenants/{tenant}/exports/op_01h2xcejqtf2nbrexx3vqjhp41/download"),
        ),
        (Method::POST, "/service-accounts".to_owned()),
        (Method::POST, "/me/password".to_owned()),
        (Method::DELETE, "/me/totp".to_owned()),
        (Method::PATCH, format!("/tenants/{tenant}")),
        (Method::PUT, format!("/tenants/{tenant}/subscription")),
        (Method::DELETE, format!("/invitations/{}", bob.user)),
    ] {
        let answer = world
            .request(method, &path)
            .session(&ada)
            .same_origin()
            .json(json!({}))
            .send()
            .await;
        assert_eq!(answer.code(), "identity.step_up.required", "{path}");
    }
    let path = format!("/tenants/{tenant}/exports/op_01h2xcejqtf2nbrexx3vqjhp41/download");
    let answer = world.request(Method::HEAD, &path).session(&ada).send().await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    let out = world
        .request(Method::DELETE, "/sessions?keep=current")
        .session(&ada)
        .same_origin()
        .send()
        .await;
    assert_eq!(out.status, StatusCode::OK, "{}", out.body);
}

/// Operations that take something from others or hand out access, and demand no fresh proof all the same.
const EXCUSED: &[(&str, &str)] = &[
    ("api_tokens_delete", "what leaked is revoked at once"),
    ("service_tokens_delete", "what leaked is revoked at once"),
    ("assumptions_end", "ends what one has oneself"),
    ("sessions_end", "ends what one has oneself"),
    ("sessions_end_all", "ends what one has oneself"),
    ("sessions_end_current", "ends what one has oneself"),
    ("records_delete", "is made again as easily, by what the log says of it"),
    ("exports_delete", "is made again as easily"),
    ("uploads_delete", "nothing has come of it yet"),
];

/// What takes something from others, or gives it to them, without being called so.
const MIGHTY: &[&str] = &[
    // Suspends everybody below as well.
    "tenants_update",
    // May leave less room than there was.
    "tenants_subscribe",
    "tenants_move",
    "tenants_merge",
    "members_update",
    "roles_update",
    "realms_update",
    "service_accounts_update",
    "support_access_set",
    "audit_retention_set",
];

#[test]
fn what_takes_something_away_under_another_name_demands_a_fresh_proof() {
    let document = crate::openapi::document();
    let items = document.paths.paths.values();
    let writes = items.flat_map(|item| [&item.post, &item.put, &item.patch]).flatten();
    let marked: Vec<_> = writes
        .filter(|operation| is_marked(operation))
        .filter_map(|operation| operation.operation_id.as_deref())
        .collect();
    for id in MIGHTY {
        assert!(marked.contains(id), "{id} is not marked, or not there");
    }
}

#[test]
fn whatever_deletes_demands_a_fresh_proof_or_says_why_not() {
    let document = crate::openapi::document();
    let mut problems = Vec::new();
    for (path, item) in &document.paths.paths {
        let Some(operation) = &item.delete else { continue };
        let id = operation.operation_id.as_deref().unwrap_or_default();
        let excused = EXCUSED.iter().any(|(name, _)| *name == id);
        if excused == is_marked(operation) {
            problems.push(format!("DELETE {path} ({id})"));
        }
    }
    assert!(
        problems.is_empty(),
        "mark these `x-step-up`, or excuse them: {problems:#?}"
    );
}

#[test]
fn asvs_3_5_3_reading_changes_nothing_that_is_marked() {
    let document = crate::openapi::document();
    let items = document.paths.paths.values();
    let reads: Vec<_> = items.filter_map(|item| item.get.as_ref()).collect();
    let marked = reads.iter().filter(|operation| is_marked(operation));
    let marked: Vec<_> = marked
        .filter_map(|operation| operation.operation_id.as_deref())
        .collect();
    // Changes nothing, and yet a session that somebody left open is not to take everything away.
    assert!(reads.len() > 30 && marked == ["exports_download"], "{marked:?}");
}

#[test]
fn asvs_6_4_2_no_operation_takes_or_tells_a_hint() {
    let document = serde_json::to_string(&crate::openapi::document())
        .unwrap()
        .to_lowercase();
    for word in ["password_hint", "secret_question", "security_question", "maiden"] {
        assert!(!document.contains(word), "{word}");
    }
}
