//! For tests of contexts: one request to their routes, with a context of one's choice and no server around them.

use axum::body::{Body, to_bytes};
use axum::{Extension, Router};
use http::{Request, StatusCode, header};
use mpanel_authz::OpCx;
use serde_json::Value;
use tower::ServiceExt as _;

use crate::Routes;

/// The most bytes of an answer.
const MOST: usize = 1 << 20;

/// What was answered.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub etag: Option<String>,
    /// `null` when it was no JSON.
    pub body: Value,
}

/// Sends a request.
///
/// # Panics
/// When `method` or `path` is none.
pub async fn call(
    routes: Routes,
    cx: &OpCx,
    (method, path): (&str, &str),
    if_match: Option<&str>,
    body: Option<Value>,
) -> Answer {
    let mut request = Request::builder().method(method).uri(path);
    if let Some(tag) = if_match {
        request = request.header(header::IF_MATCH, tag);
    }
    let request = match body {
        Some(body) => request
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(body.to_string())),
        None => request.body(Body::empty()),
    };
    let app: Router = routes.split_for_parts().0.layer(Extension(cx.clone()));
    let Ok(response) = app.oneshot(request.expect("the test writes a method and a path")).await;
    let status = response.status();
    let etag = response.headers().get(header::ETAG);
    let etag = etag.and_then(|tag| tag.to_str().ok()).map(str::to_owned);
    let bytes = to_bytes(response.into_body(), MOST).await.unwrap_or_default();
    Answer {
        status,
        etag,
        body: serde_json::from_slice(&bytes).unwrap_or_default(),
    }
}
