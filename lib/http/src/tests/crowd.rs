use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::routing::get;
use axum::{Router, middleware};
use futures_util::stream;
use http::{Request, StatusCode, header};
use mpanel_authz::OpCx;
use mpanel_kernel::clock::SystemClock;
use mpanel_kernel::ids::{RequestId, TenantId};
use tokio::sync::Semaphore;
use tower::ServiceExt;

use crate::crowd::Crowd;
use crate::{Caller, limit_crowd};

/// Two places; who has one keeps it until `go` lets them.
fn app() -> (Router, Arc<Semaphore>) {
    app_with(Crowd::of_strangers(2, 8))
}

fn app_with(crowd: Crowd) -> (Router, Arc<Semaphore>) {
    let go = Arc::new(Semaphore::new(0));
    let waits = go.clone();
    let work = async move || {
        waits.acquire().await.unwrap().forget();
        "done"
    };
    let app = Router::new()
        .route("/", get(work).post(async |_: Bytes| "taken"))
        .layer(middleware::from_fn_with_state(crowd, limit_crowd));
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
    let cx = cx("one", TenantId::generate());
    for crowd in [Crowd::of_strangers(2, 8), Crowd::of_known(2, 2, (3, 3))] {
        slow_ones_keep_nobody_out(crowd, &cx).await;
    }
}

async fn slow_ones_keep_nobody_out(crowd: Crowd, cx: &OpCx) {
    let (app, go) = app_with(crowd);
    go.add_permits(1);
    let post = |kind: &str| {
        let body = Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
        Request::post("/")
            .extension(cx.clone())
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
    assert_eq!(app.oneshot(known(cx)).await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn one_network_has_only_so_much_under_way() {
    let (app, go) = app();
    let from = |address: &str| {
        let caller = Caller {
            address: address.parse().ok(),
            secure: true,
            loopback: false,
            user_agent: String::new(),
            request_id: RequestId::generate(),
        };
        Request::get("/").extension(caller).body(Body::empty()).unwrap()
    };
    let mut asked: Vec<_> = (0..8)
        .map(|n| Box::pin(app.clone().oneshot(from(&format!("2001:db8::{n}")))))
        .collect();
    for one in &mut asked {
        assert!(futures_util::poll!(one).is_pending());
    }
    let refused = app.clone().oneshot(from("2001:db8::99")).await.unwrap();
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    let mut other = Box::pin(app.clone().oneshot(from("2001:db8:1::1")));
    assert!(futures_util::poll!(&mut other).is_pending(), "others wait for a place");
    drop(asked);
    go.add_permits(1);
    assert_eq!(other.await.unwrap().status(), StatusCode::OK);
}

fn known(cx: &OpCx) -> Request<Body> {
    Request::get("/").extension(cx.clone()).body(Body::empty()).unwrap()
}

fn cx(program: &'static str, tenant: TenantId) -> OpCx {
    OpCx::system(program, tenant, Arc::new(SystemClock))
}

#[tokio::test]
async fn one_tenant_leaves_others_their_places_and_waits_for_its_own() {
    // Four places, of which one tenant or actor has two at once and five under way.
    let (app, go) = app_with(Crowd::of_known(4, 2, (5, 5)));
    let (busy, calm) = (TenantId::generate(), TenantId::generate());
    let ask = |program, tenant| Box::pin(app.clone().oneshot(known(&cx(program, tenant))));
    let mut asked: Vec<_> = ["a", "b", "c", "d", "e"].map(|program| ask(program, busy)).into();
    for one in &mut asked {
        assert!(futures_util::poll!(one).is_pending());
    }
    let refused = ask("f", busy).await.unwrap();
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert!(refused.headers().contains_key(header::RETRY_AFTER));
    // The busy one has two places and waits three times; of the other two somebody else gets one at once.
    go.add_permits(1);
    let mut other = ask("a", calm);
    assert!(
        futures_util::poll!(&mut other).is_pending(),
        "the one that goes on stood in line before"
    );
    assert!(futures_util::poll!(&mut asked[0]).is_ready());
    go.add_permits(1);
    assert!(
        futures_util::poll!(&mut asked[2]).is_pending(),
        "has its turn, and stands behind the other"
    );
    let done = [
        futures_util::poll!(&mut asked[1]).is_ready(),
        futures_util::poll!(&mut other).is_ready(),
    ];
    assert_eq!(done, [true, false]);
}

#[tokio::test]
async fn one_actor_has_only_so_much_under_way_in_all_tenants_together() {
    let (app, go) = app_with(Crowd::of_known(8, 2, (3, 8)));
    let ask = |program| Box::pin(app.clone().oneshot(known(&cx(program, TenantId::generate()))));
    let mut asked: Vec<_> = (0..3).map(|_| ask("script")).collect();
    for one in &mut asked {
        assert!(futures_util::poll!(one).is_pending());
    }
    let refused = ask("script").await.unwrap();
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    go.add_permits(3);
    assert!(futures_util::poll!(&mut asked[2]).is_pending(), "two at once");
    assert_eq!(ask("another").await.unwrap().status(), StatusCode::OK);
    drop(asked);
    go.add_permits(1);
    assert_eq!(
        ask("script").await.unwrap().status(),
        StatusCode::OK,
        "nothing of it is left"
    );
}
