use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use axum::response::Response;
use http_body_util::BodyExt;
use mpanel_http::Caller;
use mpanel_http::Problem;
use mpanel_kernel::ids::RequestId;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::support::{HOST, OWNER, PASSWORD, World};

/// The public operations as the server offers them, called over HTTPS.
async fn post(world: &World, path: &str, fields: &[(&str, &str)], body: &Value) -> Response {
    let (router, _) = crate::http::public_routes(world.identity.clone()).split_for_parts();
    let router: Router = router;
    let mut request = Request::post(path)
        .header(header::HOST, HOST)
        .header(header::CONTENT_TYPE, "application/json")
        .extension(Caller {
            address: Some("203.0.113.7".parse().unwrap()),
            secure: true,
            loopback: false,
            user_agent: "Test\r\n/1.0".to_owned(),
            request_id: RequestId::generate(),
        });
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    let request = request.body(Body::from(body.to_string())).unwrap();
    router.oneshot(request).await.unwrap()
}

fn code(response: &Response) -> String {
    let problem = response.extensions().get::<Arc<Problem>>();
    problem.map_or_else(String::new, |problem| problem.code().to_owned())
}

fn credentials() -> Value {
    json!({"email": OWNER, "password": PASSWORD})
}

#[tokio::test]
async fn v3_3_1_v3_3_2_v3_3_4_the_cookie_is_bound_to_the_host_secure_and_out_of_reach() {
    let world = World::claimed().await;
    let response = post(&world, "/sessions", &[], &credentials()).await;
    assert_eq!(response.status(), StatusCode::CREATED);
    let cookie = response.headers()[header::SET_COOKIE].to_str().unwrap().to_owned();
    let (value, attributes) = cookie.split_once("; ").unwrap();
    assert!(value.starts_with("__Host-mpanel_session=mps_"), "{value}");
    assert_eq!(attributes, "Path=/; Secure; HttpOnly; SameSite=Lax");
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let me: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(me["user"]["email"], OWNER);
    assert_eq!(me["memberships"][0]["role"], "owner");
    assert_eq!(me["memberships"][0]["tenant"]["kind"], "platform");
    assert_eq!(me["home_tenant"]["id"], world.platform().to_string());
    assert_eq!(me["totp_setup_required"], true);
    assert!(
        !String::from_utf8_lossy(&body).contains("mps_"),
        "the token is in the cookie alone"
    );
}

#[tokio::test]
async fn v3_5_1_another_site_signs_nobody_in() {
    let world = World::claimed().await;
    for fields in [
        [("sec-fetch-site", "cross-site")],
        [("sec-fetch-site", "same-site")],
        [("origin", "https://evil.example")],
    ] {
        let response = post(&world, "/sessions", &fields, &credentials()).await;
        assert_eq!(response.status(), StatusCode::FORBIDDEN);
        assert_eq!(code(&response), "identity.session.cross_site");
        assert!(!response.headers().contains_key(header::SET_COOKIE));
    }
    // What a form can send is no JSON.
    let response = post(
        &world,
        "/sessions",
        &[("origin", "https://panel.example.com")],
        &credentials(),
    )
    .await;
    assert_eq!(response.status(), StatusCode::CREATED);
}

#[tokio::test]
async fn an_unreadable_cookie_keeps_nobody_from_signing_in() {
    let world = World::claimed().await;
    let junk = [("cookie", "__Host-mpanel_session=junk; __Host-mpanel_session=junk")];
    let response = post(&world, "/sessions", &junk, &credentials()).await;
    assert_eq!(response.status(), StatusCode::CREATED);
}

#[tokio::test]
async fn problems_name_the_field() {
    let world = World::claimed().await;
    for (path, body, status, pointer) in [
        (
            "/sessions",
            json!({"email": "nonsense", "password": "x"}),
            422,
            "/email",
        ),
        ("/sessions", json!({"email": OWNER}), 422, ""),
        (
            "/claim",
            json!({"token": 1, "email": OWNER, "name": "O", "password": PASSWORD}),
            422,
            "/token",
        ),
        (
            "/activations",
            json!({"token": "x", "password": PASSWORD, "role": "owner"}),
            422,
            "",
        ),
    ] {
        let response = post(&world, path, &[], &body).await;
        assert_eq!(response.status().as_u16(), status, "{path}");
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        let problem: Value = serde_json::from_slice(&bytes).unwrap();
        assert!(
            problem["errors"][0]["pointer"].as_str().unwrap().starts_with(pointer),
            "{problem}"
        );
        assert!(!problem.to_string().contains(PASSWORD), "{problem}");
    }
    let gone = json!({"token": "claim_x", "email": OWNER, "name": "O", "password": PASSWORD});
    assert_eq!(post(&world, "/claim", &[], &gone).await.status(), StatusCode::GONE);
    let gone = json!({"token": "activate_x", "password": PASSWORD});
    assert_eq!(
        post(&world, "/activations", &[], &gone).await.status(),
        StatusCode::GONE
    );
    let wrong = json!({"email": OWNER, "password": "wrong"});
    assert_eq!(
        post(&world, "/sessions", &[], &wrong).await.status(),
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test]
async fn v6_3_1_too_many_attempts_are_told_when_to_come_back() {
    let world = World::with_limits(1, 1000).await;
    let wrong = json!({"email": OWNER, "password": "wrong"});
    post(&world, "/sessions", &[], &wrong).await;
    let response = post(&world, "/sessions", &[], &wrong).await;
    assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(response.headers()[header::RETRY_AFTER], "60");
}
