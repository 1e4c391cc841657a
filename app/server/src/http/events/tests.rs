use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::middleware;
use axum::response::Response;
use axum::response::sse::Event as SseEvent;
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use mpanel_authz::{Actor, OpCx, OpCxParts, Role, TenantKind};
use mpanel_config::Rate;
use mpanel_events::{FeedRow, Tail};
use mpanel_http::{Admission, Caller, Gate, Problem, Standing, testing};
use mpanel_kernel::clock::SystemClock;
use mpanel_kernel::error::Kind;
use mpanel_kernel::ids::{RequestId, TenantId, UserId};
use serde_json::json;
use tokio::sync::{mpsc, watch};
use tower::ServiceExt;

use super::{Stream, StreamLimits};
use crate::http::{ROLES, SpineState, spine_routes};

/// Two streams of one credential, three of one address.
const RATE: Rate = Rate {
    logins_per_minute_address: 1,
    logins_per_minute_account: 1,
    requests_per_second: 1,
    requests_burst: 1,
    changes_per_second: 1,
    costly_per_minute: 1,
    tenant_requests_per_second: 1,
    address_requests_per_second: 1,
    streams_per_credential: 2,
    streams_per_address: 3,
    uploads_per_credential: 1,
};

/// Two credentials: one says that it is the other.
struct Two;

#[async_trait]
impl Gate for Two {
    async fn admit(&self, admission: Admission<'_>) -> Result<OpCx, Problem> {
        let name = if admission.headers.contains_key("other") {
            "two"
        } else {
            "one"
        };
        Ok(OpCx::system(name, TenantId::generate(), Arc::new(SystemClock)))
    }
}

/// What the routes work with behind this gate, and what tells them that the server is to end.
async fn state(gate: Arc<dyn Gate>) -> (SpineState, watch::Sender<bool>) {
    let modules = [
        mpanel_pg::FOUNDATION,
        mpanel_events::MIGRATIONS,
        mpanel_jobs::MIGRATIONS,
    ];
    let (end, stopping) = watch::channel(false);
    let state = SpineState {
        spine: testing::spine(&modules).await,
        tail: Tail::default(),
        gate,
        streams: StreamLimits::new(&RATE),
        stopping,
    };
    (state, end)
}

/// The routes, and what tells them that the server is to end.
async fn app_and_end() -> (Router, watch::Sender<bool>) {
    let gate: Arc<dyn Gate> = Arc::new(Two);
    let (state, end) = state(gate.clone()).await;
    let (router, _) = spine_routes(Arc::new(state)).split_for_parts();
    let router = router.layer(middleware::from_fn_with_state(gate, mpanel_http::admit));
    (router, end)
}

async fn stream(app: &Router, fields: &[&str], address: Option<&str>) -> Response {
    let mut request = Request::get("/events");
    for name in fields {
        request = request.header(*name, "1");
    }
    let mut request = request.body(Body::empty()).unwrap();
    request.extensions_mut().insert(Caller {
        address: address.map(|address| address.parse::<IpAddr>().unwrap()),
        secure: true,
        loopback: false,
        user_agent: String::new(),
        request_id: RequestId::generate(),
    });
    app.clone().oneshot(request).await.unwrap()
}

