use jiff::SignedDuration;
use mpanel_authz::{Allowed, actions};
use mpanel_crypto::{Place, Token, TokenHash, TokenKind, TotpSecret};
use mpanel_events::{Change, Record};
use mpanel_identity_contract::events;
use mpanel_kernel::ids::{SessionId, TenantId, UserId};
use mpanel_kernel::names::EmailAddress;
use mpanel_pg::TenantTx;
use serde_json::json;

use super::accept::Invitation;
use super::{Recognised, Tried, after};
use crate::domain::{Account, MeTenant, Origin, Presence, Proof, RealmId, Refusal, Refused, SecondFactor, SinceLast};
use crate::error::Error;
use crate::store::{realm_hosts, sessions, sign_ins, users};
use crate::{Identity, authz, metrics};

/// A session nobody uses ends (ASVS 7.3.1).
pub const IDLE_LIFE: SignedDuration = SignedDuration::from_hours(12);
/// And every session ends (ASVS 7.3.2).
pub const ABSOLUTE_LIFE: SignedDuration = SignedDuration::from_hours(7 * 24);
/// Expired sessions are forgotten after this.
pub const FORGET_AFTER: SignedDuration = SignedDuration::from_hours(30 * 24);

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
    /// Where an account was signed in to that had been before.
    pub since_last: Option<SinceLast>,
}

/// What a second factor was shown as.
pub(super) enum Factor<'a> {
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
        self.0.throttle.by_account(given.email.as_str(), who.address)?;
        let tried = self.recognise(who, &given.email, given.password).await?;
        let Some(known) = tried.known else {
            tracing::warn!(address = ?who.address, "sign-in refused: wrong address or password");
            self.refused(tried.accounts, Refusal::WrongPassword, who);
            return Err(Error::InvalidCredentials);
        };
        let (user, home) = (known.person.account.id, known.person.account.home);
        if self.0.memberships.of_user(user).await?.is_empty() {
            return Err(Error::NoMembership);
        }
        let session = self.enter(who, known, (given.password, given.totp), None).await?;
        self.end_presented(who).await?;
        let mut tx = self.0.spine.db().tenant(home).await?;
        let since_last = sign_ins::since_last(&mut tx, user).await?;
        tx.end_read();
        Ok(SignedIn {
            since_last: Some(since_last),
            ..self.signed_in(session, user, who).await?
        })
    }

    /// Has refused attempts written down for their accounts, if there are any.
    fn refused(&self, accounts: Vec<(UserId, TenantId)>, why: Refusal, who: &Presence) {
        self.0.history.refused(Refused {
            accounts,
            proof: Proof::SignIn,
            why,
            from: Origin::from(who),
            at: self.0.clock.now(),
        });
    }

    /// The realm of the host at which somebody arrived.
    pub(super) async fn realm_at(&self, host: &str) -> Result<RealmId, Error> {
        let mut tx = self.0.spine.db().spine().await?;
        let realm = realm_hosts::at(&mut tx, host, self.0.realm).await?;
        tx.end_read();
        Ok(realm)
    }

    /// The account of this address that has this password, in the realm of the host: nobody has proven an address to be
    /// theirs, so there may be several, given by tenants that know nothing of each other.
    pub(super) async fn recognise(&self, who: &Presence, email: &EmailAddress, password: &str) -> Result<Tried, Error> {
        let mut tx = self.0.spine.db().spine().await?;
        let realm = realm_hosts::at(&mut tx, &who.host, self.0.realm).await?;
        let found = users::by_email(&mut tx, realm, email).await?;
        tx.end_read();
        let accounts = found
            .iter()
            .map(|person| (person.account.id, person.account.home))
            .collect();
        let known = self.whose(found, password).await?;
        Ok(Tried { known, accounts })
    }

    /// Checks and uses up the second factor, starts a session, and accepts an invitation if there is one.
    pub(super) async fn enter(
        &self,
        who: &Presence,
        known: Recognised,
        shown: (&str, Option<&str>),
        joining: Option<&Invitation<'_>>,
    ) -> Result<Token, Error> {
        let meant = (known.person.account.id, known.person.account.home);
        let entered = self.try_enter(who, known, shown, joining).await;
        let refusal = match &entered {
            Err(Error::TotpRequired) => Some(Refusal::CodeMissing),
            Err(Error::InvalidCredentials) => Some(Refusal::WrongCode),
            _ => None,
        };
        if let Some(why) = refusal {
            self.refused(vec![meant], why, who);
        }
        entered
    }

    async fn try_enter(
        &self,
        who: &Presence,
        Recognised { person, rehash }: Recognised,
        (password, totp): (&str, Option<&str>),
        joining: Option<&Invitation<'_>>,
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
        self.tell_of_device(&mut change, account, who).await?;
        let session = self
            .start_session_by(&mut change, account.id, factor.kind(), who)
            .await?;
        if let Some(invitation) = joining {
            self.join(&mut change, who, invitation, account.id).await?;
        }
        change.commit().await?;
        Ok(session)
    }

    /// Sorts out which kind of second factor is shown. Backup codes are compared here, before any
    /// row is locked: that takes as long as a password.
    pub(super) async fn second_factor<'a>(
        &self,
        account: &Account,
        shown: Option<&'a str>,
    ) -> Result<Factor<'a>, Error> {
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
        tx.end_read();
        match self.0.passwords.find_backup_code(code, &hashes).await? {
            Some(at) => Ok(Factor::Backup(hashes.swap_remove(at))),
            None => Err(Error::InvalidCredentials),
        }
    }

    /// Uses the second factor up; `false` when it is wrong, used already, or missing after all.
    pub(super) async fn use_factor(
        &self,
        change: &mut Change,
        user: UserId,
        factor: &Factor<'_>,
    ) -> Result<bool, Error> {
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
        self.start_session_by(change, user, None, who).await
    }

    /// The same for who has shown a second factor. People of one realm get none at another's host.
    async fn start_session_by(
        &self,
        change: &mut Change,
        user: UserId,
        factor: Option<SecondFactor>,
        who: &Presence,
    ) -> Result<Token, Error> {
        let (token, now) = (new_session_token(), self.0.clock.now());
        let new = sessions::NewSession {
            id: SessionId::generate(),
            user,
            realm: realm_hosts::of_host(change.tx(), &who.host, self.0.realm).await?,
            token: &token.hash(),
            now,
            idle_expires_at: after(now, IDLE_LIFE),
            expires_at: after(now, ABSOLUTE_LIFE),
        };
        if !sessions::start(change.tx(), &new, who, after(now, -FORGET_AFTER)).await? {
            return Err(Error::OtherRealm);
        }
        sign_ins::succeeded(change.tx(), user, Proof::SignIn, factor, &Origin::from(who), now).await?;
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
        tx.end_read();
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
        let token = new_session_token();
        let renewed = sessions::renew(tx, allowed, user, (old, &token.hash()), None).await?;
        self.0.guesses.gave(&token);
        Ok((ended, renewed.then_some(token)))
    }

    pub(super) async fn signed_in(&self, token: Token, user: UserId, who: &Presence) -> Result<SignedIn, Error> {
        let me = self.me_of(user, who.loopback).await?;
        Ok(SignedIn {
            token,
            me,
            since_last: None,
        })
    }
}

pub(super) fn new_session_token() -> Token {
    Token::generate(TokenKind::Session)
}

pub fn secret_place(user: UserId) -> Place {
    Place::new("identity.users", "totp_secret", user)
}
