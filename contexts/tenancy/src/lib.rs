//! Tenancy: the tree of tenants, who is a member where, what plans allow and what is used of it,
//! and the names that exist once in the installation. See README.md.
#![forbid(unsafe_code)]

mod authz;
mod below;
mod domain;
mod ending;
mod error;
mod export;
mod http;
mod metering;
mod ports;
mod projection;
mod recovery;
mod roster;
mod service;
mod store;

use std::path::PathBuf;
use std::sync::Arc;

use mpanel_events::Spine;
use mpanel_http::{Context, Module};
use mpanel_identity_contract::Accounts;
use mpanel_kernel::clock::SharedClock;
use mpanel_kernel::ids::TenantId;
use mpanel_kernel::names::DomainName;
use mpanel_pg::{Migrations, Reason};
use mpanel_tenancy_contract::{Belongings, Eraser, Exporter};

pub use error::Error;
pub use export::ExportLimits;
pub use projection::Projection;
pub use recovery::{end_all_assumptions, platform_of};

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
        ("0008_merge", include_str!("../migrations/0008_merge.sql")),
        ("0009_is_member", include_str!("../migrations/0009_is_member.sql")),
        ("0010_selling", include_str!("../migrations/0010_selling.sql")),
        ("0011_erasing", include_str!("../migrations/0011_erasing.sql")),
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
    /// What each gives to an archive of a tenant; what tenancy itself has stands before it.
    pub exporters: Vec<Arc<dyn Exporter>>,
    /// Contexts that have something of tenants which cannot become another's.
    pub belongings: Vec<Arc<dyn Belongings>>,
}

/// How tenancy is set up on this installation.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How long a tenant that is to end can be restored, unless somebody says otherwise.
    pub grace_days: u32,
    /// The folder of archives of tenants.
    pub exports: PathBuf,
    pub export_limits: ExportLimits,
    /// What archives call this installation.
    pub installation: String,
}

/// Everything that the server needs to know about the context.
#[must_use]
pub fn module(tenancy: Tenancy, clock: SharedClock, ports: Ports, settings: Settings) -> Module {
    let files = export::ExportFiles::new(settings.exports);
    let archives: Arc<dyn Eraser> = Arc::new(files.clone());
    let erasers = ports.erasers.into_iter().chain([archives]).collect();
    let ending = ending::Ending::new(tenancy.clone(), clock.clone(), erasers);
    let own: Arc<dyn Exporter> = Arc::new(export::Own {
        tenancy: tenancy.clone(),
        accounts: ports.accounts.clone(),
    });
    let export = export::Export {
        tenancy: tenancy.clone(),
        files: files.clone(),
        exporters: std::iter::once(own).chain(ports.exporters).collect(),
        installation: settings.installation,
        max_bytes: settings.export_limits.max_bytes,
    };
    let expiry = export::Expiry::new(files.clone(), clock, settings.export_limits.kept);
    let service = service::Service {
        tenancy,
        accounts: ports.accounts,
        exports: service::Exports {
            files,
            limits: settings.export_limits,
        },
        grace_days: settings.grace_days,
        belongings: ports.belongings,
    };
    Module {
        name: "tenancy",
        routes: http::routes(Arc::new(service)),
        operations: vec![Arc::new(export)],
        reconcilers: vec![Arc::new(ending), Arc::new(expiry)],
        ..Module::default()
    }
}

#[cfg(test)]
mod tests;