/// A place is free a moment after its stream was closed.
async fn opens_soon(app: &Router, fields: &[&str], address: Option<&str>) -> Response {
    let opening = async {
        loop {
            let answer = stream(app, fields, address).await;
            if answer.status() == StatusCode::OK {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), opening).await.unwrap()
}

#[tokio::test]
async fn streams_of_one_credential_are_bounded_until_one_is_closed() {
    let (app, _end) = app_and_end().await;
    let first = stream(&app, &[], None).await;
    let second = stream(&app, &[], None).await;
    assert_eq!((first.status(), second.status()), (StatusCode::OK, StatusCode::OK));
    let third = stream(&app, &[], None).await;
    assert_eq!(third.status(), StatusCode::TOO_MANY_REQUESTS);
    assert!(third.headers().contains_key("retry-after"));
    assert_eq!(third.headers()["content-type"], "application/problem+json");
    assert_eq!(stream(&app, &["other"], None).await.status(), StatusCode::OK);
    drop(first);
    opens_soon(&app, &[], None).await;
}

#[tokio::test]
async fn streams_from_one_network_are_bounded_whoever_opens_them() {
    let (app, _end) = app_and_end().await;
    let address = |last: u32| format!("2001:db8::{last}");
    let mut open = Vec::new();
    for (n, fields) in [&[][..], &[], &["other"]].into_iter().enumerate() {
        let answer = stream(&app, fields, Some(&address(n as u32))).await;
        assert_eq!(answer.status(), StatusCode::OK);
        open.push(answer);
    }
    let more = stream(&app, &["other"], Some(&address(9))).await;
    assert_eq!(more.status(), StatusCode::TOO_MANY_REQUESTS);
    // What was refused holds nothing.
    let elsewhere = stream(&app, &["other"], Some("192.0.2.1")).await;
    assert_eq!(elsewhere.status(), StatusCode::OK);
    open.pop();
    drop(elsewhere);
    opens_soon(&app, &["other"], Some(&address(9))).await;
}

#[tokio::test]
async fn a_stream_ends_with_the_server() {
    let (app, end) = app_and_end().await;
    let open = stream(&app, &[], None).await;
    assert_eq!(open.status(), StatusCode::OK);
    end.send_replace(true);
    let body = tokio::time::timeout(Duration::from_secs(30), open.into_body().collect()).await;
    assert!(body.unwrap().unwrap().to_bytes().is_empty());
}

/// Refuses as it is told, one after another; `None` admits.
struct Scripted(TenantId, Mutex<VecDeque<Option<Kind>>>);

#[async_trait]
impl Gate for Scripted {
    async fn admit(&self, _admission: Admission<'_>) -> Result<OpCx, Problem> {
        match self.1.lock().unwrap().pop_front().unwrap() {
            Some(kind) => Err(Problem::new(kind, "test.refused", "as told")),
            None => Ok(OpCx::system("one", self.0, Arc::new(SystemClock))),
        }
    }
}

/// A stream of somebody, before it runs.
fn open(state: SpineState, cx: OpCx, sender: mpsc::Sender<Result<SseEvent, Infallible>>) -> Stream {
    let caller = Caller {
        address: None,
        secure: false,
        loopback: true,
        user_agent: String::new(),
        request_id: RequestId::generate(),
    };
    Stream {
        _places: state.streams.take(&cx, None).unwrap(),
        standing: Standing::of(
            &state.gate,
            caller,
            &Request::get("/events").body(Body::empty()).unwrap(),
        ),
        state: Arc::new(state),
        cx,
        sender,
    }
}

/// Its holder makes so many requests that no look at a revoked credential gets through.
#[tokio::test]
async fn too_many_requests_keep_no_stream_open_and_an_absent_database_closes_none() {
    let (limited, away, revoked) = (
        Some(Kind::RateLimited),
        Some(Kind::Unavailable),
        Some(Kind::Unauthenticated),
    );
    let script = [
        (limited, true),
        (None, true),
        (limited, true),
        (limited, false),
        (away, true),
        (away, true),
        (revoked, false),
    ];
    let tenant = TenantId::generate();
    let answers = script.iter().map(|(answer, _)| *answer).collect();
    let (state, _end) = state(Arc::new(Scripted(tenant, Mutex::new(answers)))).await;
    let mut stream = open(
        state,
        OpCx::system("one", tenant, Arc::new(SystemClock)),
        mpsc::channel(1).0,
    );
    for (step, (_, stays)) in script.iter().enumerate() {
        assert_eq!(stream.still_admitted().await, *stays, "step {step}");
    }
}

#[tokio::test]
async fn how_an_account_is_guarded_is_told_to_its_person_and_to_readers_of_the_log() {
    let [person, other] = [(); 2].map(|()| UserId::generate());
    let tenant = TenantId::generate();
    let seen = async |by: UserId, role: Role, topic: &str| {
        let (state, _end) = state(Arc::new(Two)).await;
        let cx = OpCx::new(OpCxParts {
            actor: Actor::User(by),
            ..testing::person((tenant, TenantKind::Customer), role, ROLES, Arc::new(SystemClock))
        });
        let (sender, mut sent) = mpsc::channel(1);
        let row = FeedRow {
            seq: 1,
            tenant: Some(tenant),
            is_state: false,
            topic: topic.to_owned(),
            key: match topic.starts_with("identity.session.") {
                true => "ses_of_hers".to_owned(),
                false => person.to_string(),
            },
            generation: 0,
            value: Some(json!({"data": {"user": person}})),
        };
        assert!(open(state, cx, sender).send(&row, "e").await);
        sent.try_recv().is_ok()
    };
    for topic in [
        "identity.totp.disabled.v1",
        "identity.password.reset_requested.v1",
        "identity.email.changed.v1",
        "identity.session.started.v1",
        "identity.api_token.created.v1",
    ] {
        assert!(!seen(other, Role::Viewer, topic).await, "{topic}");
        assert!(!seen(other, Role::Developer, topic).await, "{topic}");
        assert!(seen(person, Role::Viewer, topic).await, "{topic}");
        assert!(seen(other, Role::Admin, topic).await, "{topic}");
    }
    assert!(seen(other, Role::Viewer, "identity.user.activated.v1").await);
}
