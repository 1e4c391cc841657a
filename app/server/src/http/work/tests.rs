//! Whose dead jobs and stuck objects one sees, and what one may do about them.

mod dead_events;
mod operations;
mod parts;

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use http::{Method, Request, StatusCode};
use http_body_util::BodyExt;
use jiff::Timestamp;
use mpanel_authz::{OpCx, Role, TenantKind};
use mpanel_events::{AuditFilter, Spine, Tail, list_audit};
use mpanel_http::testing;
use mpanel_jobs::{BoxError, DeadFilter, Job, JobCx, JobError, PassReport, Reach, Reconciler, Runtime, Stuck, Tuning};
use mpanel_kernel::clock::{SharedClock, SystemClock};
use mpanel_kernel::ids::TenantId;
use mpanel_kernel::paging::PageRequest;
use mpanel_pg::Reason;
use mpanel_telemetry::spawn_named;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::{Parts, ROLES, Work, routes};

const KIND: &str = "test.letter";
const CONSUMER: &str = "test.follower";

/// Never works.
struct Hopeless;

#[async_trait]
impl Job for Hopeless {
    fn kind(&self) -> &'static str {
        KIND
    }

    async fn run(&self, _payload: &Value, _cx: &JobCx) -> Result<(), JobError> {
        Err(JobError::Dead("nobody lives there".into()))
    }
}

/// Fails with what is listed until it is tried.
#[derive(Default)]
struct Failing {
    stuck: Mutex<Vec<Stuck>>,
    tried: AtomicU32,
    away: AtomicBool,
}

#[async_trait]
impl Reconciler for Failing {
    fn name(&self) -> &'static str {
        "test.failing"
    }

    fn wakes_on(&self, _event: &str) -> bool {
        false
    }

    fn every(&self) -> Duration {
        Duration::from_secs(3600)
    }

    async fn pass(&self) -> Result<PassReport, BoxError> {
        Ok(PassReport::default())
    }

    async fn stuck(&self, of: Option<TenantId>, _most: u32) -> Result<Vec<Stuck>, BoxError> {
        let all = self.stuck.lock().unwrap().clone();
        Ok(all
            .into_iter()
            .filter(|stuck| of.is_none_or(|of| of == stuck.tenant))
            .collect())
    }

    async fn try_now(&self, tenant: TenantId, subject: &str) -> Result<bool, BoxError> {
        self.tried.fetch_add(1, Ordering::SeqCst);
        if self.away.load(Ordering::SeqCst) {
            return Err("the database went away".into());
        }
        let mut all = self.stuck.lock().unwrap();
        let before = all.len();
        all.retain(|stuck| (stuck.tenant, stuck.subject.as_str()) != (tenant, subject));
        Ok(all.len() < before)
    }
}

struct World {
    spine: Spine,
    clock: SharedClock,
    platform: TenantId,
    one: TenantId,
    two: TenantId,
    failing: Arc<Failing>,
    app: Router,
}

impl World {
    /// With a dead job of each tenant and one of the platform's own.
    async fn new() -> Self {
        let modules = [
            mpanel_pg::FOUNDATION,
            mpanel_events::MIGRATIONS,
            mpanel_jobs::MIGRATIONS,
        ];
        let spine = testing::spine(&modules).await;
        let [platform, one, two] = [(); 3].map(|()| TenantId::generate());
        let failing = Arc::new(Failing::default());
        let work = Work {
            spine: spine.clone(),
            reconcilers: vec![failing.clone()],
            consumers: vec![CONSUMER],
            parts: Parts { size: 2, owners: 3 },
        };
        let world = Self {
            app: Router::from(routes(work)),
            spine,
            clock: Arc::new(SystemClock),
            platform,
            one,
            two,
            failing,
        };
        world.jobs_die(&[None, Some(one), Some(two)], 3).await;
        world
    }

