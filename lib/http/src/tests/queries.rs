use std::sync::Arc;

use axum::body::Body;
use axum::{Router, middleware};
use http::{Method, Request};
use http_body_util::BodyExt;
use serde::Deserialize;
use serde_json::Value;
use tower::ServiceExt;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::{KnownParameters, Paging, Query, known_parameters};

#[derive(Deserialize)]
struct Filter {
    #[serde(rename = "filter[open]")]
    _open: Option<bool>,
}

#[utoipa::path(get, path = "/things", params(
    ("limit" = Option<u32>, Query), ("cursor" = Option<String>, Query), ("filter[open]" = Option<bool>, Query),
    ("If-Match" = Option<String>, Header)), responses((status = 200)))]
async fn list(_: Paging, _: Query<Filter>) {}

#[utoipa::path(post, path = "/things/{id}", params(("id" = String, Path)), responses((status = 200)))]
async fn create() {}

async fn ask(method: Method, uri: &str) -> (u16, Vec<(String, String)>) {
    let (router, document) = OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(create))
        .split_for_parts();
    let known = Arc::new(KnownParameters::of(&document));
    let app: Router = router.layer(middleware::from_fn_with_state(known, known_parameters));
    let request = Request::builder().method(method).uri(uri).body(Body::empty()).unwrap();
    let response = app.oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    let problem: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    let errors = problem["errors"].as_array().cloned().unwrap_or_default();
    let text = |error: &Value, name: &str| error[name].as_str().unwrap().to_owned();
    let errors = errors
        .iter()
        .map(|error| (text(error, "pointer"), text(error, "message")));
    (status, errors.collect())
}

#[tokio::test]
async fn a_wrong_parameter_is_named() {
    for (query, pointer) in [
        ("limit=0", "?limit"),
        ("limit=abc", "?limit"),
        ("limit=201", "?limit"),
        ("cursor=zz", "?cursor"),
        ("filter[open]=perhaps", "?filter[open]"),
        ("filter%5Bopen%5D=perhaps", "?filter[open]"),
        ("nonsense=1", "?nonsense"),
        ("limit=2&filter[name]=x", "?filter[name]"),
        ("If-Match=1", "?If-Match"),
        ("limit=1&limit=2", "?limit"),
        ("Limit=1", "?Limit"),
    ] {
        let (status, errors) = ask(Method::GET, &format!("/things?{query}")).await;
        assert_eq!((status, errors[0].0.as_str()), (422, pointer), "{query}");
    }
    for query in [
        "",
        "limit=2",
        "limit=200&filter[open]=true",
        "filter%5Bopen%5D=false&cursor=",
    ] {
        assert_eq!(ask(Method::GET, &format!("/things?{query}")).await.0, 200, "{query}");
    }
}

#[tokio::test]
async fn an_unknown_parameter_is_answered_with_those_that_there_are() {
    let (_, errors) = ask(Method::GET, "/things?filtre[open]=true&x=1").await;
    assert_eq!(errors.len(), 2, "all are named");
    assert!(errors[0].1.ends_with("cursor, filter[open], limit"), "{}", errors[0].1);
    let (status, errors) = ask(Method::POST, "/things/1?dry_run=true").await;
    assert_eq!((status, errors[0].0.as_str()), (422, "?dry_run"));
    let (status, errors) = ask(Method::HEAD, "/things?nonsense=1").await;
    assert_eq!((status, errors.len()), (422, 0), "without a body");
}

#[tokio::test]
async fn an_answer_does_not_grow_with_what_is_asked() {
    let many: Vec<String> = (0..100).map(|n| format!("{}{n}=1", "x".repeat(500))).collect();
    let (status, errors) = ask(Method::GET, &format!("/things?{}", many.join("&"))).await;
    assert_eq!((status, errors.len()), (422, 10));
    assert!(errors.iter().all(|(pointer, _)| pointer.len() < 100));
}
