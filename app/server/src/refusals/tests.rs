use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::middleware;
use axum::response::IntoResponse;
use axum::routing::any;
use http::{Method, Request};
use jiff::{SignedDuration, Timestamp};
use mpanel_authz::OpCx;
use mpanel_events::{AuditEntry, AuditFilter, Outcome, Spine, list_audit};
use mpanel_http::{Problem, testing};
use mpanel_kernel::clock::{ManualClock, SharedClock};
use mpanel_kernel::error::Kind;
use mpanel_kernel::ids::{SiteId, TenantId};
use mpanel_kernel::paging::PageRequest;
use tower::ServiceExt;

use super::{Refusals, watch};

struct World {
    spine: Spine,
    clock: Arc<ManualClock>,
    tenant: TenantId,
    app: Router,
}

async fn answer(kind: Kind) -> axum::response::Response {
    Problem::new(kind, "test.refused", "no").into_response()
}

impl World {
    async fn new() -> Self {
        let spine = testing::spine(&[mpanel_pg::FOUNDATION, mpanel_events::MIGRATIONS]).await;
        let clock = Arc::new(ManualClock::new(Timestamp::from_second(1_800_000_000).unwrap()));
        let shared: SharedClock = clock.clone();
        let tenant = TenantId::generate();
        let refusals = Arc::new(Refusals::new(spine.clone(), &shared));
        let app = Router::new()
            .route("/api/v1/forbidden/{id}", any(|| answer(Kind::Forbidden)))
            .route("/api/v1/unproven/{id}", any(|| answer(Kind::Unauthenticated)))
            .route("/api/v1/missing/{id}", any(|| answer(Kind::NotFound)))
            .route("/api/v1/fine/{id}", any(|| async { "done" }))
            .layer(middleware::from_fn_with_state(refusals, watch))
            .layer(middleware::from_fn(
                move |mut request: Request<Body>, next: middleware::Next| {
                    let actor = match request.headers().contains_key("other") {
                        true => "other",
                        false => "test",
                    };
                    request
                        .extensions_mut()
                        .insert(OpCx::system(actor, tenant, shared.clone()));
                    next.run(request)
                },
            ));
        Self {
            spine,
            clock,
            tenant,
            app,
        }
    }

    async fn ask(&self, method: Method, path: &str) {
        self.ask_as(method, path, false).await;
    }

    async fn ask_as(&self, method: Method, path: &str, other: bool) {
        let mut request = Request::builder().method(method).uri(format!("/api/v1{path}"));
        if other {
            request = request.header("other", "1");
        }
        let request = request.body(Body::empty()).unwrap();
        self.app.clone().oneshot(request).await.unwrap();
    }

    async fn log(&self) -> Vec<AuditEntry> {
        let mut tx = self.spine.db().tenant(self.tenant).await.unwrap();
        let page = PageRequest {
            limit: 200,
            after: None,
        };
        list_audit(&mut tx, &AuditFilter::default(), page).await.unwrap().items
    }
}

#[tokio::test]
async fn v16_3_2_changes_that_are_refused_are_written_down() {
    let world = World::new().await;
    let site = SiteId::generate();
    for path in ["/forbidden", "/unproven", "/missing", "/fine"] {
        for method in [Method::GET, Method::HEAD, Method::DELETE] {
            world.ask(method, &format!("{path}/{site}")).await;
        }
    }
    let log = world.log().await;
    let written: Vec<_> = log.iter().map(|entry| entry.after.clone().unwrap()).collect();
    let expected = ["/unproven", "/forbidden"]
        .map(|path| serde_json::json!({"method": "DELETE", "path": format!("{path}/{site}"), "code": "test.refused"}));
    assert_eq!(written, expected);
    for entry in &log {
        assert_eq!(
            (entry.action.as_str(), entry.outcome, entry.actor.as_str()),
            ("spine.request.refused", Outcome::Refused, "system:test")
        );
        assert_eq!(entry.subject, site.to_string(), "the history of the object shows it");
    }
}

#[tokio::test]
async fn a_flood_of_refusals_does_not_fill_the_log_and_keeps_nobody_else_out_of_it() {
    let world = World::new().await;
    for n in 0..60 {
        world.ask(Method::POST, &format!("/forbidden/{n}")).await;
    }
    assert_eq!(world.log().await.len(), 20);
    world.ask_as(Method::POST, "/forbidden/1", true).await;
    assert_eq!(world.log().await.len(), 21);
    world.clock.advance(SignedDuration::from_hours(1));
    world.ask(Method::POST, "/forbidden/1").await;
    assert_eq!(world.log().await.len(), 22);
}

#[tokio::test]
async fn v16_4_1_a_path_is_one_line_and_not_long() {
    let world = World::new().await;
    world
        .ask(Method::POST, &format!("/forbidden/{}%0A%1B[2K", "x".repeat(4000)))
        .await;
    let log = world.log().await;
    let path = log[0].after.as_ref().unwrap()["path"].as_str().unwrap().to_owned();
    assert_eq!(path.len(), 200);
    assert!(!path.chars().any(char::is_control));
    assert_eq!(log[0].subject, world.tenant.to_string(), "it names no object");
}
