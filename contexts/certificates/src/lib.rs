//! Certificates: who wants one, who issues it, and which edges hold it. See README.md.
#![forbid(unsafe_code)]

mod authority;
mod authz;
mod domain;
mod error;
mod export;
mod http;
mod metrics;
mod obtain;
mod ports;
mod publish;
mod reconcile;
mod recovery;
mod service;
mod store;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use mpanel_client_acme::Acme;
use mpanel_dns_contract::ChallengeRecords;
use mpanel_events::{Served, ServedBoard, Spine, Tail};
use mpanel_feed::frame::Role;
use mpanel_fleet_contract::Nodes;
use mpanel_http::{Context, Module};
use mpanel_kernel::clock::SharedClock;
use mpanel_kernel::ids::TenantId;
use mpanel_pg::{Db, Migrations, Reason};

use authority::Authority;
pub use error::Error;
pub use recovery::give_up_sealed;

pub const MIGRATIONS: Migrations = Migrations {
    schema: "certificates",
    files: &[
        ("0001_certificates", include_str!("../migrations/0001_certificates.sql")),
        ("0002_public", include_str!("../migrations/0002_public.sql")),
    ],
};

/// The context before anything of it is open.
pub const CONTEXT: Context = Context {
    migrations: MIGRATIONS,
    roles: authz::ROLES,
    resources: authz::RESOURCES,
    sealed: recovery::SEALED,
    api: http::api,
};

mpanel_kernel::define_ids! {
    /// A public authority that somebody has set up.
    IssuerId = "issuer",
    /// An order for a certificate of a public authority.
    OrderId = "order",
}

/// How it is known that what was published is answered.
#[async_trait]
pub trait Acknowledged: Send + Sync + 'static {
    /// Waits a moment until every live process of the role answers this generation of an object of the feed.
    ///
    /// # Errors
    /// When the database is away.
    async fn wait(&self, role: Role, topic: &str, key: &str, generation: i64) -> Result<Served, mpanel_events::Error>;
}

/// As the data planes acknowledge it to this server.
pub struct Acknowledgements {
    pub board: ServedBoard,
    pub tail: Tail,
    pub db: Db,
}

/// How long one pass waits for an acknowledgement; the next one goes on waiting.
const ACKNOWLEDGED_WITHIN: Duration = Duration::from_secs(5);

#[async_trait]
impl Acknowledged for Acknowledgements {
    async fn wait(&self, role: Role, topic: &str, key: &str, generation: i64) -> Result<Served, mpanel_events::Error> {
        let object = (topic, key, generation);
        self.board
            .wait(&self.db, &self.tail, role, object, ACKNOWLEDGED_WITHIN)
            .await
    }
}

/// What the context needs of others.
#[derive(Clone)]
pub struct Ports {
    pub nodes: Arc<dyn Nodes>,
    pub acme: Arc<dyn Acme>,
    pub records: Arc<dyn ChallengeRecords>,
    pub served: Arc<dyn Acknowledged>,
}

/// The context. Cheap to clone.
#[derive(Clone)]
pub struct CertificateStore {
    spine: Spine,
    clock: SharedClock,
    ports: Ports,
    authority: Arc<Authority>,
    platform: TenantId,
}

impl CertificateStore {
    /// Opens the context; at the first start it makes the internal authority.
    ///
    /// # Errors
    /// When the database is away, or the authority's key does not open under this master key.
    pub async fn open(spine: Spine, clock: SharedClock, ports: Ports, platform: TenantId) -> Result<Self, Error> {
        let mut tx = spine.db().platform(Reason::Lifecycle("certificates.open")).await?;
        let sealer = spine.vault().platform(&mut tx).await?;
        let authority = match store::authorities::newest_locked(&mut tx).await? {
            Some(stored) => Authority::open(stored, &sealer)?,
            None => {
                let (authority, stored) = Authority::create(clock.now(), &sealer)?;
                store::authorities::insert(&mut tx, &stored).await?;
                authority
            }
        };
        tx.commit().await?;
        Ok(Self {
            spine,
            clock,
            ports,
            authority: Arc::new(authority),
            platform,
        })
    }

    /// The internal authority's certificate, for trust stores.
    #[must_use]
    pub fn authority_pem(&self) -> &str {
        self.authority.certificate_pem()
    }

    /// SHA-256 of the internal authority's certificate, as people compare it: `AB:CD:…`.
    #[must_use]
    pub fn authority_fingerprint(&self) -> String {
        self.authority.fingerprint()
    }

    /// Sees to a certificate for the panel itself, under all the names and addresses it has.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn want_panel(&self, names: &[String]) -> Result<(), Error> {
        let mut tx = self.spine.db().tenant(self.platform).await?;
        store::hosts::want(&mut tx, "panel", names).await?;
        tx.commit().await?;
        Ok(())
    }
}

/// Everything that the server needs to know about the context.
#[must_use]
pub fn module(certificates: CertificateStore) -> Module {
    Module {
        name: "certificates",
        routes: http::routes(Arc::new(certificates.clone())),
        public_routes: http::public_routes(Arc::new(certificates.clone())),
        reconcilers: vec![
            Arc::new(reconcile::Issue::new(certificates.clone())),
            Arc::new(obtain::Obtain::new(certificates)),
        ],
        ..Module::default()
    }
}

#[cfg(test)]
mod tests;
