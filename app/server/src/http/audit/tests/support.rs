//! The routes with tenants and people of the test's own.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::middleware;
use axum::response::Response;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt;
use jiff::Timestamp;
use mpanel_authz::{Device, OpCx, OpCxParts, Role, TenantKind};
use mpanel_events::{Change, Record, Spine};
use mpanel_http::{Admission, Caller, Gate, Problem, testing};
use mpanel_identity_contract::SignIns;
use mpanel_kernel::clock::ManualClock;
use mpanel_kernel::error::Kind;
use mpanel_kernel::ids::{TenantId, UserId};
use mpanel_pg::Error;
use mpanel_tenancy_contract::Below;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::http::audit::{AuditState, Names, audit_routes};

pub const ADDRESS: &str = "192.0.2.77";

/// A platform with two customers, of which each has a person.
pub struct World {
    pub spine: Spine,
    pub clock: Arc<ManualClock>,
    pub platform: TenantId,
    pub one: TenantId,
    pub two: TenantId,
    /// Whom the gate admits when it is asked again.
    pub known: Arc<Known>,
    /// Whose sign-ins were erased.
    pub blanked: Arc<Blanked>,
    app: Router,
}

/// Everybody is at home in one tenant, and has signed in there.
pub struct Blanked(TenantId, pub Mutex<Vec<UserId>>);

#[async_trait]
impl SignIns for Blanked {
    async fn home(&self, _: UserId) -> Result<Option<TenantId>, Error> {
        Ok(Some(self.0))
    }

    async fn erase(&self, _: &mut Change, person: UserId, home: TenantId) -> Result<u64, mpanel_events::Error> {
        assert_eq!(home, self.0);
        self.1.lock().unwrap().push(person);
        Ok(0)
    }
}

/// A gate that admits one, or nobody.
#[derive(Default)]
pub struct Known(pub Mutex<Option<OpCx>>);

#[async_trait]
impl Gate for Known {
    async fn admit(&self, _admission: Admission<'_>) -> Result<OpCx, Problem> {
        let known = self.0.lock().unwrap().clone();
        known.ok_or_else(|| Problem::new(Kind::Unauthenticated, "test.unknown", "as told"))
    }
}

/// Everybody is called Anna.
struct Everybody;

#[async_trait]
impl Names for Everybody {
    async fn of(&self, people: &[UserId]) -> Result<HashMap<UserId, String>, Error> {
        Ok(people.iter().map(|person| (*person, "Anna".to_owned())).collect())
    }
}

struct Tree(TenantId, Vec<TenantId>);

#[async_trait]
impl Below for Tree {
    async fn open_to(&self, tenant: TenantId) -> Result<Vec<TenantId>, Error> {
        let below = if tenant == self.0 { self.1.clone() } else { Vec::new() };
        Ok([vec![tenant], below].concat())
    }

    async fn is_open_to(&self, tenant: TenantId, one: TenantId) -> Result<bool, Error> {
        Ok(self.open_to(tenant).await?.contains(&one))
    }
}

#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub bytes: Vec<u8>,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_default()
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.bytes.clone()).unwrap()
    }

    /// The values of a field of a list's items.
    pub fn all(&self, field: &str) -> Vec<String> {
        let list = self.json();
        let items = list["items"].as_array().cloned().unwrap_or_default();
        items
            .iter()
            .map(|item| item[field].as_str().unwrap().to_owned())
            .collect()
    }
}

impl World {
    pub async fn new() -> Self {
        let spine = testing::spine(&[mpanel_pg::FOUNDATION, mpanel_events::MIGRATIONS]).await;
        let clock = Arc::new(ManualClock::new(Timestamp::from_second(1_800_000_000).unwrap()));
        let [platform, one, two] = [(); 3].map(|()| TenantId::generate());
        let known = Arc::new(Known::default());
        let blanked = Arc::new(Blanked(one, Mutex::default()));
        let state = AuditState {
            spine: spine.clone(),
            platform,
            below: Arc::new(Tree(platform, vec![one, two])),
            names: Arc::new(Everybody),
            sign_ins: blanked.clone(),
            gate: known.clone(),
        };
        let app = Router::from(audit_routes(Arc::new(state))).layer(middleware::from_fn(
            |request: Request<Body>, next: middleware::Next| next.run(request),
        ));
        Self {
            spine,
            clock,
            platform,
            one,
            two,
            known,
            blanked,
            app,
        }
    }

    /// The person of a tenant, always the same.
    pub fn cx(&self, tenant: TenantId, role: Role) -> OpCx {
        self.cx_from(tenant, role, None)
    }

    /// That person with an owner's rights of the platform, acting for the tenant.
    pub fn cx_above(&self, tenant: TenantId) -> OpCx {
        self.cx_from(tenant, Role::Owner, Some(self.platform))
    }

    fn cx_from(&self, tenant: TenantId, role: Role, assumed_from: Option<TenantId>) -> OpCx {
        let kind = if tenant == self.platform {
            TenantKind::Platform
        } else {
            TenantKind::Customer
        };
        let cx = OpCx::new(OpCxParts {
            assumed_from,
            address: Some(ADDRESS.parse().unwrap()),
            ..testing::person((tenant, kind), role, crate::http::ROLES, self.clock.clone())
        });
        cx.by_device(Device {
            user_agent: "Firefox".to_owned(),
            credential: None,
        })
    }

    pub async fn ask(&self, cx: OpCx, method: Method, path: &str, body: Option<Value>) -> Answer {
        let (parts, body) = self.answer(cx, method, path, body).await.into_parts();
        Answer {
            status: parts.status,
            headers: parts.headers,
            bytes: body.collect().await.unwrap().to_bytes().to_vec(),
        }
    }

    /// The answer, of which nothing is read yet.
    pub async fn answer(&self, cx: OpCx, method: Method, path: &str, body: Option<Value>) -> Response {
        let caller = Caller {
            address: cx.address(),
            secure: true,
            loopback: false,
            user_agent: "Firefox".to_owned(),
            request_id: cx.request_id(),
        };
        let request = Request::builder()
            .method(method)
            .uri(path)
            .extension(cx)
            .extension(caller);
        let request = match body {
            Some(body) => request
                .header("content-type", "application/json")
                .body(Body::from(body.to_string())),
            None => request.body(Body::empty()),
        };
        self.app.clone().oneshot(request.unwrap()).await.unwrap()
    }

    pub async fn get(&self, tenant: TenantId, path: &str) -> Answer {
        self.ask(self.cx(tenant, Role::Owner), Method::GET, path, None).await
    }

    /// Something happens to `subject`.
    pub async fn happens(&self, tenant: TenantId, subject: &str, after: Value) {
        let mut change = self.spine.begin(&self.cx(tenant, Role::Owner)).await.unwrap();
        let record = Record::new("test.thing.created.v1", subject, json!({})).after(after);
        change.record(record).await.unwrap();
        change.commit().await.unwrap();
    }
}
