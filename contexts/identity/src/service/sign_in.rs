use jiff::SignedDuration;
use mpanel_authz::{Allowed, actions};
use mpanel_crypto::{Place, Token, TokenHash, TotpSecret};
use mpanel_events::{Change, Record};
use mpanel_identity_contract::events;
use mpanel_kernel::ids::{SessionId, UserId};
use mpanel_kernel::names::EmailAddress;
use mpanel_pg::TenantTx;
use serde_json::json;

use super::{Recognised, after};
use crate::credential::SESSION_PREFIX;
use crate::domain::{Account, MeTenant, Presence};
use crate::error::Error;
use crate::store::{sessions, users};
use crate::{Identity, authz, metrics};

/// A session nobody uses ends (ASVS 7.3.1).
pub const IDLE_LIFE: SignedDuration = SignedDuration::from_hours(12);
/// And every session ends (ASVS 7.3.2).
pub const ABSOLUTE_LIFE: SignedDuration = SignedDuration::from_hours(7 * 24);
/// Expired sessions are forgotten after this.
const FORGET_AFTER: SignedDuration = SignedDuration::from_hours(30 * 24);

pub struct SignIn<'a> {
    pub email: EmailAddress,
    pub password: &'a str,
    /// A code of the authenticator app, or a backup code.
    pub totp: Option<&'a str>,
}

/// A session that has started.
#[derive(Debug)]
pub struct SignedIn {
    /// For the cookie.
    pub token: Token,
    pub me: MeTenant,
}

/// What a second factor was shown as.
enum Factor<'a> {
    None,
    Totp(&'a str),
    /// The hash that matched.
    Backup(String),
}

impl Identity {
    /// Refuses those who come over an open network, and those who come too often.
    pub(super) fn admit_stranger(&self, who: &Presence) -> Result<(), Error> {
        if !who.is_private() {
            return Err(Error::Insecure);
        }
        self.0.throttle.by_address(who.address)
    }

    pub async fn sign_in(&self, who: &Presence, given: SignIn<'_>) -> Result<SignedIn, Error> {
        let outcome = self.try_sign_in(who, given).await;
        metrics::sign_in(&outcome);
        outcome
    }

    async fn try_sign_in(&self, who: &Presence, given: SignIn<'_>) -> Result<SignedIn, Error> {
        self.admit_stranger(who)?;
        self.0.throttle.by_account(given.email.as_str())?;
        let Some(known) = self.recognise(&given.email, given.password).await? else {
            tracing::warn!(address = ?who.address, "sign-in refused: wrong address or password");
            return Err(Error::InvalidCredentials);
        };
        let user = known.person.account.id;
        if self.0.memberships.of_user(user).await?.is_empty() {
            return Err(Error::NoMembership);
        }
        let session = self.enter(who, known, (given.password, given.totp)).await?;
        self.end_presented(who).await?;
        self.signed_in(session, user, who).await
    }

    /// The account of this address that has this password: nobody has proven an address to be theirs,
    /// so there may be several, given by tenants that know nothing of each other.
    pub(super) async fn recognise(&self, email: &EmailAddress, password: &str) -> Result<Option<Recognised>, Error> {
        let mut tx = self.0.spine.db().spine().await?;
        let accounts = users::by_email(&mut tx, self.0.realm, email).await?;
        tx.end_read();
        self.whose(accounts, password).await
    }

    /// Checks and uses up the second factor, and starts a session.
    pub(super) async fn enter(
        &self,
        who: &Presence,
        Recognised { person, rehash }: Recognised,
        (password, totp): (&str, Option<&str>),
    ) -> Result<Token, Error> {
        let account = &person.account;
        let factor = self.second_factor(account, totp).await?;
        let renewed = if rehash {
            Some(self.0.passwords.hash(password).await?)
        } else {
            None
        };
        let stored = person.password_hash.as_deref().unwrap_or_default();
        let cx = self.arriving_cx(account.id, account.home, who);
        let mut change = self.0.spine.begin(&cx).await?;
        // The password may have changed since it was checked, and the second factor been switched on.
        if !users::confirm_password(change.tx(), account.id, stored, renewed.as_deref()).await? {
            return Err(Error::InvalidCredentials);
        }
        if !self.use_factor(&mut change, account.id, &factor).await? {
            tracing::warn!(user = %account.id, address = ?who.address, "sign-in refused: wrong code");
            return Err(Error::InvalidCredentials);
        }
        let session = self.start_session(&mut change, account.id, who).await?;
        change.commit().await?;
        Ok(session)
    }

