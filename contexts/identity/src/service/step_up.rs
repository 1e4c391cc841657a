use jiff::Timestamp;
use mpanel_authz::{OpCx, actions};
use mpanel_crypto::{Token, TokenHash};
use mpanel_events::Record;
use mpanel_identity_contract::events;
use serde_json::json;

use super::after;
use super::sign_in::{Factor, new_session_token};
use crate::authz;
use crate::domain::{Origin, Proof, Refusal, Refused};
use crate::error::Error;
use crate::store::users::Secrets;
use crate::store::{sessions, sign_ins};
use crate::{Identity, metrics};

pub struct StepUp<'a> {
    pub password: &'a str,
    /// A code of the authenticator app, or a backup code.
    pub totp: Option<&'a str>,
}

/// A session whose person has just shown who they are.
#[derive(Debug)]
pub struct SteppedUp {
    /// The session goes on under this one.
    pub token: Token,
    /// Until when the proof counts.
    pub until: Timestamp,
}

impl Identity {
    /// Shows password, and second factor if there is one, again (ASVS 7.5.1, 7.5.3): for a while the session may do what
    /// demands a fresh proof. It goes on under another token (ASVS 7.2.4).
    pub async fn step_up(
        &self,
        cx: &OpCx,
        given: StepUp<'_>,
        from: Origin,
        session: Option<&TokenHash>,
    ) -> Result<SteppedUp, Error> {
        let outcome = self.try_step_up(cx, given, from, session).await;
        metrics::step_up(&outcome);
        outcome
    }

    async fn try_step_up(
        &self,
        cx: &OpCx,
        given: StepUp<'_>,
        from: Origin,
        session: Option<&TokenHash>,
    ) -> Result<SteppedUp, Error> {
        let allowed = cx.authorize::<authz::Account, _>(actions::Modify)?;
        let old = session.ok_or(Error::NotFound)?;
        let person = match self.reentered(cx, ("/password", given.password)).await {
            Ok(person) => person,
            Err(error) => {
                if let (Error::Invalid(_), Ok(person)) = (&error, self.person(cx).await) {
                    self.note(&person, Refusal::WrongPassword, from);
                }
                return Err(error);
            }
        };
        let factor = match self.second_factor(&person.account, given.totp).await {
            Ok(factor) => factor,
            Err(Error::TotpRequired) => {
                self.note(&person, Refusal::CodeMissing, from);
                return Err(Error::field(
                    "/totp",
                    "identity.step_up.code_required",
                    Error::TotpRequired.to_string(),
                ));
            }
            Err(Error::InvalidCredentials) => return Err(self.wrong_code(&person, from)),
            Err(error) => return Err(error),
        };
        let user = person.account.id;
        let mut change = self.confirmed(cx, &person, None).await?;
        if !self.use_factor(&mut change, user, &factor).await? {
            drop(change);
            return Err(self.wrong_code(&person, from));
        }
        let (token, now) = (new_session_token(), self.0.clock.now());
        if !sessions::renew(change.tx(), &allowed, user, (old, &token.hash()), Some(now)).await? {
            return Err(Error::NotFound);
        }
        let second = factor.kind();
        sign_ins::succeeded(change.tx(), user, Proof::StepUp, second, &from, now).await?;
        let facts = json!({"user": user, "second_factor": second.map(|factor| factor.as_str())});
        let record = Record::new(events::SESSION_PROVEN, user, json!({"user": user}));
        change.record(record.after(facts)).await?;
        change.commit().await?;
        self.0.guesses.gave(&token);
        let until = after(now, self.0.settings.step_up);
        Ok(SteppedUp { token, until })
    }

    fn wrong_code(&self, person: &Secrets, from: Origin) -> Error {
        tracing::warn!(user = %person.account.id, address = ?from.address, "step-up refused: wrong code");
        self.note(person, Refusal::WrongCode, from);
        Error::field("/totp", "identity.totp.wrong_code", Error::TotpWrong.to_string())
    }

    fn note(&self, person: &Secrets, why: Refusal, from: Origin) {
        self.0.history.refused(Refused {
            accounts: vec![(person.account.id, person.account.home)],
            proof: Proof::StepUp,
            why,
            from,
            at: self.0.clock.now(),
        });
    }
}

impl Factor<'_> {
    /// What it was, for the history.
    pub(super) fn kind(&self) -> Option<crate::domain::SecondFactor> {
        use crate::domain::SecondFactor;
        match self {
            Self::None => None,
            Self::Totp(_) => Some(SecondFactor::Totp),
            Self::Backup(_) => Some(SecondFactor::BackupCode),
        }
    }
}
