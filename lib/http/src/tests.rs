mod admission;
mod answers;
mod bodies;
mod crowd;
mod leftover;
mod queries;
mod rate;
mod words;

use axum::body::Body;
use axum::response::IntoResponse;
use axum::routing::post;
use axum::{Router, extract::Request};
use http::{StatusCode, header};
use http_body_util::BodyExt;
use mpanel_kernel::error::{FieldError, Kind, PublicError};
use serde::Deserialize;
use serde_json::Value;
use tower::ServiceExt;

use crate::{IfMatch, Json, Problem};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Order {
    #[serde(rename = "items")]
    _items: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    #[serde(rename = "count")]
    _count: u32,
    #[serde(default, rename = "unit")]
    _unit: Option<Unit>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Unit {
    Piece,
}

async fn send(body: &'static str, kind: &'static str) -> (StatusCode, Value) {
    let app = Router::new().route("/", post(async |_: Json<Order>| StatusCode::OK));
    let request = Request::post("/")
        .header(header::CONTENT_TYPE, kind)
        .body(Body::from(body))
        .unwrap();
    let response = app.oneshot(request).await.unwrap();
    let status = response.status();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&bytes).unwrap_or_default())
}

#[tokio::test]
async fn a_wrong_field_is_named_by_its_pointer() {
    let (status, problem) = send(r#"{"items":[{"count":1},{"count":"two"}]}"#, "application/json").await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(problem["errors"][0]["pointer"], "/items/1/count");
    let (status, problem) = send(r#"{"items":[],"extra":1}"#, "application/json").await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(problem["errors"][0]["pointer"], "/extra");
    let (status, problem) = send(r#"{"items":[{}]}"#, "application/json").await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(problem["errors"][0]["pointer"], "/items/0/count");
    assert_eq!(problem["errors"][0]["code"], "request.missing_field");
}

#[tokio::test]
async fn an_array_is_not_taken_for_an_object() {
    let (status, problem) = send(r#"[[]]"#, "application/json").await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{problem}");
}

#[tokio::test]
async fn a_wrong_type_for_an_enum_names_its_field() {
    let (status, problem) = send(r#"{"items":[{"count":1,"unit":7}]}"#, "application/json").await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{problem}");
    assert_eq!(problem["errors"][0]["pointer"], "/items/0/unit");
}

#[tokio::test]
async fn a_body_that_is_too_large_is_answered_after_it_was_sent() {
    let large = Body::from(vec![b' '; 3 * 1024 * 1024]);
    let app = Router::new().route("/", post(async |_: Json<Order>| StatusCode::OK));
    let request = Request::post("/")
        .header(header::CONTENT_TYPE, "application/json")
        .body(large)
        .unwrap();
    assert_eq!(
        app.oneshot(request).await.unwrap().status(),
        StatusCode::PAYLOAD_TOO_LARGE
    );
}

#[tokio::test]
async fn what_is_no_json_is_malformed() {
    assert_eq!(send("{", "application/json").await.0, StatusCode::BAD_REQUEST);
    assert_eq!(
        send(r#"{"items":[]} x"#, "application/json").await.0,
        StatusCode::BAD_REQUEST
    );
    assert_eq!(send(r#"{"items":[]}"#, "text/plain").await.0, StatusCode::BAD_REQUEST);
    assert_eq!(
        send(r#"{"items":[]}"#, "application/jsonx").await.0,
        StatusCode::BAD_REQUEST
    );
    assert_eq!(
        send(r#"{"items":[]}"#, "application/json; charset=utf-8").await.0,
        StatusCode::OK
    );
    assert_eq!(
        send(r#"{"items":[]}"#, "Application/JSON").await.0,
        StatusCode::OK,
        "types have no case (RFC 9110 §8.3.1)"
    );
}

#[derive(Debug, thiserror::Error)]
#[error("password=hunter2 leaked")]
struct Secret;
impl PublicError for Secret {
    fn kind(&self) -> Kind {
        Kind::Internal
    }
    fn code(&self) -> &'static str {
        "test.internal"
    }
    fn public_text(&self) -> String {
        "something went wrong".into()
    }
}

#[derive(Debug, thiserror::Error)]
#[error("it is away")]
struct Away;
impl PublicError for Away {
    fn kind(&self) -> Kind {
        Kind::Unavailable
    }
    fn code(&self) -> &'static str {
        "test.away"
    }
}

#[test]
fn whoever_finds_something_away_is_told_when_to_ask_again() {
    let response = Problem::from(Away).into_response();
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.headers()[header::RETRY_AFTER], "2");
    let response = Problem::from(Away).retry_after(60).into_response();
    assert_eq!(response.headers()[header::RETRY_AFTER], "60");
    let response = Problem::from(Secret).into_response();
    assert!(!response.headers().contains_key(header::RETRY_AFTER));
}

#[tokio::test]
async fn internal_text_never_reaches_the_caller() {
    let response = Problem::from(Secret).into_response();
    assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json");
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    assert!(!String::from_utf8_lossy(&bytes).contains("hunter2"));
}

#[test]
fn a_stale_if_match_is_refused() {
    assert!(IfMatch(None).check(3).is_ok());
    assert!(IfMatch(Some(3)).check(3).is_ok());
    assert_eq!(IfMatch(Some(2)).check(3).unwrap_err().kind(), Kind::Stale);
}

#[test]
fn a_field_error_is_an_invalid_request() {
    let problem = Problem::field(FieldError::new("/name", "x.y", "no"));
    let (status, document) = problem.document(None);
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(document.errors[0].pointer, "/name");
}
