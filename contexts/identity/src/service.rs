//! One use case a function: authorise, load, decide, save, record, commit.

mod accept;
mod activate;
mod api_tokens;
mod authenticate;
mod claim;
mod email;
mod history;
mod invitations;
mod mail;
mod me;
mod notices;
mod password;
mod realms;
mod reset;
mod service_accounts;
mod service_tokens;
mod sessions;
mod sign_in;
mod step_up;
mod totp;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use mpanel_authz::{Actor, Device, OpCx, OpCxParts, Role, TenantKind};
use mpanel_crypto::{Verdict, WeakPassword};
use mpanel_kernel::clock::SharedClock;
use mpanel_kernel::ids::{RequestId, TenantId, UserId};
use mpanel_kernel::names::EmailAddress;
use zeroize::Zeroizing;

pub use activate::Activate;
pub use api_tokens::TokensOf;
pub use authenticate::{Authenticated, Circumstances, runs};
pub use claim::Claim;
pub use email::ChangeEmail;
pub use password::ChangePassword;
pub use reset::{AcceptReset, AnswerResets, ResetThrottle};
pub use service_tokens::CreatedServiceToken;
pub use sign_in::{FORGET_AFTER, SignIn, SignedIn};
pub use step_up::StepUp;
#[cfg(test)]
pub use step_up::SteppedUp;

use crate::domain::{Network, Presence};
use crate::error::Error;
use crate::store::users::{self, Secrets};
use crate::{Identity, Settings};
use mpanel_kernel::throttle::Throttle;

/// `span` after `now`; past the end of time there is no later moment.
pub fn after(now: Timestamp, span: SignedDuration) -> Timestamp {
    now.saturating_add(span).unwrap_or(Timestamp::MAX)
}

/// How often somebody may try.
pub struct LoginThrottle {
    address: Throttle<Network>,
    /// Of strangers for an account, from one network: whoever guesses there keeps nobody out who comes from elsewhere.
    account: Throttle<(String, Network)>,
    /// The same from everywhere: guesses of many machines together.
    everywhere: Throttle<String>,
    /// Of who is signed in and shows the password again.
    person: Throttle<UserId>,
    /// Codes of six digits are guessed sooner than passwords: five, and one more each minute.
    code: Throttle<UserId>,
}

const MINUTE: Duration = Duration::from_secs(60);
const CODES_AT_ONCE: u32 = 5;
/// As many networks together may try what one may.
const NETWORKS: u32 = 10;

impl LoginThrottle {
    pub fn new(clock: &SharedClock, settings: &Settings) -> Self {
        Self {
            address: Throttle::new(clock.clone(), settings.logins_per_minute_address, MINUTE),
            account: Throttle::new(clock.clone(), settings.logins_per_minute_account, MINUTE),
            everywhere: Throttle::new(
                clock.clone(),
                settings.logins_per_minute_account.saturating_mul(NETWORKS),
                MINUTE,
            ),
            person: Throttle::new(clock.clone(), settings.logins_per_minute_account, MINUTE),
            code: Throttle::new(clock.clone(), CODES_AT_ONCE, MINUTE * CODES_AT_ONCE),
        }
    }

    fn by_address(&self, address: Option<IpAddr>) -> Result<(), Error> {
        self.address.check(&Network::of_caller(address)).map_err(too_many)
    }

    fn by_account(&self, email: &str, address: Option<IpAddr>) -> Result<(), Error> {
        let email = email.to_lowercase();
        let from = (email.clone(), Network::of_caller(address));
        self.account.check(&from).map_err(too_many)?;
        self.everywhere.check(&email).map_err(too_many)
    }

    fn by_person(&self, user: UserId) -> Result<(), Error> {
        self.person.check(&user).map_err(too_many)
    }

    fn by_code(&self, user: UserId) -> Result<(), Error> {
        self.code.check(&user).map_err(too_many)
    }
}

/// The accounts of an address, and the one of them whose password was shown.
struct Tried {
    known: Option<Recognised>,
    accounts: Vec<(UserId, TenantId)>,
}

/// An account whose password was shown.
struct Recognised {
    person: Secrets,
    /// Its hash is weaker than new ones are.
    rehash: bool,
}

fn too_many(retry_after: u32) -> Error {
    Error::TooMany { retry_after }
}

impl Identity {
    /// For recording what a person does to the own account before, or beside, acting for a tenant:
    /// its home is where that is audited. It authorises nothing.
    fn recording_cx(&self, actor: Actor, home: TenantId, request_id: RequestId, address: Option<IpAddr>) -> OpCx {
        OpCx::new(OpCxParts {
            actor,
            tenant: home,
            tenant_kind: TenantKind::Customer,
            role: Role::Viewer.into(),
            scopes: None,
            assumed_from: None,
            assumption: None,
            request_id,
            address,
            idempotency: None,
            clock: self.0.clock.clone(),
            permissions: Arc::default(),
        })
    }

    fn arriving_cx(&self, user: UserId, home: TenantId, who: &Presence) -> OpCx {
        let device = Device {
            user_agent: who.user_agent.clone(),
            credential: None,
        };
        let cx = self.recording_cx(Actor::User(user), home, who.request_id, who.address);
        cx.by_device(device)
    }

    fn home_cx(&self, cx: &OpCx, home: TenantId) -> OpCx {
        let there = self.recording_cx(cx.actor().clone(), home, cx.request_id(), cx.address());
        match cx.device() {
            Some(device) => there.by_device(device.clone()),
            None => there,
        }
    }

    /// The person behind a request, with what signing in needs.
    async fn person(&self, cx: &OpCx) -> Result<Secrets, Error> {
        let user = cx.actor().user().ok_or(Error::NotAPerson)?;
        let mut tx = self.0.spine.db().spine().await?;
        let found = users::by_id(&mut tx, user).await?;
        tx.end_read();
        found.ok_or(Error::NotFound)
    }

    /// Whether a password is fit for an account: every way to set one asks (ASVS 6.2.1, 6.2.4, 6.2.12); `pointer` is the
    /// field that holds it.
    async fn fit_password(
        &self,
        (pointer, password): (&'static str, &str),
        minimum: usize,
        email: &EmailAddress,
        name: &str,
    ) -> Result<(), Error> {
        let weak = |weak| Error::weak_password(pointer, weak);
        mpanel_crypto::check_password(password, minimum, &[email.as_str(), name, "mpanel"]).map_err(weak)?;
        let Some(leaked) = self.0.leaked.clone() else {
            return Ok(());
        };
        let password = Zeroizing::new(password.to_owned());
        let found = tokio::task::spawn_blocking(move || leaked.contains(&password)).await;
        // A list that cannot be read lets nothing through (ASVS 16.5.3).
        match found.unwrap_or_else(|_| Err(std::io::ErrorKind::Interrupted.into())) {
            Ok(false) => Ok(()),
            Ok(true) => Err(weak(WeakPassword::Breached)),
            Err(error) => Err(Error::LeakedPasswords(error)),
        }
    }

    /// The one of these accounts whose password this is. As much is hashed for no account as for one.
    async fn whose(&self, accounts: Vec<Secrets>, password: &str) -> Result<Option<Recognised>, Error> {
        if accounts.is_empty() {
            self.0.passwords.verify(password, None).await?;
        }
        for person in accounts {
            let stored = person.password_hash.as_deref();
            if let Verdict::Match { rehash } = self.0.passwords.verify(password, stored).await? {
                return Ok(Some(Recognised { person, rehash }));
            }
        }
        Ok(None)
    }
}
