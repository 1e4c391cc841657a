use mpanel_crypto::{Token, TokenKind};
use mpanel_events::Record;
use mpanel_identity_contract::events;
use mpanel_kernel::names::{EmailAddress, Title};
use serde_json::json;

use super::SignedIn;
use super::accept::Invitation;
use crate::Identity;
use crate::domain::{Presence, password_minimum};
use crate::error::Error;
use crate::store::{activations, emails, realm_hosts, users};

pub struct Activate<'a> {
    pub token: &'a str,
    /// The name that was given by whoever invited, when absent.
    pub name: Option<&'a str>,
    pub password: &'a str,
    /// For an account with a second factor that the person has already.
    pub totp: Option<&'a str>,
}

impl Identity {
    /// Sets the first password of an account and signs its owner in. Who has an account for the same
    /// address already, and shows its password, joins with that one instead.
    pub async fn activate(&self, who: &Presence, given: Activate<'_>) -> Result<SignedIn, Error> {
        self.admit_stranger(who)?;
        let now = self.0.clock.now();
        let token = Token::parse(TokenKind::Activation, given.token)
            .map_err(|_| Error::ActivationGone)?
            .hash();
        let mut tx = self.0.spine.db().spine().await?;
        let activations::Found {
            user,
            home,
            realm,
            by_mail,
        } = activations::find(&mut tx, &token, now)
            .await?
            .ok_or(Error::ActivationGone)?;
        let account = users::by_id(&mut tx, user).await?.ok_or(Error::ActivationGone)?.account;
        // An account of one brand's does not join for another, nor the provider's own for a brand.
        let here = realm_hosts::at(&mut tx, &who.host, self.0.realm).await?;
        tx.end_read();
        if realm != here {
            return Err(Error::OtherRealm);
        }
        // What was asked for before a suspension waits for its end, as everything else does.
        let mut look = self.0.spine.db().look().await?;
        let acting = self.0.memberships.acting(&mut look, user, home, None, now).await?;
        drop(look);
        if acting.is_some_and(|acting| acting.suspended) {
            return Err(Error::InviterSuspended);
        }
        let name = Title::parse(given.name.unwrap_or(&account.name))
            .map_err(|error| Error::Invalid(vec![error.at("/name")]))?;
        let memberships = self.0.memberships.of_user(user).await?;
        let email = EmailAddress::parse(&account.email).map_err(|_| Error::ActivationGone)?;
        if memberships.is_empty() {
            return Err(Error::NoMembership);
        }
        self.0.throttle.by_account(&account.email, who.address)?;
        if let Some(known) = self.recognise(who, &email, given.password).await?.known {
            if known.person.account.id == user {
                return Err(Error::ActivationGone);
            }
            let invitation = Invitation {
                token: &token,
                invited: user,
                tenant: home,
                by_mail,
            };
            return self.accept(who, invitation, known, (given.password, given.totp)).await;
        }
        // Not before: whoever joins with an account keeps its password, whatever the role would ask of a new one.
        let minimum = password_minimum(&memberships);
        self.fit_password(("/password", given.password), minimum, &email, name.as_str())
            .await?;
        let password_hash = self.0.passwords.hash(given.password).await?;

        let mut change = self.0.spine.begin(&self.arriving_cx(user, home, who)).await?;
        if !activations::take(change.tx(), &token, now).await? {
            return Err(Error::ActivationGone);
        }
        // A link that outlived the activation is nobody's key to the account.
        if !users::activate(change.tx(), user, (name.as_str(), &password_hash), now).await? {
            return Err(Error::ActivationGone);
        }
        if by_mail {
            emails::prove(change.tx(), user, now).await?;
        }
        change
            .record(Record::new(events::USER_ACTIVATED, user, json!({"user": user})))
            .await?;
        let session = self.start_session(&mut change, user, who).await?;
        change.commit().await?;
        self.end_presented(who).await?;
        self.signed_in(session, user, who).await
    }
}
