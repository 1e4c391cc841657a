use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Router, middleware};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt;
use mpanel_http::{Caller, Problem};
use mpanel_kernel::clock::{SharedClock, SystemClock};
use serde_json::Value;
use tower::ServiceExt;

use super::identify;

type Seen = Arc<Mutex<Option<(Caller, HeaderMap)>>>;

fn app(seen: &Seen) -> Router {
    let clock: SharedClock = Arc::new(SystemClock);
    let seen = seen.clone();
    let look = async move |caller: Caller, headers: HeaderMap| {
        *seen.lock().unwrap() = Some((caller, headers));
    };
    Router::new()
        .route("/api/v1/look", get(look))
        .route("/api/v1/problem", get(async || Problem::not_found().into_response()))
        .route("/api/v1/things/{id}", post(async || StatusCode::NO_CONTENT))
        .fallback(async |uri: http::Uri| match uri.path() {
            "/" => (
                [("cache-control", "max-age=60"), ("x-frame-options", "SAMEORIGIN")],
                "<html>",
            )
                .into_response(),
            _ => StatusCode::NOT_FOUND.into_response(),
        })
        .layer(middleware::from_fn_with_state(clock, identify))
}

async fn call(method: Method, path: &str, fields: &[(&str, &str)]) -> (Response, Option<(Caller, HeaderMap)>) {
    let seen = Seen::default();
    let mut request = Request::builder().method(method).uri(path).header("host", "inner");
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    let response = app(&seen).oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let seen = seen.lock().unwrap().take();
    (response, seen)
}

async fn caller(fields: &[(&str, &str)]) -> (Caller, HeaderMap) {
    call(Method::GET, "/api/v1/look", fields).await.1.unwrap()
}

async fn json(response: Response) -> Value {
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    serde_json::from_slice(&bytes).unwrap_or_default()
}

#[tokio::test]
async fn the_edge_says_where_a_request_comes_from() {
    let (caller, headers) = caller(&[
        ("x-forwarded-for", "203.0.113.7"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "Panel.Example.com:8443"),
        ("user-agent", "Test/1.0"),
    ])
    .await;
    assert_eq!(caller.address.unwrap().to_string(), "203.0.113.7");
    assert!(caller.secure && !caller.loopback);
    assert_eq!(caller.user_agent, "Test/1.0");
    assert_eq!(headers["host"], "Panel.Example.com:8443");
}

#[tokio::test]
async fn without_the_edge_it_is_a_process_of_this_machine() {
    let (caller, headers) = caller(&[]).await;
    assert!(caller.loopback && !caller.secure && caller.address.is_none());
    assert_eq!(headers["host"], "inner");
}

#[tokio::test]
async fn loopback_is_an_address_and_a_name() {
    let from = async |address: &str, host: &str| {
        let fields = [
            ("x-forwarded-for", address),
            ("x-forwarded-proto", "http"),
            ("x-forwarded-host", host),
        ];
        caller(&fields).await.0.loopback
    };
    assert!(from("127.0.0.1", "127.0.0.1:7080").await);
    assert!(from("127.0.0.9", "localhost:7080").await);
    assert!(from("::1", "[::1]:7080").await);
    assert!(from("::ffff:127.0.0.1", "panel.localhost").await);
    assert!(
        !from("127.0.0.1", "panel.example.com").await,
        "a local proxy, or a rebound name"
    );
    assert!(!from("127.0.0.1", "localhost.example.com").await);
    assert!(!from("203.0.113.7", "localhost").await);
}

#[tokio::test]
async fn what_is_missing_doubled_or_unreadable_is_trusted_with_nothing() {
    for fields in [
        &[("x-forwarded-for", "127.0.0.1")][..],
        &[("x-forwarded-host", "localhost")],
        &[("x-forwarded-proto", "https")],
        &[
            ("x-forwarded-for", "127.0.0.1, 10.0.0.1"),
            ("x-forwarded-host", "localhost"),
        ],
        &[
            ("x-forwarded-for", "127.0.0.1"),
            ("x-forwarded-for", "127.0.0.1"),
            ("x-forwarded-host", "localhost"),
        ],
        &[
            ("x-forwarded-for", "127.0.0.1"),
            ("x-forwarded-host", "localhost"),
            ("x-forwarded-host", "evil.example"),
        ],
    ] {
        let (caller, _) = caller(fields).await;
        assert!(!caller.loopback, "{fields:?}");
    }
}

