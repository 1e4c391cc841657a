//! How long the first claim may take, by a clock that the tests move.

use http::{Method, StatusCode};
use jiff::SignedDuration;
use serde_json::json;

use super::support::World;

#[tokio::test]
async fn a_claim_answers_gone_when_half_an_hour_has_passed_and_when_it_was_used() {
    let world = World::new().await;
    let expired = world.claim_token().await;
    world.clock.advance(SignedDuration::from_mins(30));
    let answer = world.claim(&expired).await;
    assert_eq!(
        (answer.status, answer.code()),
        (StatusCode::GONE, "identity.claim.gone".to_owned())
    );
    assert_eq!(answer.header("content-type"), "application/problem+json");
    assert!(
        answer.body["detail"]
            .as_str()
            .is_some_and(|detail| !detail.contains(&expired)),
        "{}",
        answer.body
    );
    // Nothing came of it.
    let setup = world.request(Method::GET, "/setup").send().await;
    assert_eq!(setup.body["claimed"], json!(false));

    // The next start offers another, to its last moment and once.
    let token = world.claim_token().await;
    world.clock.advance(SignedDuration::from_secs(30 * 60 - 1));
    assert_eq!(world.claim(&token).await.status, StatusCode::CREATED);
    let again = world.claim(&token).await;
    assert_eq!(
        (again.status, again.code()),
        (StatusCode::GONE, "identity.claim.gone".to_owned())
    );
    let setup = world.request(Method::GET, "/setup").send().await;
    assert_eq!(setup.body["claimed"], json!(true));
}
