//! Routes that belong to no context: the spine's own (operations, events, audit) and the server's.

pub mod audit;
pub mod events;
pub mod operations;
pub mod system;
pub mod work;

use std::sync::Arc;

use mpanel_authz::Action::{Delete, List, Modify, Operate, Read};
use mpanel_authz::{OpCx, Resource, ResourceInfo, Role, RoleRow, TenantKind};
use mpanel_events::{Spine, Tail};
use mpanel_http::{Api, Gate, Result, Routes};
use mpanel_pg::TenantTx;
use tokio::sync::watch;
use utoipa::openapi::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};

use audit::{Audit, AuditDetail};

/// Operations of a tenant.
pub struct Operation;
impl Resource for Operation {
    const NAME: &'static str = "spine.operation";
}

/// Its events.
pub struct Event;
impl Resource for Event {
    const NAME: &'static str = "spine.event";
}

/// What people are told of these when they put a role together.
pub const RESOURCES: &[ResourceInfo] = &[
    ResourceInfo::new(
        Operation::NAME,
        "Operations",
        "Work that takes a while, such as a deployment: see it, cancel it.",
    ),
    ResourceInfo::new(
        Audit::NAME,
        "Audit log",
        "Who did what to what, and for whom; how long that is kept.",
    ),
    ResourceInfo::new(
        AuditDetail::NAME,
        "Details in the audit log",
        "From which address and device something was done, and other personal details of a line.",
    ),
    ResourceInfo::new(
        Event::NAME,
        "Events",
        "Being told at once what happens; open pages need it to stay fresh.",
    ),
];

const fn row(role: Role, resource: &'static str, actions: &'static [mpanel_authz::Action]) -> RoleRow {
    RoleRow {
        role,
        resource,
        actions,
        kinds: TenantKind::ANY,
    }
}

pub const ROLES: &[RoleRow] = &[
    row(Role::Owner, Operation::NAME, &[List, Read, Operate]),
    row(Role::Admin, Operation::NAME, &[List, Read, Operate]),
    row(Role::Developer, Operation::NAME, &[List, Read, Operate]),
    row(Role::Viewer, Operation::NAME, &[List, Read]),
    row(Role::Owner, Audit::NAME, &[List, Read, Modify, Delete]),
    row(Role::Admin, Audit::NAME, &[List, Read]),
    row(Role::Owner, AuditDetail::NAME, &[Read]),
    row(Role::Admin, AuditDetail::NAME, &[Read]),
    row(Role::Owner, Event::NAME, &[List]),
    row(Role::Admin, Event::NAME, &[List]),
    row(Role::Developer, Event::NAME, &[List]),
    row(Role::Viewer, Event::NAME, &[List]),
];

/// What the spine's routes work with.
pub struct SpineState {
    pub spine: Spine,
    pub tail: Tail,
    pub gate: Arc<dyn Gate>,
    pub streams: events::StreamLimits,
    /// Turns true when the server is to end.
    pub stopping: watch::Receiver<bool>,
}

impl SpineState {
    /// A transaction that reads what is the acting tenant's.
    async fn read(&self, cx: &OpCx) -> Result<TenantTx> {
        let tx = self.spine.db().tenant(cx.tenant()).await;
        Ok(tx.map_err(mpanel_events::Error::from)?)
    }
}

pub type State = axum::extract::State<Arc<SpineState>>;

fn router() -> OpenApiRouter<Arc<SpineState>> {
    OpenApiRouter::new()
        .routes(routes!(operations::list))
        .routes(routes!(operations::get))
        .routes(routes!(operations::cancel))
        .routes(routes!(events::stream))
}

pub fn spine_routes(state: Arc<SpineState>) -> Routes {
    router().with_state(state)
}

/// What the operations are like, without anything that answers them.
pub fn api() -> Api {
    Api {
        operations: router().into_openapi(),
        public: OpenApi::default(),
    }
}
