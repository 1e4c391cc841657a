use std::net::IpAddr;
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use jiff::SignedDuration;
use mpanel_authz::Actor;
use mpanel_crypto::{Place, Token, TokenKind};
use mpanel_events::Record;
use mpanel_identity_contract::events;
use mpanel_jobs::{Job, JobCx, JobError, enqueue};
use mpanel_kernel::clock::SharedClock;
use mpanel_kernel::ids::{RequestId, UserId};
use mpanel_kernel::names::EmailAddress;
use mpanel_kernel::throttle::Throttle;
use mpanel_pg::Reason;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{SignedIn, after, too_many};
use crate::domain::{Account, Network, Presence, password_minimum};
use crate::error::Error;
use crate::letters::{self, Notice, Way};
use crate::store::{emails, resets, users};
use crate::{Identity, metrics};

const LIFE: SignedDuration = SignedDuration::from_mins(30);
/// What looks for the accounts and writes the mail.
pub const ANSWER: &str = "identity.password_reset.answer";

const AT_ONCE: u32 = 3;
const EVERY: Duration = Duration::from_secs(15 * 60);
const AT_ONCE_ADDRESS: u32 = 20;
const EVERY_ADDRESS: Duration = Duration::from_secs(3 * 60);

/// How often links may be asked for: each is a mail to somebody.
pub struct ResetThrottle {
    address: Throttle<Network>,
    account: Throttle<String>,
}

impl ResetThrottle {
    pub fn new(clock: &SharedClock) -> Self {
        Self {
            address: Throttle::new(clock.clone(), AT_ONCE_ADDRESS, EVERY_ADDRESS * AT_ONCE_ADDRESS),
            account: Throttle::new(clock.clone(), AT_ONCE, EVERY * AT_ONCE),
        }
    }
}

pub struct AcceptReset<'a> {
    pub token: &'a str,
    pub password: &'a str,
    /// A code of the authenticator app, or a backup code, of an account that has a second factor.
    pub totp: Option<&'a str>,
}

/// Who asks, as it stands in the queue: sealed, since addresses are personal.
#[derive(Serialize, Deserialize)]
struct Asked {
    email: EmailAddress,
    address: Option<IpAddr>,
    /// The name at which the panel was asked.
    host: String,
}

#[derive(Serialize, Deserialize)]
struct Payload {
    request: RequestId,
    /// [`Asked`] in JSON, sealed, in base64.
    sealed: String,
}

impl Identity {
    /// Takes the request of somebody who has forgotten a password. Nothing is looked up here: whether there is an account
    /// shows in no answer and in no time (ASVS 6.3.8); who looks is the job.
    pub async fn request_reset(&self, who: &Presence, email: EmailAddress) -> Result<(), Error> {
        let outcome = self.try_request_reset(who, email).await;
        metrics::reset("asked", &outcome);
        outcome
    }

