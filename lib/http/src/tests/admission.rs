use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use axum::body::{Body, Bytes};
use axum::response::Response;
use axum::routing::post;
use axum::{Router, middleware};
use futures_util::stream;
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use mpanel_authz::OpCx;
use mpanel_kernel::clock::SystemClock;
use mpanel_kernel::error::Kind;
use mpanel_kernel::ids::{RequestId, TenantId};
use tower::ServiceExt;

use crate::{Admission, Caller, Cx, Gate, Problem, Slots, admit, limit_uploads};

/// Admits all but those who say that they are nobody.
struct Door;

#[async_trait]
impl Gate for Door {
    async fn admit(&self, admission: Admission<'_>) -> Result<OpCx, Problem> {
        if admission.headers.contains_key("nobody") {
            return Err(Problem::new(Kind::Unauthenticated, "test.nobody", "who are you?"));
        }
        Ok(OpCx::system("test", TenantId::generate(), Arc::new(SystemClock)))
    }
}

/// Answers with the hash of the request that its key belongs to, and whether the body came through.
fn app() -> Router {
    let gate: Arc<dyn Gate> = Arc::new(Door);
    let answer = async |Cx(cx): Cx, body: Bytes| {
        let hash = cx.idempotency().map(|key| key.request_hash);
        format!("{hash:?} {}", body.len())
    };
    Router::new()
        .route("/", post(answer))
        .route("/other", post(answer))
        .layer(middleware::from_fn_with_state(gate, admit))
}

fn caller() -> Caller {
    Caller {
        address: None,
        secure: true,
        loopback: false,
        user_agent: String::new(),
        request_id: RequestId::generate(),
    }
}

/// A body that says whether anybody has looked at it.
fn watched() -> (Body, Arc<AtomicBool>) {
    let read = Arc::new(AtomicBool::new(false));
    let seen = read.clone();
    let bytes = stream::once(async move {
        seen.store(true, Ordering::Relaxed);
        Ok::<_, std::convert::Infallible>(Bytes::from_static(b"{}"))
    });
    (Body::from_stream(bytes), read)
}

async fn send(app: Router, uri: &str, fields: &[(&str, &str)], body: Body) -> Response {
    let mut request = Request::post(uri);
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    let mut request = request.body(body).unwrap();
    request.extensions_mut().insert(caller());
    app.oneshot(request).await.unwrap()
}

async fn text(response: Response) -> String {
    assert_eq!(response.status(), StatusCode::OK);
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(bytes.to_vec()).unwrap()
}

const JSON: (&str, &str) = ("content-type", "application/json");
const KEY: (&str, &str) = ("idempotency-key", "a key");

#[tokio::test]
async fn nothing_of_a_strangers_body_is_read() {
    let (body, read) = watched();
    let answer = send(app(), "/", &[JSON, KEY, ("nobody", "1")], body).await;
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    assert!(!read.load(Ordering::Relaxed));
    let (body, read) = watched();
    assert_eq!(send(app(), "/", &[JSON, KEY], body).await.status(), StatusCode::OK);
    assert!(read.load(Ordering::Relaxed));
}

#[tokio::test]
async fn a_key_belongs_to_one_method_path_query_and_body() {
    let of = async |uri: &str, body: &'static str| text(send(app(), uri, &[JSON, KEY], body.into()).await).await;
    let first = of("/?activate=true", "{}").await;
    assert_eq!(first, of("/?activate=true", "{}").await);
    for other in [
        of("/?activate=false", "{}").await,
        of("/", "{}").await,
        of("/other?activate=true", "{}").await,
        of("/?activate=true", "[]").await,
    ] {
        assert_ne!(first, other);
    }
    assert_eq!(text(send(app(), "/", &[JSON], "{}".into()).await).await, "None 2");
}

#[tokio::test]
async fn of_an_upload_the_key_covers_what_comes_before_the_bytes() {
    let zip = ("content-type", "application/zip");
    let of =
        async |fields: &[(&str, &str)], body: &'static str| text(send(app(), "/", fields, body.into()).await).await;
    let first = of(&[zip, KEY], "one").await;
    assert!(first.starts_with("Some"), "{first}");
    assert_eq!(first, of(&[zip, KEY], "two").await, "whoever reads the bytes adds them");
    assert_ne!(first, of(&[("content-type", "application/gzip"), KEY], "one").await);
    let named = ("content-disposition", "attachment; filename=\"a.zip\"");
    assert_ne!(first, of(&[zip, KEY, named], "one").await);
    assert_ne!(first, of(&[JSON, KEY], "one").await);
}

#[tokio::test]
async fn a_key_that_is_none_is_refused() {
    let long = "x".repeat(256);
    for fields in [
        vec![("idempotency-key", "")],
        vec![("idempotency-key", long.as_str())],
        vec![("idempotency-key", "ü")],
        vec![KEY, KEY],
    ] {
        let answer = send(app(), "/", &fields, Body::empty()).await;
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY, "{fields:?}");
    }
}

#[tokio::test]
async fn uploads_at_once_are_bounded_and_their_places_given_back() {
    let gate: Arc<dyn Gate> = Arc::new(Door);
    let slots = Slots::new(1);
    // Keeps the body without reading it, until it is told to let go.
    let (keep, mut kept) = tokio::sync::mpsc::channel::<Body>(4);
    let hold = async move |body: Body| keep.send(body).await.unwrap();
    let app = Router::new()
        .route("/", post(hold))
        .layer(middleware::from_fn_with_state(slots, limit_uploads))
        .layer(middleware::from_fn_with_state(gate, admit));
    let upload = async || send(app.clone(), "/", &[("content-type", "application/zip")], "bytes".into()).await;
    assert_eq!(upload().await.status(), StatusCode::OK);
    let refused = upload().await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert!(refused.headers().contains_key("retry-after"));
    for (fields, body) in [(&[JSON][..], "{}"), (&[], "")] {
        let other = send(app.clone(), "/", fields, body.into()).await;
        assert_eq!(other.status(), StatusCode::OK, "no upload");
    }
    while let Ok(body) = kept.try_recv() {
        drop(body);
    }
    assert_eq!(upload().await.status(), StatusCode::OK);
}
