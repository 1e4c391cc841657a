//! Websites: their domains, the archives that become releases, which release is active, and what
//! the edge serves of all that. See README.md.
#![forbid(unsafe_code)]

mod authz;
mod blobs;
mod domain;
mod error;
mod estates;
mod export;
mod http;
mod observe;
mod ops;
mod pause;
mod reconcile;
mod recovery;
mod service;
mod store;
mod usage;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use mpanel_certificates_contract::Certificates;
use mpanel_client_agent::Agent;
use mpanel_crypto::Passwords;
use mpanel_dns_contract::HostRecords;
use mpanel_events::{ServedBoard, Spine, Tail};
use mpanel_fleet_contract::Nodes;
use mpanel_http::{Context, Module};
use mpanel_kernel::clock::SharedClock;
use mpanel_kernel::names::{DomainName, Suffix};
use mpanel_pg::Migrations;
use mpanel_tenancy_contract::{Entitlements, Metering, NameClaims, Suspensions};

pub use error::Error;
pub use recovery::{finished_releases, forget_files_seen, users};

pub const MIGRATIONS: Migrations = Migrations {
    schema: "sites",
    files: &[
        ("0001_sites", include_str!("../migrations/0001_sites.sql")),
        ("0002_traffic", include_str!("../migrations/0002_traffic.sql")),
        ("0003_pages", include_str!("../migrations/0003_pages.sql")),
        ("0004_delivery", include_str!("../migrations/0004_delivery.sql")),
        ("0005_answers", include_str!("../migrations/0005_answers.sql")),
        ("0006_purges", include_str!("../migrations/0006_purges.sql")),
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

/// What sites need of the rest of the platform.
#[derive(Clone)]
pub struct Ports {
    pub entitlements: Arc<dyn Entitlements>,
    pub metering: Arc<dyn Metering>,
    pub suspensions: Arc<dyn Suspensions>,
    pub claims: Arc<dyn NameClaims>,
    pub certificates: Arc<dyn Certificates>,
    pub records: Arc<dyn HostRecords>,
    pub nodes: Arc<dyn Nodes>,
    pub agent: Arc<dyn Agent>,
    /// What the edges have acknowledged.
    pub board: ServedBoard,
    pub tail: Tail,
}

/// How sites are set up on this installation.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The folder of uploads' files; it exists and belongs to this process.
    pub uploads: PathBuf,
    /// Previews are called `<slug>.<previews>`.
    pub previews: Suffix,
    /// Names below it that no preview takes: the panel's, the name servers'.
    pub reserved_hosts: Vec<DomainName>,
    /// The port at which browsers reach the edge over TLS; shown in addresses unless it is 443.
    pub https_port: u16,
    /// Of one archive.
    pub max_upload_bytes: u64,
    /// After which an upload that became no release is removed.
    pub upload_lifetime: SignedDuration,
    /// Releases that a new site keeps, the active one included; 1 to 100.
    pub keep_releases: i32,
    /// Of one release, unpacked.
    pub max_release_bytes: u64,
    pub max_release_files: u32,
    /// Networks at which servers of sites may be, though they are not on the public internet.
    pub outbound_allow: Vec<ipnet::IpNet>,
    /// How long an operation waits for the edges to serve a change, which goes on without it.
    pub served_within: Duration,
}

/// The context. Cheap to clone.
#[derive(Clone)]
pub struct Sites {
    spine: Spine,
    clock: SharedClock,
    ports: Ports,
    settings: Arc<Settings>,
    passwords: Passwords,
    blobs: blobs::Blobs,
}

impl Sites {
    #[must_use]
    pub fn new(spine: Spine, clock: SharedClock, ports: Ports, settings: Settings) -> Self {
        Self {
            spine,
            clock,
            ports,
            // One at a time: they must not keep others from the processors.
            passwords: Passwords::new(1),
            blobs: blobs::Blobs::new(settings.uploads.clone()),
            settings: Arc::new(settings),
        }
    }
}

/// Everything that the server needs to know about the context.
#[must_use]
pub fn module(sites: Sites) -> Module {
    Module {
        name: "sites",
        routes: http::routes(Arc::new(sites.clone())),
        operations: ops::all(&sites),
        reconcilers: vec![
            Arc::new(reconcile::Converge::new(sites.clone())),
            Arc::new(pause::Pauses::new(sites)),
        ],
        ..Module::default()
    }
}

#[cfg(test)]
mod tests;
