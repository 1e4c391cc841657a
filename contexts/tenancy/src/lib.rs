//! Tenancy: the tree of tenants, who is a member where, what plans allow and what is used of it,
//! and the names that exist once in the installation. See README.md.
#![forbid(unsafe_code)]

mod authz;
mod below;
mod domain;
mod ending;
mod error;
mod http;
mod metering;
mod ports;
mod projection;
mod recovery;
mod roster;
mod service;
mod store;

use std::sync::Arc;

use mpanel_events::Spine;
use mpanel_http::{Context, Module};
use mpanel_identity_contract::Accounts;
use mpanel_kernel::clock::SharedClock;
use mpanel_kernel::ids::TenantId;
use mpanel_kernel::names::DomainName;
use mpanel_pg::{Migrations, Reason};
use mpanel_tenancy_contract::Eraser;

pub use error::Error;
pub use projection::Projection;
pub use recovery::end_all_assumptions;

pub const MIGRATIONS: Migrations = Migrations {
    schema: "tenancy",
    files: &[
        ("0001_tenancy", include_str!("../migrations/0001_tenancy.sql")),
        ("0002_functions", include_str!("../migrations/0002_functions.sql")),
        ("0003_metering", include_str!("../migrations/0003_metering.sql")),
        ("0004_tree", include_str!("../migrations/0004_tree.sql")),
        ("0005_authority", include_str!("../migrations/0005_authority.sql")),
        ("0006_tree_locks", include_str!("../migrations/0006_tree_locks.sql")),
        ("0007_consent", include_str!("../migrations/0007_consent.sql")),
    ],
};

/// The context before anything of it is open.
pub const CONTEXT: Context = Context {
    migrations: MIGRATIONS,
    roles: authz::ROLES,
    resources: authz::RESOURCES,
    sealed: &[],
    api: http::api,
};

/// The context: its services and the ports that others use.
#[derive(Clone)]
pub struct Tenancy {
    spine: Spine,
    platform: TenantId,
}

impl Tenancy {
    /// Opens the context; at the very first start it plants the root of the tree.
    ///
    /// `reserved` are names that no tenant may claim, nor anything below them.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn open(
        spine: Spine,
        clock: &dyn mpanel_kernel::clock::Clock,
        reserved: &[DomainName],
    ) -> Result<Self, Error> {
        let mut tx = spine.db().platform(Reason::Lifecycle("tenancy.open")).await?;
        let platform = store::tenants::plant_platform(&mut tx, clock.now()).await?;
        store::names::reserve(&mut tx, reserved).await?;
        tx.commit().await?;
        Ok(Self { spine, platform })
    }

    #[must_use]
    pub fn platform(&self) -> TenantId {
        self.platform
    }
}

/// What tenancy needs of the rest of the platform.
#[derive(Clone)]
pub struct Ports {
    pub accounts: Arc<dyn Accounts>,
    /// Contexts that have something of tenants, in the order in which it is removed.
    pub erasers: Vec<Arc<dyn Eraser>>,
}

/// Everything that the server needs to know about the context.
///
/// `grace_days` is how long a tenant that is to end can be restored, unless somebody says otherwise.
#[must_use]
pub fn module(tenancy: Tenancy, clock: SharedClock, ports: Ports, grace_days: u32) -> Module {
    let ending = ending::Ending::new(tenancy.clone(), clock, ports.erasers);
    let service = service::Service {
        tenancy,
        accounts: ports.accounts,
        grace_days,
    };
    Module {
        name: "tenancy",
        routes: http::routes(Arc::new(service)),
        reconcilers: vec![Arc::new(ending)],
        ..Module::default()
    }
}

#[cfg(test)]
mod tests;
