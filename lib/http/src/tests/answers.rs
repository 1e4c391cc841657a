use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http_body_util::BodyExt;

use crate::answers::held;
use crate::body::{Pool, Share};

const PAGE: usize = 128 * 1024;

#[tokio::test]
async fn unread_answers_hold_so_much_and_no_more() {
    static POOL: Pool = Pool::of(10 * PAGE);
    let page = || held("x".repeat(PAGE).into_response(), Share::of(&POOL, None));
    let mut waiting: Vec<Response> = (0..2_000).map(|_| page()).collect();
    let refused = waiting.split_off(10);
    assert!(waiting.iter().all(|answer| answer.status() == StatusCode::OK));
    for answer in refused {
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(answer.headers().contains_key("retry-after"));
    }
    // Handed to the connection, which has not sent it yet.
    let mut body = waiting.pop().unwrap().into_body();
    let part = body.frame().await.unwrap().unwrap().into_data().unwrap();
    drop(body);
    assert_eq!((part.len(), POOL.gathered().0), (PAGE, 10 * PAGE));
    drop(part);
    assert_eq!(page().status(), StatusCode::OK);
    drop(waiting);
    assert_eq!(POOL.gathered(), (0, 0));
}

#[tokio::test]
async fn short_answers_and_streams_are_always_given() {
    static POOL: Pool = Pool::of(0);
    assert_eq!(
        held("short".into_response(), Share::of(&POOL, None)).status(),
        StatusCode::OK
    );
    let parts = futures_util::stream::iter([Ok::<_, std::io::Error>("x".repeat(PAGE))]);
    let stream = held(Body::from_stream(parts).into_response(), Share::of(&POOL, None));
    assert_eq!(stream.into_body().collect().await.unwrap().to_bytes().len(), PAGE);
}
