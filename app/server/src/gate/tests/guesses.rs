//! Credentials that are none, one after another.

use http::{Method, StatusCode};
use mpanel_crypto::{Token, TokenKind};

use super::support::{BURST, World};

#[tokio::test]
async fn v6_3_1_made_up_credentials_are_refused_before_they_are_looked_up_and_others_there_go_on() {
    let world = World::new().await;
    let owner = world.owner().await;
    let token = world.api_token(&owner, None, &["*"]).await;
    let known = || world.request(Method::GET, "/probe").bearer(&token);
    assert_eq!(known().send().await.status, StatusCode::OK);
    let made_up = |from: &str| {
        let bearer = format!("Bearer {}", Token::generate(TokenKind::Api).reveal());
        world
            .request(Method::GET, "/probe")
            .field("authorization", &bearer)
            .from(from, "https")
    };
    let mut refused = 0;
    for _ in 0..BURST {
        refused += u32::from(made_up("127.0.0.1").send().await.status == StatusCode::UNAUTHORIZED);
    }
    assert_eq!(refused, BURST);
    let answer = made_up("127.0.0.1").send().await;
    assert_eq!(
        (answer.status, answer.code()),
        (StatusCode::TOO_MANY_REQUESTS, "request.too_many_invalid".to_owned())
    );
    assert_eq!(answer.header("retry-after"), "1");
    assert_eq!(known().send().await.status, StatusCode::OK, "who was known before");
    assert_eq!(
        made_up("203.0.113.9").send().await.status,
        StatusCode::UNAUTHORIZED,
        "others elsewhere"
    );
    let fresh = world.sign_in_owner().await;
    let answer = world.request(Method::GET, "/me").session(&fresh).send().await;
    assert_eq!(answer.status, StatusCode::OK, "who has just signed in there");
}
