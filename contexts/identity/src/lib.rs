//! Identity: who somebody is. The claim of a fresh installation, accounts, sessions, second factors
//! and API tokens. See README.md.
#![forbid(unsafe_code)]

mod authz;
mod credential;
mod domain;
mod error;
mod http;
mod metrics;
mod ports;
mod service;
mod store;
mod throttle;

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use mpanel_crypto::Passwords;
use mpanel_events::Spine;
use mpanel_http::Module;
use mpanel_kernel::clock::SharedClock;
use mpanel_pg::Migrations;
use mpanel_tenancy_contract::Memberships;

use domain::RealmId;
use service::LoginThrottle;

pub use authz::{RESOURCES, ROLES};
pub use credential::{CredentialError, Presented, SESSION_COOKIE, host, is_cross_site, is_same_site_for_sure};
pub use domain::Network;
pub use error::Error;
pub use http::api;
pub use service::Authenticated;
pub use throttle::Guesses;

pub const MIGRATIONS: Migrations = Migrations {
    schema: "identity",
    files: &[
        ("0001_identity", include_str!("../migrations/0001_identity.sql")),
        ("0002_functions", include_str!("../migrations/0002_functions.sql")),
    ],
};

/// What the installation's configuration says about identity.
#[derive(Debug, Clone)]
pub struct Settings {
    /// All processes run as one user: shown by `GET /setup`.
    pub rootless: bool,
    /// Attempts to sign in, a minute: `rate.logins_per_minute_address`.
    pub logins_per_minute_address: u32,
    /// `rate.logins_per_minute_account`.
    pub logins_per_minute_account: u32,
    /// Credentials that are none, at once from one address: `rate.requests_burst`.
    pub guesses_burst: u32,
}

/// The context: its services and the ports that others use. Cheap to clone.
#[derive(Clone)]
pub struct Identity(Arc<Inner>);

struct Inner {
    spine: Spine,
    clock: SharedClock,
    memberships: Arc<dyn Memberships>,
    settings: Settings,
    realm: RealmId,
    passwords: Passwords,
    throttle: LoginThrottle,
    guesses: Guesses,
    /// Where the claim token lies in clear, once it was written.
    claim_file: Mutex<Option<PathBuf>>,
}

impl Identity {
    /// Who may have a credential looked up; what this context gives out is known to it as good.
    #[must_use]
    pub fn guesses(&self) -> &Guesses {
        &self.0.guesses
    }

    /// Opens the context; at the very first start it makes the realm.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn open(
        spine: Spine,
        clock: SharedClock,
        memberships: Arc<dyn Memberships>,
        settings: Settings,
    ) -> Result<Self, Error> {
        let mut tx = spine.db().spine().await?;
        let realm = store::realms::plant(&mut tx, clock.now()).await?;
        tx.commit().await?;
        let throttle = LoginThrottle::new(&clock, &settings);
        let guesses = Guesses::new(
            clock.clone(),
            settings.guesses_burst,
            settings.logins_per_minute_address,
        );
        Ok(Self(Arc::new(Inner {
            spine,
            clock,
            memberships,
            realm,
            // More at once than there are cores would only take memory.
            passwords: Passwords::new(std::thread::available_parallelism().map_or(1, usize::from)),
            throttle,
            guesses,
            claim_file: Mutex::default(),
            settings,
        })))
    }
}

/// Everything that the server needs to know about the context.
#[must_use]
pub fn module(identity: Identity) -> Module {
    Module {
        name: "identity",
        roles: ROLES.to_vec(),
        routes: http::routes(identity.clone()),
        public_routes: http::public_routes(identity),
        ..Module::default()
    }
}

#[cfg(test)]
mod tests;