    /// Adds jobs, and returns when so many are dead.
    async fn jobs_die(&self, owners: &[Option<TenantId>], dead: u32) {
        let mut tx = self.spine.db().platform(Reason::Lifecycle("test")).await.unwrap();
        for owner in owners {
            let payload = json!({"to": "ada@example.com"});
            mpanel_jobs::enqueue(&mut tx, *owner, KIND, &payload, Duration::ZERO, &self.clock)
                .await
                .unwrap();
        }
        tx.commit().await.unwrap();
        let runtime = Runtime {
            spine: self.spine.clone(),
            tail: Tail::default(),
            clock: self.clock.clone(),
            operations: Vec::new(),
            reconcilers: Vec::new(),
            jobs: vec![Arc::new(Hopeless)],
            tuning: Tuning::default(),
        };
        let server = spawn_named("runtime", runtime.run());
        let died = async {
            loop {
                let mut tx = self.spine.db().platform(Reason::Lifecycle("test")).await.unwrap();
                let now = mpanel_jobs::count_dead(&mut tx, Reach::Everyone, &DeadFilter::default(), 100).await;
                if now.unwrap() == dead {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), died)
            .await
            .expect("they die");
        server.abort();
    }

    fn cx(&self, tenant: TenantId, role: Role) -> OpCx {
        let kind = if tenant == self.platform {
            TenantKind::Platform
        } else {
            TenantKind::Customer
        };
        OpCx::new(testing::person((tenant, kind), role, ROLES, self.clock.clone()))
    }

    async fn ask(
        &self,
        (tenant, role): (TenantId, Role),
        method: Method,
        path: &str,
        body: Value,
    ) -> (StatusCode, Value) {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .extension(self.cx(tenant, role))
            .header("content-type", "application/json")
            .body(Body::from(body.to_string()));
        let answer = self.app.clone().oneshot(request.unwrap()).await.unwrap();
        let status = answer.status();
        let bytes = answer.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&bytes).unwrap_or_default())
    }

    /// The subjects of a tenant's log with this action, and from where they were done.
    async fn logged(&self, tenant: TenantId, action: &str) -> Vec<(String, Option<TenantId>)> {
        let filter = AuditFilter {
            action: Some(action.to_owned()),
            ..AuditFilter::default()
        };
        let mut tx = self.spine.db().tenant(tenant).await.unwrap();
        let page = list_audit(&mut tx, &filter, PageRequest::default()).await.unwrap();
        page.items
            .into_iter()
            .map(|entry| (entry.subject, entry.assumed_from))
            .collect()
    }

    async fn listed(&self, tenant: TenantId, role: Role, path: &str) -> Vec<Value> {
        let (status, list) = self.ask((tenant, role), Method::GET, path, json!({})).await;
        assert_eq!(status, StatusCode::OK, "{list}");
        list["items"].as_array().unwrap().clone()
    }
}

