use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::routing::{get, post};
use axum::{Extension, Router, middleware};
use futures_util::stream;
use http::{Request, StatusCode, header};
use http_body_util::BodyExt;
use mpanel_authz::OpCx;
use mpanel_kernel::clock::SystemClock;
use mpanel_kernel::ids::TenantId;
use tower::ServiceExt;

use crate::body::{Pool, Share, gather, read_within};
use crate::{Json, limit_time};

const MIB: usize = 1024 * 1024;

/// A first part, and nothing after it.
fn unending(first: &'static [u8]) -> Body {
    let first = stream::once(async move { Ok::<_, std::io::Error>(Bytes::from_static(first)) });
    Body::from_stream(futures_util::StreamExt::chain(first, stream::pending()))
}

async fn code(response: axum::response::Response) -> (StatusCode, String) {
    let status = response.status();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    let body: serde_json::Value = serde_json::from_slice(&bytes).unwrap_or_default();
    (status, body["code"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn strangers_send_less_than_those_who_are_known() {
    let app = Router::new().route("/", post(async |_: Json<serde_json::Value>| "taken"));
    let send = async |app: Router, length: usize| {
        let body = format!("{{\"x\":\"{}\"}}", "x".repeat(length));
        let request = Request::post("/").header(header::CONTENT_TYPE, "application/json");
        code(app.oneshot(request.body(Body::from(body)).unwrap()).await.unwrap()).await
    };
    let large = (StatusCode::PAYLOAD_TOO_LARGE, "request.too_large".to_owned());
    let taken = (StatusCode::OK, String::new());
    assert_eq!(send(app.clone(), 15 * 1024).await, taken);
    assert_eq!(send(app.clone(), 17 * 1024).await, large);
    let cx = OpCx::system("test", TenantId::generate(), Arc::new(SystemClock));
    let known = app.layer(Extension(cx));
    assert_eq!(send(known.clone(), MIB - 1024).await, taken);
    assert_eq!(send(known, MIB).await, large);
}

#[tokio::test]
async fn bodies_that_never_end_fill_only_so_much_memory() {
    static PART: [u8; MIB] = [b'x'; MIB];
    let all = Pool::of(64 * MIB);
    let mut waiting = Vec::new();
    for n in 0..2_000 {
        let mut gathered = Box::pin(gather(unending(&PART), MIB, Share::of(&all, None)));
        match futures_util::poll!(&mut gathered) {
            std::task::Poll::Pending => waiting.push(gathered),
            std::task::Poll::Ready(answer) => {
                let (status, code) = code(axum::response::IntoResponse::into_response(answer.unwrap_err())).await;
                assert_eq!(
                    (status, code.as_str()),
                    (StatusCode::SERVICE_UNAVAILABLE, "request.busy"),
                    "{n}"
                );
            }
        }
    }
    assert_eq!(waiting.len(), 64);
    drop(waiting);
    assert_eq!(all.gathered(), (0, 0), "what is given up is free again");
}

#[tokio::test]
async fn one_tenant_fills_a_quarter_and_short_bodies_are_always_taken() {
    static PART: [u8; MIB] = [b'x'; MIB];
    let all = Pool::of(4 * MIB);
    let (greedy, other) = (TenantId::generate(), TenantId::generate());
    let mut waiting = Vec::new();
    let mut answers = Vec::new();
    for tenant in [greedy, greedy, other] {
        let mut gathered = Box::pin(gather(unending(&PART), MIB, Share::of(&all, Some(tenant))));
        match futures_util::poll!(&mut gathered) {
            std::task::Poll::Pending => waiting.push(gathered),
            std::task::Poll::Ready(answer) => {
                answers.push(code(axum::response::IntoResponse::into_response(answer.unwrap_err())).await);
            }
        }
    }
    let too_many = (StatusCode::TOO_MANY_REQUESTS, "request.too_many_at_once".to_owned());
    assert_eq!((waiting.len(), answers), (2, vec![too_many]));
    let short = gather(Body::from("{}"), MIB, Share::of(&all, Some(greedy)))
        .await
        .unwrap();
    assert_eq!(&short[..], b"{}");
    drop(waiting);
    assert_eq!(
        all.gathered(),
        (0, 0),
        "nothing is kept of those who have nothing on its way"
    );
}

#[tokio::test]
async fn a_body_that_drips_is_given_up() {
    let drop_by_drop = stream::unfold((), async |()| {
        tokio::time::sleep(Duration::from_millis(1)).await;
        Some((Ok::<_, std::io::Error>(Bytes::from_static(b" ")), ()))
    });
    let all = Pool::of(MIB);
    let refused = read_within(
        Duration::from_millis(50),
        gather(Body::from_stream(Box::pin(drop_by_drop)), MIB, Share::of(&all, None)),
    )
    .await
    .unwrap_err();
    let (status, code) = code(axum::response::IntoResponse::into_response(refused)).await;
    assert_eq!((status, code.as_str()), (StatusCode::BAD_REQUEST, "request.slow_body"));
}

#[tokio::test]
async fn an_answer_that_does_not_come_is_given_up_and_an_upload_takes_its_time() {
    let slow = async |request: axum::extract::Request| {
        let _body = request;
        tokio::time::sleep(Duration::from_millis(200)).await;
        "late"
    };
    let app = Router::new()
        .route("/", get(slow).post(slow))
        .layer(middleware::from_fn_with_state(Duration::from_millis(20), limit_time));
    let asked = app.clone().oneshot(Request::get("/").body(Body::empty()).unwrap());
    let (status, code) = code(asked.await.unwrap()).await;
    assert_eq!(
        (status, code.as_str()),
        (StatusCode::SERVICE_UNAVAILABLE, "request.timed_out")
    );
    let upload = Request::post("/").header(header::CONTENT_TYPE, "application/zip");
    let upload = app.oneshot(upload.body(Body::from("archive")).unwrap()).await.unwrap();
    assert_eq!(upload.status(), StatusCode::OK);
}
