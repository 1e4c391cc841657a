//! For tests of contexts: a database below them, somebody who acts, and one request to their routes with no server around.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use axum::body::{Body, to_bytes};
use axum::response::Response;
use axum::{Extension, Router, middleware};
use http::{Request, StatusCode, header};
use mpanel_authz::{Actor, OpCx, OpCxParts, Permissions, Role, RoleRow, TenantKind};
use mpanel_crypto::MasterKey;
use mpanel_events::{Spine, Vault};
use mpanel_kernel::clock::SharedClock;
use mpanel_kernel::error::Kind;
use mpanel_kernel::ids::{RequestId, TenantId, UserId};
use mpanel_pg::{Db, Migrations};
use serde_json::Value;
use tower::ServiceExt as _;

use crate::{Admission, Caller, Gate, Problem, Routes};

/// The most bytes of an answer.
const MOST: usize = 1 << 20;
/// As many at once as a test needs that lets writers meet.
const CONNECTIONS: u32 = 12;

/// A database of the test's own after these migrations, and a master key that nobody keeps.
///
/// # Panics
/// When there is no PostgreSQL to test with.
pub async fn spine(migrations: &[Migrations]) -> Spine {
    let database = mpanel_testkit::database::migrated(migrations).await;
    let db = Db::connect(database.panel, CONNECTIONS).await;
    let folder = tempfile::tempdir().expect("a folder for the key");
    let key = MasterKey::load_or_create(&folder.path().join("master.key"));
    let (master, _) = key.expect("a key is made in an empty folder");
    Spine::new(
        db.expect("a fresh database can be connected to"),
        Arc::new(Vault::new(master)),
    )
}

/// A person with a role in a tenant, for [`OpCx::new`]; what a test needs otherwise it sets itself.
///
/// # Panics
/// When a row of `roles` stands there twice.
#[must_use]
pub fn person(
    (tenant, tenant_kind): (TenantId, TenantKind),
    role: Role,
    roles: &[RoleRow],
    clock: SharedClock,
) -> OpCxParts {
    let permissions = Permissions::new(roles.iter().copied()).expect("a context's roles are consistent");
    OpCxParts {
        actor: Actor::User(UserId::from_uuid(tenant.uuid())),
        tenant,
        tenant_kind,
        role: role.into(),
        scopes: None,
        assumed_from: None,
        assumption: None,
        request_id: RequestId::generate(),
        address: None,
        idempotency: None,
        clock,
        permissions: Arc::new(permissions),
    }
}

/// What was answered.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub etag: Option<String>,
    /// `null` when it was no JSON.
    pub body: Value,
}

/// Admits whoever it was told of, for as long as that is in it.
pub struct Doorman(pub Mutex<Option<OpCx>>);

impl Doorman {
    #[must_use]
    pub fn of(cx: &OpCx) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Some(cx.clone()))))
    }

    /// From now on this one is admitted.
    ///
    /// # Panics
    /// When a test that held it has failed.
    pub fn open(&self, cx: &OpCx) {
        *self.0.lock().expect("no test fails while it holds it") = Some(cx.clone());
    }

    /// From now on nobody is admitted.
    ///
    /// # Panics
    /// When a test that held it has failed.
    pub fn close(&self) {
        self.0.lock().expect("no test fails while it holds it").take();
    }
}

#[async_trait]
impl Gate for Doorman {
    async fn admit(&self, _admission: Admission<'_>) -> Result<OpCx, Problem> {
        let admitted = self.0.lock().expect("no test fails while it holds it").clone();
        admitted.ok_or_else(|| Problem::new(Kind::Unauthenticated, "auth.required", "nobody is admitted"))
    }
}

/// A context's routes behind a gate, with a caller on this machine.
pub fn behind(routes: Routes, gate: Arc<dyn Gate>) -> Router {
    let caller = Caller {
        address: None,
        secure: false,
        loopback: true,
        user_agent: String::new(),
        request_id: RequestId::generate(),
    };
    let admit = middleware::from_fn_with_state(gate, crate::admit);
    routes.split_for_parts().0.layer(admit).layer(Extension(caller))
}

/// Asks for something, and leaves the body to be read.
///
/// # Panics
/// When `path` is none.
pub async fn get(app: Router, path: &str) -> Response {
    let request = Request::get(path).body(Body::empty());
    let Ok(response) = app.oneshot(request.expect("the test writes a path")).await;
    response
}

/// Sends a request.
///
/// # Panics
/// When `method` or `path` is none.
pub async fn call(
    routes: Routes,
    cx: &OpCx,
    (method, path): (&str, &str),
    if_match: Option<&str>,
    body: Option<Value>,
) -> Answer {
    let mut request = Request::builder().method(method).uri(path);
    if let Some(tag) = if_match {
        request = request.header(header::IF_MATCH, tag);
    }
    let request = match body {
        Some(body) => request
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(body.to_string())),
        None => request.body(Body::empty()),
    };
    let app = behind(routes, Doorman::of(cx));
    let Ok(response) = app.oneshot(request.expect("the test writes a method and a path")).await;
    let status = response.status();
    let etag = response.headers().get(header::ETAG);
    let etag = etag.and_then(|tag| tag.to_str().ok()).map(str::to_owned);
    let bytes = to_bytes(response.into_body(), MOST).await.unwrap_or_default();
    Answer {
        status,
        etag,
        body: serde_json::from_slice(&bytes).unwrap_or_default(),
    }
}