    async fn try_request_reset(&self, who: &Presence, email: EmailAddress) -> Result<(), Error> {
        self.admit_stranger(who)?;
        let throttle = &self.0.resets;
        throttle
            .address
            .check(&Network::of_caller(who.address))
            .map_err(too_many)?;
        throttle.account.check(&email.normalised()).map_err(too_many)?;
        let asked = Asked {
            email,
            address: who.address,
            host: who.host.clone(),
        };
        let mut tx = self
            .0
            .spine
            .db()
            .platform(Reason::Administer("identity.password_reset"))
            .await?;
        let sealer = self.0.spine.vault().platform(&mut tx).await?;
        let sealed = sealer.seal(
            &place(who.request_id),
            &serde_json::to_vec(&asked).map_err(mpanel_events::Error::from)?,
        );
        let payload = Payload {
            request: who.request_id,
            sealed: BASE64_STANDARD.encode(sealed),
        };
        enqueue(&mut tx, None, ANSWER, &payload, Duration::ZERO, &self.0.clock).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Looks for the accounts of the address and mails a link for each. It may run again: then the later mail has the
    /// links that work.
    async fn answer_reset(&self, asked: Asked, request: RequestId) -> Result<(), Error> {
        let realm = self.realm_at(&asked.host).await?;
        let mut tx = self.0.spine.db().spine().await?;
        let accounts = users::by_email(&mut tx, realm, &asked.email).await?;
        tx.end_read();
        let until = after(self.0.clock.now(), LIFE);
        let mut ways = Vec::new();
        for person in accounts {
            let account = person.account;
            let memberships = self.0.memberships.of_user(account.id).await?;
            if memberships.is_empty() {
                continue;
            }
            let Some(token) = self.offer_reset(&account, &asked, request, until).await? else {
                continue;
            };
            let tenants = memberships
                .into_iter()
                .map(|membership| membership.tenant.name)
                .collect();
            ways.push(Way { tenants, token });
        }
        if ways.is_empty() {
            tracing::info!(address = ?asked.address, "a password reset was asked for an address without account");
            return Ok(());
        }
        let mail = self.mail_of_realm(realm).await?;
        let letter = letters::password_reset(mail.brand(), &ways, asked.address, until);
        let mut tx = self.0.spine.db().platform(Reason::Reconcile(ANSWER)).await?;
        mail.enqueue_as_platform(&mut tx, &asked.email, &letter).await?;
        tx.commit().await?;
        Ok(())
    }

    /// A link for one of the accounts; `None` when it has got another address since they were looked for.
    async fn offer_reset(
        &self,
        account: &Account,
        asked: &Asked,
        request: RequestId,
        until: jiff::Timestamp,
    ) -> Result<Option<Token>, Error> {
        let cx = self.recording_cx(Actor::System(ANSWER), account.home, request, asked.address);
        let token = Token::generate(TokenKind::Reset);
        let mut change = self.0.spine.begin(&cx).await?;
        if !resets::offer(change.tx(), account.id, &asked.email, (&token.hash(), until)).await? {
            return Ok(None);
        }
        let facts = json!({"user": account.id, "expires_at": until});
        change
            .record(Record::new(events::PASSWORD_RESET_REQUESTED, account.id, facts.clone()).after(facts))
            .await?;
        change.commit().await?;
        Ok(Some(token))
    }

    /// Sets a new password by a link that was mailed, and signs in. Who has a second factor shows it (ASVS 6.4.3); all
    /// other sessions end.
    pub async fn accept_reset(&self, who: &Presence, given: AcceptReset<'_>) -> Result<SignedIn, Error> {
        let outcome = self.try_accept_reset(who, given).await;
        metrics::reset("accepted", &outcome);
        outcome
    }

    async fn try_accept_reset(&self, who: &Presence, given: AcceptReset<'_>) -> Result<SignedIn, Error> {
        self.admit_stranger(who)?;
        let now = self.0.clock.now();
        let token = Token::parse(TokenKind::Reset, given.token)
            .map_err(|_| Error::ResetGone)?
            .hash();
        let mut tx = self.0.spine.db().spine().await?;
        let (user, home) = resets::find(&mut tx, &token, now).await?.ok_or(Error::ResetGone)?;
        let account = users::by_id(&mut tx, user).await?.ok_or(Error::ResetGone)?.account;
        tx.end_read();
        let memberships = self.0.memberships.of_user(user).await?;
        if memberships.is_empty() {
            return Err(Error::NoMembership);
        }
        let email = EmailAddress::parse(&account.email).map_err(|_| Error::ResetGone)?;
        let minimum = password_minimum(&memberships);
        self.fit_password(("/password", given.password), minimum, &email, &account.name)
            .await?;
        let factor = self.second_factor(&account, given.totp).await?;
        let hash = self.0.passwords.hash(given.password).await?;

        let mut change = self.0.spine.begin(&self.arriving_cx(user, home, who)).await?;
        if !resets::take(change.tx(), user, &token, now).await?
            || !resets::set_password(change.tx(), user, &hash).await?
        {
            return Err(Error::ResetGone);
        }
        // Undone with the rest when the code is wrong: the link is good for another attempt.
        if !self.use_factor(&mut change, user, &factor).await? {
            tracing::warn!(%user, address = ?who.address, "password reset refused: wrong code");
            return Err(Error::InvalidCredentials);
        }
        emails::prove(change.tx(), user, now).await?;
        let ended = resets::end_sessions(change.tx(), user, now).await?;
        let facts = json!({"user": user, "sessions_ended": ended});
        change
            .record(Record::new(events::PASSWORD_RESET, user, facts.clone()).after(facts))
            .await?;
        let session = self.start_session(&mut change, user, who).await?;
        self.tell(&mut change, &account, &Notice::PasswordReset).await?;
        change.commit().await?;
        self.end_presented(who).await?;
        self.signed_in(session, user, who).await
    }
}

/// Answers requests for a new password, out of anybody's sight.
pub struct AnswerResets(pub Identity);

#[async_trait]
impl Job for AnswerResets {
    fn kind(&self) -> &'static str {
        ANSWER
    }

    async fn run(&self, payload: &Value, cx: &JobCx) -> Result<(), JobError> {
        let unreadable = |error: &dyn std::fmt::Display| JobError::Dead(format!("the request cannot be read: {error}"));
        let payload: Payload = serde_json::from_value(payload.clone()).map_err(|error| unreadable(&error))?;
        let sealed = BASE64_STANDARD
            .decode(&payload.sealed)
            .map_err(|error| unreadable(&error))?;
        let tx = cx.spine.db().platform(Reason::Reconcile(ANSWER)).await;
        let mut tx = tx.map_err(mpanel_events::Error::from)?;
        let sealer = cx.spine.vault().platform(&mut tx).await?;
        let opened = sealer
            .open(&place(payload.request), &sealed)
            .map_err(|error| unreadable(&error))?;
        tx.commit().await.map_err(mpanel_events::Error::from)?;
        let asked: Asked = serde_json::from_slice(&opened).map_err(|error| unreadable(&error))?;
        Ok(self.0.answer_reset(asked, payload.request).await?)
    }
}

fn place(request: RequestId) -> Place {
    Place::new("jobs.jobs", "payload", request)
}

impl Identity {
    /// Whose link it is has shown who they are in another way.
    pub(super) async fn withdraw_reset(&self, change: &mut mpanel_events::Change, user: UserId) -> Result<(), Error> {
        resets::withdraw(change.tx(), user).await
    }
}
