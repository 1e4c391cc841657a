//! What works in the background and does not get on: jobs and events that are dead, reconcilers whose passes fail, objects that
//! they fail with. A tenant sees what is its own; those who run the platform see everything.

mod consumers;
mod dead_events;
mod dead_jobs;
mod parts;
mod reconcilers;
mod stuck;

use std::sync::Arc;

use mpanel_authz::Action::{self, Delete, List, Operate, Read};
use mpanel_authz::{OpCx, Resource as _, ResourceInfo, Role, RoleRow, TenantKind};
use mpanel_events::Spine;
use mpanel_http::{Api, Result, Routes};
use mpanel_jobs::Reconciler;
use mpanel_pg::{PlatformTx, Reason, TenantTx};
use utoipa::openapi::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};

use consumers::Consumers;
use dead_events::DeadEvents;
use dead_jobs::DeadJobs;
pub use parts::Parts;
use reconcilers::Reconcilers;
use stuck::StuckObjects;

const fn row(role: Role, resource: &'static str, actions: &'static [Action], kinds: &'static [TenantKind]) -> RoleRow {
    RoleRow {
        role,
        resource,
        actions,
        kinds,
    }
}

const PLATFORM: &[TenantKind] = &[TenantKind::Platform];

pub const ROLES: &[RoleRow] = &[
    row(
        Role::Owner,
        DeadJobs::NAME,
        &[List, Read, Operate, Delete],
        TenantKind::ANY,
    ),
    row(
        Role::Admin,
        DeadJobs::NAME,
        &[List, Read, Operate, Delete],
        TenantKind::ANY,
    ),
    row(Role::Developer, DeadJobs::NAME, &[List, Read, Operate], TenantKind::ANY),
    row(Role::Viewer, DeadJobs::NAME, &[List, Read], TenantKind::ANY),
    // What is wrong with an event is said from inside, and only who runs the platform can do anything about it.
    row(Role::Owner, DeadEvents::NAME, &[List, Operate, Delete], PLATFORM),
    row(Role::Admin, DeadEvents::NAME, &[List, Operate, Delete], PLATFORM),
    row(Role::Owner, Consumers::NAME, &[List, Operate], PLATFORM),
    row(Role::Admin, Consumers::NAME, &[List, Operate], PLATFORM),
    row(Role::Developer, Consumers::NAME, &[List], PLATFORM),
    row(Role::Viewer, Consumers::NAME, &[List], PLATFORM),
    row(Role::Owner, StuckObjects::NAME, &[List, Operate], TenantKind::ANY),
    row(Role::Admin, StuckObjects::NAME, &[List, Operate], TenantKind::ANY),
    row(Role::Developer, StuckObjects::NAME, &[List, Operate], TenantKind::ANY),
    row(Role::Viewer, StuckObjects::NAME, &[List], TenantKind::ANY),
    row(Role::Owner, Reconcilers::NAME, &[List, Operate], PLATFORM),
    row(Role::Admin, Reconcilers::NAME, &[List, Operate], PLATFORM),
    row(Role::Developer, Reconcilers::NAME, &[List], PLATFORM),
    row(Role::Viewer, Reconcilers::NAME, &[List], PLATFORM),
];

/// What people are told of these when they put a role together.
pub const RESOURCES: &[ResourceInfo] = &[
    ResourceInfo::new(
        DeadJobs::NAME,
        "Dead jobs",
        "Background work that was given up: see why, try it again, discard it.",
    ),
    ResourceInfo::new(
        DeadEvents::NAME,
        "Dead events",
        "Events that the panel could not take on: see why, try them again, discard them.",
    ),
    ResourceInfo::new(
        Consumers::NAME,
        "Consumers of events",
        "What is kept in step with events: how far it is, build it anew.",
    ),
    ResourceInfo::new(
        StuckObjects::NAME,
        "Stuck objects",
        "Sites and certificates that cannot be brought to what is wanted: see why, try now.",
    ),
    ResourceInfo::new(
        Reconcilers::NAME,
        "Reconcilers",
        "What keeps the platform as it is wanted: how the last passes went, run one now.",
    ),
];

/// What these routes work with.
pub struct Work {
    pub spine: Spine,
    pub reconcilers: Vec<Arc<dyn Reconciler>>,
    /// Names of what is kept in step with events.
    pub consumers: Vec<&'static str>,
    pub parts: Parts,
}

impl Work {
    async fn own(&self, cx: &OpCx) -> Result<TenantTx> {
        let tx = self.spine.db().tenant(cx.tenant()).await;
        Ok(tx.map_err(mpanel_events::Error::from)?)
    }

    async fn all(&self, reason: &'static str) -> Result<PlatformTx> {
        let tx = self.spine.db().platform(Reason::Administer(reason)).await;
        Ok(tx.map_err(mpanel_events::Error::from)?)
    }
}

/// Whether the caller sees what is everybody's: it acts for the platform, and may act for all below it.
fn sees_all(cx: &OpCx) -> bool {
    cx.tenant_kind() == TenantKind::Platform && cx.rights().reaches_descendants()
}

type State = axum::extract::State<Arc<Work>>;

fn router() -> OpenApiRouter<Arc<Work>> {
    OpenApiRouter::new()
        .routes(routes!(dead_jobs::list))
        .routes(routes!(dead_jobs::retry_all))
        .routes(routes!(dead_jobs::get, dead_jobs::discard))
        .routes(routes!(dead_jobs::retry))
        .routes(routes!(dead_events::list))
        .routes(routes!(dead_events::retry_all))
        .routes(routes!(dead_events::discard))
        .routes(routes!(dead_events::retry))
        .routes(routes!(consumers::list))
        .routes(routes!(consumers::rebuild))
        .routes(routes!(stuck::list))
        .routes(routes!(stuck::retry))
        .routes(routes!(reconcilers::list))
        .routes(routes!(reconcilers::run))
}

pub fn routes(work: Work) -> Routes {
    router().with_state(Arc::new(work))
}

/// What the operations are like, without anything that answers them.
pub fn api() -> Api {
    Api {
        operations: router().into_openapi(),
        public: OpenApi::default(),
    }
}

#[cfg(test)]
mod tests;
