//! Certificates: who wants one, who issues it, and which edges hold it. See README.md.
#![forbid(unsafe_code)]

mod authority;
mod authz;
mod error;
mod export;
mod http;
mod ports;
mod reconcile;
mod recovery;
mod store;

use std::sync::Arc;

use mpanel_events::Spine;
use mpanel_fleet_contract::Nodes;
use mpanel_http::{Context, Module};
use mpanel_kernel::clock::SharedClock;
use mpanel_kernel::ids::TenantId;
use mpanel_pg::{Migrations, Reason};

use authority::Authority;
pub use error::Error;
pub use recovery::give_up_sealed;

pub const MIGRATIONS: Migrations = Migrations {
    schema: "certificates",
    files: &[("0001_certificates", include_str!("../migrations/0001_certificates.sql"))],
};

/// The context before anything of it is open.
pub const CONTEXT: Context = Context {
    migrations: MIGRATIONS,
    roles: authz::ROLES,
    resources: authz::RESOURCES,
    sealed: recovery::SEALED,
    api: http::api,
};

/// The context. Cheap to clone.
#[derive(Clone)]
pub struct CertificateStore {
    spine: Spine,
    clock: SharedClock,
    nodes: Arc<dyn Nodes>,
    authority: Arc<Authority>,
    platform: TenantId,
}

impl CertificateStore {
    /// Opens the context; at the first start it makes the internal authority.
    ///
    /// # Errors
    /// When the database is away, or the authority's key does not open under this master key.
    pub async fn open(
        spine: Spine,
        clock: SharedClock,
        nodes: Arc<dyn Nodes>,
        platform: TenantId,
    ) -> Result<Self, Error> {
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
            nodes,
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
        reconcilers: vec![Arc::new(reconcile::Issue::new(certificates))],
        ..Module::default()
    }
}

#[cfg(test)]
mod tests;