#[tokio::test]
async fn a_tenant_sees_its_dead_jobs_and_the_platform_everybodys() {
    let world = World::new().await;
    let own = world.listed(world.one, Role::Viewer, "/dead-jobs").await;
    assert_eq!(own.len(), 1);
    assert_eq!(own[0]["tenant_id"], world.one.to_string());
    assert_eq!(
        (&own[0]["error"], &own[0]["payload"]),
        (&json!("nobody lives there"), &json!({"to": "…"}))
    );
    let all = world.listed(world.platform, Role::Admin, "/dead-jobs").await;
    assert_eq!(all.len(), 3);
    assert!(all.iter().any(|job| job["tenant_id"].is_null()), "{all:?}");
    // Who may not act for those below sees nothing of theirs.
    assert!(
        world
            .listed(world.platform, Role::Developer, "/dead-jobs")
            .await
            .is_empty()
    );
    assert!(
        world
            .listed(world.one, Role::Owner, "/dead-jobs?filter[kind]=other")
            .await
            .is_empty()
    );

    let foreign = all
        .iter()
        .find(|job| job["tenant_id"] == world.two.to_string())
        .unwrap();
    let path = format!("/dead-jobs/{}", foreign["id"].as_str().unwrap());
    for (method, path) in [
        (Method::GET, path.clone()),
        (Method::POST, format!("{path}/retry")),
        (Method::DELETE, path.clone()),
    ] {
        let (status, _) = world.ask((world.one, Role::Owner), method, &path, json!({})).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn dead_jobs_are_retried_and_discarded_by_their_tenant_and_by_the_platform() {
    let world = World::new().await;
    let id = |job: &Value| job["id"].as_str().unwrap().to_owned();
    let own = id(&world.listed(world.one, Role::Owner, "/dead-jobs").await[0]);
    let (status, _) = world
        .ask(
            (world.one, Role::Viewer),
            Method::DELETE,
            &format!("/dead-jobs/{own}"),
            json!({}),
        )
        .await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    let (status, _) = world
        .ask(
            (world.one, Role::Owner),
            Method::DELETE,
            &format!("/dead-jobs/{own}"),
            json!({}),
        )
        .await;
    assert_eq!(status, StatusCode::NO_CONTENT);

    // The platform's own, and another's.
    let owner = (world.platform, Role::Owner);
    for job in world.listed(world.platform, Role::Owner, "/dead-jobs").await {
        let path = format!("/dead-jobs/{}/retry", id(&job));
        let (status, answer) = world.ask(owner, Method::POST, &path, json!({})).await;
        assert_eq!(status, StatusCode::NO_CONTENT, "{answer}");
        let (again, _) = world.ask(owner, Method::POST, &path, json!({})).await;
        assert_eq!(again, StatusCode::NOT_FOUND, "it is no longer dead");
    }
    world.jobs_die(&[Some(world.one)], 3).await;
    let all = json!({"kind": KIND});
    let (status, answer) = world
        .ask((world.one, Role::Owner), Method::POST, "/dead-jobs/retry", all.clone())
        .await;
    assert_eq!((status, &answer["retried"]), (StatusCode::OK, &json!(1)));
    let (_, answer) = world.ask(owner, Method::POST, "/dead-jobs/retry", all).await;
    assert_eq!(answer["retried"], 2, "of the platform itself and of the other tenant");
    assert_eq!(
        world.logged(world.two, "jobs.job.all_retried").await,
        [(KIND.to_owned(), Some(world.platform))]
    );
    assert_eq!(
        world.logged(world.one, "jobs.job.all_retried").await,
        [(KIND.to_owned(), None)]
    );
    let bad = json!({"kind": "DROP TABLE"});
    let (status, _) = world.ask(owner, Method::POST, "/dead-jobs/retry", bad).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn what_is_stuck_is_listed_and_tried_now_by_whoever_may() {
    let world = World::new().await;
    let stuck = |tenant, subject: &str, since| Stuck {
        tenant,
        subject: subject.to_owned(),
        name: subject.to_owned(),
        problem: "the agent is away".to_owned(),
        failures: 3,
        since: Timestamp::from_second(since).unwrap(),
        next_at: Timestamp::MAX,
    };
    *world.failing.stuck.lock().unwrap() = vec![
        stuck(world.one, "b", 2),
        stuck(world.two, "c", 3),
        stuck(world.one, "a", 1),
    ];
    let subjects = |list: Vec<Value>| -> Vec<String> {
        list.iter()
            .map(|object| object["subject"].as_str().unwrap().to_owned())
            .collect()
    };
    let list = async |tenant| subjects(world.listed(tenant, Role::Owner, "/stuck-objects").await);
    assert_eq!(list(world.one).await, ["a", "b"], "the longest first");
    assert_eq!(list(world.platform).await, ["a", "b", "c"]);

    let retry = async |who, body| world.ask(who, Method::POST, "/stuck-objects/retry", body).await;
    let (status, _) = retry((world.one, Role::Viewer), json!({})).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    let (status, _) = retry((world.one, Role::Owner), json!({"subject": "c"})).await;
    assert_eq!(
        (status, world.failing.tried.load(Ordering::SeqCst)),
        (StatusCode::UNPROCESSABLE_ENTITY, 0)
    );
    let (status, answer) = retry((world.one, Role::Developer), json!({"subject": "a"})).await;
    assert_eq!((status, &answer["retried"]), (StatusCode::OK, &json!(1)));
    let (_, answer) = retry((world.platform, Role::Owner), json!({})).await;
    assert_eq!(answer["retried"], 2);
    assert!(list(world.platform).await.is_empty());
}

#[tokio::test]
async fn reconcilers_are_the_platforms_and_can_be_run_at_once() {
    let world = World::new().await;
    let get = async |who| world.ask(who, Method::GET, "/reconcilers", json!({})).await.0;
    assert_eq!(get((world.platform, Role::Viewer)).await, StatusCode::OK);
    assert_eq!(get((world.one, Role::Owner)).await, StatusCode::FORBIDDEN);
    let run = async |who, name: &str| {
        let path = format!("/reconcilers/{name}/run");
        world.ask(who, Method::POST, &path, json!({})).await.0
    };
    assert_eq!(
        run((world.platform, Role::Admin), "test.failing").await,
        StatusCode::NO_CONTENT
    );
    assert_eq!(
        run((world.platform, Role::Admin), "test.other").await,
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        run((world.platform, Role::Viewer), "test.failing").await,
        StatusCode::FORBIDDEN
    );
}

/// A server that dies over it, or a database that goes away, leaves nothing that was tried in silence.
#[tokio::test]
async fn what_is_tried_now_is_in_its_owners_log_before() {
    let world = World::new().await;
    *world.failing.stuck.lock().unwrap() = vec![Stuck {
        tenant: world.one,
        subject: "a".to_owned(),
        name: "a".to_owned(),
        problem: "the agent is away".to_owned(),
        failures: 3,
        since: Timestamp::UNIX_EPOCH,
        next_at: Timestamp::MAX,
    }];
    world.failing.away.store(true, Ordering::SeqCst);
    let owner = (world.platform, Role::Owner);
    let (status, _) = world
        .ask(owner, Method::POST, "/stuck-objects/retry", json!({"subject": "a"}))
        .await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    let said = world.logged(world.one, "spine.stuck_object.retried").await;
    assert_eq!(said, [("a".to_owned(), Some(world.platform))]);
}
