//! Identity: who somebody is. The claim of a fresh installation, accounts, sessions, second factors
//! and API tokens. See README.md.
#![forbid(unsafe_code)]

mod authz;
mod belongings;
mod credential;
mod domain;
mod erasure;
mod error;
mod history;
mod homes;
mod http;
mod letters;
mod lost_factors;
mod metrics;
mod ports;
mod reconcile;
mod recovery;
mod service;
mod store;
mod throttle;

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use mpanel_client_mailer::Post;
use mpanel_crypto::{HashFile, Passwords};
use mpanel_events::Spine;
use mpanel_http::{Context, Module};
use mpanel_kernel::clock::SharedClock;
use mpanel_pg::Migrations;
use mpanel_tenancy_contract::{Memberships, Roster};

use domain::RealmId;
use history::History;
use jiff::SignedDuration;
use lost_factors::LostFactors;
use reconcile::Retention;
use service::{AnswerResets, LoginThrottle, ResetThrottle};

pub use credential::{CredentialError, Presented, SESSION_COOKIE, host, is_cross_site, is_same_site_for_sure};
pub use domain::Network;
pub use error::Error;
pub use recovery::{begin_again, give_up_sealed};
pub use service::{Authenticated, Circumstances, runs};
pub use throttle::Guesses;

pub const MIGRATIONS: Migrations = Migrations {
    schema: "identity",
    files: &[
        ("0001_identity", include_str!("../migrations/0001_identity.sql")),
        ("0002_functions", include_str!("../migrations/0002_functions.sql")),
        ("0003_mail", include_str!("../migrations/0003_mail.sql")),
        ("0004_trust", include_str!("../migrations/0004_trust.sql")),
        ("0005_erasure", include_str!("../migrations/0005_erasure.sql")),
        ("0006_lost_factors", include_str!("../migrations/0006_lost_factors.sql")),
        ("0007_seen", include_str!("../migrations/0007_seen.sql")),
        (
            "0008_reset_address",
            include_str!("../migrations/0008_reset_address.sql"),
        ),
        ("0009_realm_links", include_str!("../migrations/0009_realm_links.sql")),
        ("0010_invite", include_str!("../migrations/0010_invite.sql")),
        ("0011_belongings", include_str!("../migrations/0011_belongings.sql")),
        ("0012_mail_limits", include_str!("../migrations/0012_mail_limits.sql")),
        (
            "0013_realm_of_host",
            include_str!("../migrations/0013_realm_of_host.sql"),
        ),
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
    /// For how long a fresh proof counts: `sign_in.step_up_minutes`.
    pub step_up: SignedDuration,
    /// How long attempts to sign in are kept: `sign_in.history_days`.
    pub history_days: u32,
    /// How many invitations are mailed: `mail.invitations_*`.
    pub invitations: InvitationLimits,
    /// Hashes of leaked passwords, sorted: `identity.breached_passwords_file`.
    pub breached_passwords_file: Option<PathBuf>,
}

/// How many invitations may be mailed to people who need not want them.
#[derive(Debug, Clone, Copy)]
pub struct InvitationLimits {
    /// In a day, of a tenant with everybody below it; the platform has none.
    pub per_tenant_day: u32,
    /// In a day, to one address, of all tenants.
    pub per_address_day: u32,
    /// Of a tenant, at a time, that nobody has accepted and that still could be.
    pub waiting: u32,
}

/// What the context asks of others.
#[derive(Clone)]
pub struct Ports {
    pub memberships: Arc<dyn Memberships>,
    pub roster: Arc<dyn Roster>,
    pub mail: Post,
}

/// The context: its services and the ports that others use. Cheap to clone.
#[derive(Clone)]
pub struct Identity(Arc<Inner>);

struct Inner {
    spine: Spine,
    clock: SharedClock,
    memberships: Arc<dyn Memberships>,
    roster: Arc<dyn Roster>,
    mail: Post,
    settings: Settings,
    realm: RealmId,
    passwords: Passwords,
    throttle: LoginThrottle,
    resets: ResetThrottle,
    /// The operator's list, beside the one within the program.
    leaked: Option<Arc<HashFile>>,
    guesses: Guesses,
    history: History,
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
    /// When the database is away, or the file of leaked passwords is none.
    pub async fn open(spine: Spine, clock: SharedClock, ports: Ports, settings: Settings) -> Result<Self, Error> {
        let leaked = settings.breached_passwords_file.as_deref().map(HashFile::open);
        let leaked = leaked.transpose().map_err(Error::LeakedPasswords)?.map(Arc::new);
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
            history: History::start(spine.clone()),
            spine,
            resets: ResetThrottle::new(&clock),
            clock,
            memberships: ports.memberships,
            roster: ports.roster,
            mail: ports.mail,
            leaked,
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
        routes: http::routes(identity.clone()),
        public_routes: http::public_routes(identity.clone()),
        jobs: vec![Arc::new(AnswerResets(identity.clone()))],
        reconcilers: vec![
            Arc::new(LostFactors(identity.clone())),
            Arc::new(homes::Homes(identity.clone())),
            Arc::new(Retention(identity)),
        ],
        ..Module::default()
    }
}

#[cfg(test)]
mod tests;
