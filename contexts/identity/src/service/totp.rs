use mpanel_authz::{OpCx, actions};
use mpanel_crypto::{Place, Token, TokenHash, TotpSecret, Verdict, generate_backup_codes};
use mpanel_events::{Change, Record};
use mpanel_identity_contract::events;
use mpanel_kernel::ids::UserId;
use serde_json::json;
use zeroize::Zeroizing;

use super::sign_in::secret_place;
use crate::Identity;
use crate::authz;
use crate::error::Error;
use crate::letters::Notice;
use crate::store::users::{self, Secrets};

const ISSUER: &str = "mPanel";

/// A secret to put into an authenticator app.
#[derive(Debug)]
pub struct TotpStarted {
    /// Base32.
    pub secret: Zeroizing<String>,
    pub otpauth_uri: Zeroizing<String>,
}

/// People type spaces into codes; nobody types more than this.
const LONGEST_CODE: usize = 32;

impl Identity {
    /// Makes a new secret, which counts only once a code of it is confirmed; until then the one in
    /// use, if any, stays.
    pub async fn start_totp(&self, cx: &OpCx, password: &str) -> Result<TotpStarted, Error> {
        cx.authorize::<authz::Account, _>(actions::Modify)?;
        let person = self.reentered(cx, ("/password", password)).await?;
        let user = person.account.id;
        let secret = TotpSecret::generate();
        let mut change = self.confirmed(cx, &person, None).await?;
        let sealer = self.0.spine.vault().tenant(change.tx()).await?;
        let sealed = sealer.seal(&pending_place(user), secret.as_bytes());
        users::set_totp_pending(change.tx(), user, &sealed).await?;
        change
            .record(Record::new(events::TOTP_STARTED, user, json!({"user": user})))
            .await?;
        change.commit().await?;
        Ok(TotpStarted {
            otpauth_uri: secret.otpauth_uri(ISSUER, &person.account.email),
            secret: secret.base32(),
        })
    }

    /// Makes the new secret the second factor; returns fresh backup codes, shown once, and the new
    /// token of the session that asks, if a session does. Other sessions of the user end.
    pub async fn confirm_totp(
        &self,
        cx: &OpCx,
        code: &str,
        current: Option<&TokenHash>,
    ) -> Result<(Vec<Zeroizing<String>>, Option<Token>), Error> {
        let allowed = cx.authorize::<authz::Account, _>(actions::Modify)?;
        if code.len() > LONGEST_CODE {
            return Err(Error::field("/code", "identity.totp.bad_code", "a code has six digits"));
        }
        let person = self.person(cx).await?.account;
        let user = person.id;
        self.0.throttle.by_code(user)?;
        let codes = generate_backup_codes();
        let hashes = self.0.passwords.hash_backup_codes(&codes).await?;

        let mut change = self.0.spine.begin(&self.home_cx(cx, person.home)).await?;
        let totp = users::totp_locked(change.tx(), user).await?.ok_or(Error::NotFound)?;
        let pending = totp.pending.ok_or(Error::TotpNotStarted)?;
        let sealer = self.0.spine.vault().tenant(change.tx()).await?;
        let bytes = sealer.open(&pending_place(user), &pending)?;
        let secret = TotpSecret::try_from(bytes.as_slice())?;
        let step = secret
            .verify(code.trim(), self.unix_seconds(), None)
            .ok_or(Error::TotpWrong)?;
        let sealed = sealer.seal(&secret_place(user), secret.as_bytes());
        users::set_totp(change.tx(), user, Some((&sealed, step)), &hashes).await?;
        let (ended, token) = self.renew_sessions(change.tx(), &allowed, user, current).await?;
        let facts = json!({"user": user, "sessions_ended": ended});
        change
            .record(Record::new(events::TOTP_ENABLED, user, facts.clone()).after(facts))
            .await?;
        self.tell(&mut change, &person, &Notice::TotpEnabled).await?;
        change.commit().await?;
        Ok((codes, token))
    }

    /// Takes the second factor and its backup codes away; returns the new token of the session that
    /// asks, if a session does. Other sessions of the user end.
    pub async fn disable_totp(
        &self,
        cx: &OpCx,
        password: &str,
        current: Option<&TokenHash>,
    ) -> Result<Option<Token>, Error> {
        let allowed = cx.authorize::<authz::Account, _>(actions::Modify)?;
        let person = self.reentered(cx, ("/password", password)).await?;
        let user = person.account.id;
        let mut change = self.confirmed(cx, &person, None).await?;
        let totp = users::totp_locked(change.tx(), user).await?.ok_or(Error::NotFound)?;
        if totp.secret.is_none() {
            return Err(Error::NotFound);
        }
        users::set_totp(change.tx(), user, None, &[]).await?;
        let (ended, token) = self.renew_sessions(change.tx(), &allowed, user, current).await?;
        let facts = json!({"user": user, "sessions_ended": ended});
        change
            .record(Record::new(events::TOTP_DISABLED, user, facts.clone()).before(facts))
            .await?;
        self.tell(&mut change, &person.account, &Notice::TotpDisabled).await?;
        change.commit().await?;
        Ok(token)
    }

    /// The person behind the request, who has typed the password again (ASVS 7.5.1) into the field `pointer`.
    pub(super) async fn reentered(
        &self,
        cx: &OpCx,
        (pointer, password): (&'static str, &str),
    ) -> Result<Secrets, Error> {
        let person = self.person(cx).await?;
        // Not by address: attempts of strangers to sign in must not keep a person from changing a password.
        self.0.throttle.by_person(person.account.id)?;
        match self
            .0
            .passwords
            .verify(password, person.password_hash.as_deref())
            .await?
        {
            Verdict::Match { .. } => Ok(person),
            Verdict::Mismatch => {
                tracing::warn!(user = %person.account.id, address = ?cx.address(), "password entered again is wrong");
                Err(Error::field(
                    pointer,
                    "identity.password.wrong",
                    "this is not your password",
                ))
            }
        }
    }

    /// A change of the own account, with the password that was just checked still in place; with
    /// `new`, that hash takes its place.
    pub(super) async fn confirmed(&self, cx: &OpCx, person: &Secrets, new: Option<&str>) -> Result<Change, Error> {
        let mut change = self.0.spine.begin(&self.home_cx(cx, person.account.home)).await?;
        let seen = person.password_hash.as_deref().unwrap_or_default();
        if !users::confirm_password(change.tx(), person.account.id, seen, new).await? {
            return Err(Error::InvalidCredentials);
        }
        Ok(change)
    }
}

fn pending_place(user: UserId) -> Place {
    Place::new("identity.users", "totp_pending", user)
}