#[tokio::test]
async fn v16_2_1_every_answer_has_an_id_of_ours_and_problems_repeat_it() {
    let (response, _) = call(Method::GET, "/api/v1/problem", &[("x-request-id", "mine")]).await;
    let id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
    assert!(id.starts_with("req_"), "{id}");
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    let problem = json(response).await;
    assert_eq!(
        (problem["request_id"].as_str(), problem["status"].as_u64()),
        (Some(id.as_str()), Some(404))
    );
}

#[tokio::test]
async fn refusals_of_the_router_are_problems_too() {
    let (response, _) = call(Method::GET, "/api/v1/nothing", &[]).await;
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
    assert_eq!(json(response).await["code"], "request.not_found");
    let (response, _) = call(Method::GET, "/api/v1/things/1", &[]).await;
    assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(response.headers()["allow"], "POST");
    assert_eq!(json(response).await["code"], "request.method_not_allowed");
    let (response, _) = call(Method::GET, "/a/page", &[]).await;
    assert!(
        !response.headers().contains_key("content-type"),
        "pages speak for themselves"
    );
}

#[tokio::test]
async fn v3_2_1_v3_4_3_v14_3_2_answers_are_neither_kept_nor_framed_nor_guessed_at() {
    let (response, _) = call(Method::GET, "/api/v1/problem", &[]).await;
    let headers = response.headers();
    assert_eq!(headers["cache-control"], "no-store");
    assert_eq!(headers["x-content-type-options"], "nosniff");
    assert_eq!(headers["referrer-policy"], "no-referrer");
    assert_eq!(headers["x-frame-options"], "DENY");
    assert!(
        headers["content-security-policy"]
            .to_str()
            .unwrap()
            .starts_with("default-src 'none'")
    );
    let (page, _) = call(Method::GET, "/", &[]).await;
    assert_eq!(
        page.headers()["cache-control"],
        "max-age=60",
        "a page's own choice stays"
    );
    assert_eq!(page.headers()["x-frame-options"], "SAMEORIGIN");
    assert!(!page.headers().contains_key("content-security-policy"));
    assert_eq!(page.headers()["x-content-type-options"], "nosniff");
}

#[tokio::test]
async fn v3_4_1_browsers_come_back_over_tls_alone() {
    let over = async |proto: &str, host: &str| {
        let from = [
            ("x-forwarded-for", "203.0.113.7"),
            ("x-forwarded-proto", proto),
            ("x-forwarded-host", host),
        ];
        let (response, _) = call(Method::GET, "/", &from).await;
        let field = response.headers().get("strict-transport-security").cloned();
        field.map(|field| field.to_str().unwrap().to_owned())
    };
    assert_eq!(
        over("https", "panel.example").await.as_deref(),
        Some("max-age=31536000")
    );
    assert_eq!(over("http", "panel.example").await, None);
    assert_eq!(over("https", "localhost:8443").await, None, "all ports of a name");
}

#[tokio::test]
async fn v3_4_2_no_answer_is_for_pages_of_other_origins() {
    let from = [
        ("origin", "https://elsewhere.example"),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "mpanel-csrf"),
    ];
    for (method, path) in [
        (Method::GET, "/api/v1/problem"),
        (Method::POST, "/api/v1/things/1"),
        (Method::OPTIONS, "/api/v1/things/1"),
        (Method::GET, "/"),
    ] {
        let (response, _) = call(method.clone(), path, &from).await;
        let allows = response
            .headers()
            .keys()
            .filter(|name| name.as_str().starts_with("access-control-"));
        assert_eq!(allows.count(), 0, "{method} {path}");
        assert_eq!(response.headers()["cross-origin-resource-policy"], "same-origin");
    }
}

#[tokio::test]
async fn requests_are_counted_by_pattern_and_status() {
    for id in ["1", "2"] {
        call(Method::POST, &format!("/api/v1/things/{id}"), &[]).await;
    }
    let text = mpanel_telemetry::metrics::exposition();
    let line = text
        .lines()
        .find(|line| line.starts_with("mpanel_http_requests_total") && line.contains("POST") && line.contains("things"))
        .unwrap();
    assert!(
        line.contains(r#"route="/api/v1/things/{id}",status="204"} 2"#),
        "{line}"
    );
    assert!(!text.contains("things/1"));
}
