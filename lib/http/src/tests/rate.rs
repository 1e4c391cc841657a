use std::sync::Arc;

use axum::body::Body;
use axum::routing::get;
use axum::{Extension, Router, middleware};
use http::{Method, Request, Response, StatusCode};
use jiff::{SignedDuration, Timestamp};
use mpanel_authz::OpCx;
use mpanel_kernel::clock::{ManualClock, SharedClock};
use mpanel_kernel::ids::{RequestId, TenantId};
use serde_json::json;
use tower::ServiceExt;
use utoipa::openapi::extensions::ExtensionsBuilder;
use utoipa::openapi::path::{HttpMethod, OperationBuilder};
use utoipa::openapi::{OpenApi, PathItem};

use crate::{COSTLY_WITH, Caller, Policy, Quota, RATE_CLASS, Rates, limit_addresses, limit_requests};

struct World {
    app: Router,
    clock: Arc<ManualClock>,
}

impl World {
    /// Nine requests from an address, six for a tenant, three changes and two of what costs much; all again after 60 seconds.
    fn new() -> Self {
        let clock = Arc::new(ManualClock::new(Timestamp::from_second(1_800_000_000).unwrap()));
        let shared: SharedClock = clock.clone();
        let dear =
            OperationBuilder::new().extensions(Some(ExtensionsBuilder::new().add(RATE_CLASS, json!("costly")).build()));
        let mut document = OpenApi::default();
        let item = PathItem::new(HttpMethod::Get, dear.build());
        document.paths.paths.insert("/export".into(), item);
        let below = OperationBuilder::new().extensions(Some(
            ExtensionsBuilder::new()
                .add(COSTLY_WITH, json!(["scope", "filter[text]"]))
                .build(),
        ));
        let item = PathItem::new(HttpMethod::Get, below.build());
        document.paths.paths.insert("/list".into(), item);
        let quota = |burst| Quota {
            burst,
            refill: std::time::Duration::from_secs(60),
        };
        let rates = Rates::new(&document, quota(6), quota(3), quota(2), &shared);
        let addresses = Policy::new("address", "from your address", quota(9), shared.clone());
        let app = Router::new()
            .route("/", get(async || "read").post(async || "changed"))
            .route("/export", get(async || "everything"))
            .route("/list", get(async || "a page"))
            .layer(middleware::from_fn_with_state(Arc::new(rates), limit_requests))
            .layer(middleware::from_fn_with_state(Arc::new(addresses), limit_addresses));
        Self { app, clock }
    }

    async fn ask(&self, cx: &OpCx, address: Option<&str>, method: Method, path: &str) -> Response<Body> {
        let caller = Caller {
            address: address.map(|address| address.parse().unwrap()),
            secure: true,
            loopback: false,
            user_agent: String::new(),
            request_id: RequestId::generate(),
        };
        let request = Request::builder().method(method).uri(path).extension(caller);
        let app = self.app.clone().layer(Extension(cx.clone()));
        app.oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
    }

    fn cx(&self) -> OpCx {
        OpCx::system("test", TenantId::generate(), self.clock.clone())
    }
}

fn field<'a>(response: &'a Response<Body>, name: &str) -> &'a str {
    response.headers()[name].to_str().unwrap()
}

#[tokio::test]
async fn every_answer_says_what_is_left_and_a_refusal_when_to_come_back() {
    let world = World::new();
    let cx = world.cx();
    let answer = world.ask(&cx, Some("192.0.2.1"), Method::POST, "/").await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(
        field(&answer, "ratelimit-policy"),
        r#""address";q=9;w=60, "tenant";q=6;w=60, "changes";q=3;w=60"#
    );
    assert_eq!(
        field(&answer, "ratelimit"),
        r#""address";r=8;t=7, "tenant";r=5;t=10, "changes";r=2;t=20"#
    );
    for _ in 0..2 {
        world.ask(&cx, Some("192.0.2.1"), Method::POST, "/").await;
    }
    let refused = world.ask(&cx, Some("192.0.2.1"), Method::POST, "/").await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(field(&refused, "retry-after"), "20");
    assert!(field(&refused, "ratelimit").ends_with(r#""changes";r=0;t=60"#));
    // What changes nothing still passes, and after a while all does.
    let read = world.ask(&cx, Some("192.0.2.1"), Method::GET, "/").await;
    assert_eq!(read.status(), StatusCode::OK);
    world.clock.advance(SignedDuration::from_secs(20));
    let again = world.ask(&cx, Some("192.0.2.1"), Method::POST, "/").await;
    assert_eq!(again.status(), StatusCode::OK);
}

#[tokio::test]
async fn one_tenant_leaves_the_others_their_share() {
    let world = World::new();
    let (busy, calm) = (world.cx(), world.cx());
    for n in 0..8_u8 {
        // From everywhere.
        let answer = world.ask(&busy, Some(&format!("192.0.2.{n}")), Method::GET, "/").await;
        assert_eq!(answer.status() == StatusCode::OK, n < 6, "{n}");
    }
    let answer = world.ask(&calm, Some("192.0.2.1"), Method::GET, "/").await;
    assert_eq!(answer.status(), StatusCode::OK);
}

#[tokio::test]
async fn an_address_is_bounded_whoever_it_says_to_be_and_this_machine_is_not() {
    let world = World::new();
    for n in 0..12 {
        // One of a network that somebody has for themselves.
        let address = format!("2001:db8::{n}");
        let answer = world.ask(&world.cx(), Some(&address), Method::GET, "/").await;
        assert_eq!(answer.status() == StatusCode::OK, n < 9, "{n}");
        let answer = world.ask(&world.cx(), None, Method::GET, "/").await;
        assert_eq!(answer.status(), StatusCode::OK, "{n}");
    }
}

#[tokio::test]
async fn what_costs_much_is_counted_by_itself() {
    let world = World::new();
    let cx = world.cx();
    for n in 0..3 {
        let answer = world.ask(&cx, None, Method::GET, "/export").await;
        assert_eq!(answer.status() == StatusCode::OK, n < 2, "{n}");
    }
    assert_eq!(world.ask(&cx, None, Method::GET, "/").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn what_costs_much_with_a_parameter_is_counted_with_it_alone() {
    let world = World::new();
    let cx = world.cx();
    let status = async |path| world.ask(&cx, None, Method::GET, path).await.status();
    assert_eq!(status("/list?scope=subtree").await, StatusCode::OK);
    assert_eq!(status("/list?limit=1").await, StatusCode::OK);
    assert_eq!(status("/list?limit=1&sc%6Fpe=subtree").await, StatusCode::OK);
    assert_eq!(status("/list?scope=subtree").await, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(status("/list?limit=1").await, StatusCode::OK);
}
