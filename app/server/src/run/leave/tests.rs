use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::middleware;
use axum::routing::get;
use tower::ServiceExt as _;

use super::{Leaving, tell};

#[tokio::test]
async fn answers_end_their_connections_once_a_stop_was_asked_for() {
    let leaving = Leaving::default();
    let app = Router::new()
        .route("/", get(|| async { "well" }))
        .layer(middleware::map_response_with_state(leaving.clone(), tell));
    let ask = async || app.clone().oneshot(Request::new(Body::empty())).await.unwrap();
    assert_eq!(ask().await.headers().get(header::CONNECTION), None);
    leaving.begin().await;
    let answer = ask().await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.headers()[header::CONNECTION], "close");
}