    /// Sorts out which kind of second factor is shown. Backup codes are compared here, before any
    /// row is locked: that takes as long as a password.
    async fn second_factor<'a>(&self, account: &Account, shown: Option<&'a str>) -> Result<Factor<'a>, Error> {
        if !account.totp_enabled {
            return Ok(Factor::None);
        }
        let code = shown
            .map(str::trim)
            .filter(|code| !code.is_empty())
            .ok_or(Error::TotpRequired)?;
        self.0.throttle.by_code(account.id)?;
        if code.len() == 6 && code.bytes().all(|b| b.is_ascii_digit()) {
            return Ok(Factor::Totp(code));
        }
        let mut tx = self.0.spine.db().tenant(account.home).await?;
        let mut hashes = users::backup_codes(&mut tx, account.id).await?;
        tx.commit().await?;
        match self.0.passwords.find_backup_code(code, &hashes).await? {
            Some(at) => Ok(Factor::Backup(hashes.swap_remove(at))),
            None => Err(Error::InvalidCredentials),
        }
    }

    /// Uses the second factor up; `false` when it is wrong, used already, or missing after all.
    async fn use_factor(&self, change: &mut Change, user: UserId, factor: &Factor<'_>) -> Result<bool, Error> {
        let totp = users::totp_locked(change.tx(), user)
            .await?
            .ok_or(Error::InvalidCredentials)?;
        let Some(sealed) = totp.secret else {
            return Ok(matches!(factor, Factor::None));
        };
        match factor {
            Factor::None => Ok(false),
            Factor::Backup(hash) => users::use_backup_code(change.tx(), user, hash).await,
            Factor::Totp(code) => {
                let sealer = self.0.spine.vault().tenant(change.tx()).await?;
                let secret = TotpSecret::try_from(&*sealer.open(&secret_place(user), &sealed)?.to_vec())?;
                let Some(step) = secret.verify(code, self.unix_seconds(), totp.last_step) else {
                    return Ok(false);
                };
                users::set_totp_step(change.tx(), user, step).await?;
                Ok(true)
            }
        }
    }

    pub(super) fn unix_seconds(&self) -> u64 {
        u64::try_from(self.0.clock.now().as_second()).unwrap_or_default()
    }

    /// Starts a session in the transaction, whose tenant is the user's home.
    pub(super) async fn start_session(
        &self,
        change: &mut Change,
        user: UserId,
        who: &Presence,
    ) -> Result<Token, Error> {
        let token = Token::generate(SESSION_PREFIX);
        let now = self.0.clock.now();
        let new = sessions::NewSession {
            id: SessionId::generate(),
            user,
            realm: self.0.realm,
            token: &token.hash(),
            now,
            idle_expires_at: after(now, IDLE_LIFE),
            expires_at: after(now, ABSOLUTE_LIFE),
        };
        sessions::start(change.tx(), &new, who, after(now, -FORGET_AFTER)).await?;
        let facts = json!({"user": user});
        change
            .record(Record::new(events::SESSION_STARTED, new.id, facts.clone()).after(facts))
            .await?;
        self.0.guesses.gave(&token);
        Ok(token)
    }

    /// A browser that signs in has done with the session whose cookie it brings (ASVS 7.2.4).
    pub(super) async fn end_presented(&self, who: &Presence) -> Result<(), Error> {
        match &who.old_session {
            Some(token) => self.end_by_token(who, token).await,
            None => Ok(()),
        }
    }

    pub(super) async fn end_by_token(&self, who: &Presence, token: &TokenHash) -> Result<(), Error> {
        let mut tx = self.0.spine.db().spine().await?;
        let found = sessions::by_token(&mut tx, token).await?;
        tx.commit().await?;
        let Some((session, user, home)) = found else {
            return Ok(());
        };
        let mut change = self.0.spine.begin(&self.arriving_cx(user, home, who)).await?;
        if sessions::end_replaced(change.tx(), user, session, self.0.clock.now()).await? {
            let data = json!({"user": user, "reason": "replaced"});
            change.record(Record::new(events::SESSION_ENDED, session, data)).await?;
            change.commit().await?;
        }
        Ok(())
    }

    /// What a change of how one signs in does to sessions (ASVS 7.2.4, 7.4.3): the user's others end, and
    /// the one that asks, if a session does, goes on under the new token that is returned.
    pub(super) async fn renew_sessions(
        &self,
        tx: &mut TenantTx,
        allowed: &Allowed<authz::Account, actions::Modify>,
        user: UserId,
        session: Option<&TokenHash>,
    ) -> Result<(u64, Option<Token>), Error> {
        let ended = sessions::end_others(tx, allowed, user, session, self.0.clock.now()).await?;
        let Some(old) = session else {
            return Ok((ended, None));
        };
        let token = Token::generate(SESSION_PREFIX);
        let renewed = sessions::renew(tx, allowed, user, (old, &token.hash())).await?;
        self.0.guesses.gave(&token);
        Ok((ended, renewed.then_some(token)))
    }

    pub(super) async fn signed_in(&self, token: Token, user: UserId, who: &Presence) -> Result<SignedIn, Error> {
        let me = self.me_of(user, who.loopback).await?;
        Ok(SignedIn { token, me })
    }
}

pub fn secret_place(user: UserId) -> Place {
    Place::new("identity.users", "totp_secret", user)
}
