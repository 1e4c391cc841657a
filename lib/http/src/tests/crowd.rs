use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::routing::get;
use axum::{Router, middleware};
use futures_util::stream;
use http::{Request, StatusCode, header};
use tokio::sync::Semaphore;
use tower::ServiceExt;

use crate::crowd::Crowd;
use crate::limit_crowd;

/// Two places; who has one keeps it until `go` lets them.
fn app() -> (Router, Arc<Semaphore>) {
    let go = Arc::new(Semaphore::new(0));
    let waits = go.clone();
    let work = async move || {
        waits.acquire().await.unwrap().forget();
        "done"
    };
    let app = Router::new()
        .route("/", get(work).post(async |_: Bytes| "taken"))
        .layer(middleware::from_fn_with_state(Crowd::of(2), limit_crowd));
    (app, go)
}

fn get_request() -> Request<Body> {
    Request::get("/").body(Body::empty()).unwrap()
}

#[tokio::test]
async fn more_than_there_are_places_for_wait_their_turn() {
    let (app, go) = app();
    let mut asked: Vec<_> = (0..3).map(|_| Box::pin(app.clone().oneshot(get_request()))).collect();
    for one in &mut asked {
        assert!(futures_util::poll!(one).is_pending());
    }
    go.add_permits(3);
    // The third gets its place when one of the others is done.
    assert!(futures_util::poll!(&mut asked[2]).is_pending());
    assert!(futures_util::poll!(&mut asked[0]).is_ready());
    assert!(futures_util::poll!(&mut asked[2]).is_ready());
}

#[tokio::test]
async fn those_who_send_slowly_and_uploads_keep_nobody_out() {
    let (app, go) = app();
    go.add_permits(1);
    let post = |kind: &str| {
        let body = Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
        Request::post("/")
            .header(header::CONTENT_TYPE, kind)
            .body(body)
            .unwrap()
    };
    let slow = ["application/json", "application/zip"].repeat(5);
    let mut slow: Vec<_> = slow
        .into_iter()
        .map(|kind| Box::pin(app.clone().oneshot(post(kind))))
        .collect();
    for one in &mut slow {
        assert!(futures_util::poll!(one).is_pending());
    }
    assert_eq!(app.oneshot(get_request()).await.unwrap().status(), StatusCode::OK);
}
