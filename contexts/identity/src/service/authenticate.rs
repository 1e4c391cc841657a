use std::net::IpAddr;

use jiff::{SignedDuration, Timestamp};
use mpanel_authz::{Actor, Rights, Scopes};
use mpanel_kernel::ids::{SessionId, TenantId, UserId};
use mpanel_pg::Look;

use super::after;
use super::service_accounts::member;
use super::sign_in::IDLE_LIFE;
use crate::credential::Presented;
use crate::error::Error;
use crate::store::api_tokens::{self, Holder};
use crate::store::sessions;
use crate::{CredentialError, Identity, metrics};

/// How exact "last seen" is: a write for every request would be a write for every read.
const SEEN_EVERY: SignedDuration = SignedDuration::from_mins(1);

/// Whom a credential stands for.
#[derive(Debug, Clone)]
pub struct Authenticated {
    pub actor: Actor,
    /// The session that was shown; programs have none.
    pub session: Option<SessionId>,
    /// As memberships know who it is: a person, or a service account.
    pub user: UserId,
    /// Where requests act that name no tenant: the token's tenant, else the user's home.
    pub tenant: TenantId,
    /// A token acts for its tenant and those below it only; a session wherever its user may.
    pub bound: bool,
    pub scopes: Option<Scopes>,
    pub totp_enabled: bool,
    /// A person's session, whose second factor was lost with the installation's key: nothing but setting up another is allowed.
    pub totp_lost: bool,
    /// When a session's person last showed who they are; programs never do.
    pub proven_at: Option<Timestamp>,
    /// The credential was not seen for a while: [`Identity::saw`] marks it, once its bearer is let in.
    pub due: bool,
}

/// How a credential came.
#[derive(Debug, Clone, Copy)]
pub struct Circumstances<'a> {
    /// The name at which the request arrived.
    pub host: &'a str,
    pub address: Option<IpAddr>,
    /// Nobody made the request by hand, such as a stream's: it does not keep a session from idling.
    pub passive: bool,
}

impl Identity {
    /// Looks a credential up, in one query.
    ///
    /// # Errors
    /// [`CredentialError::Invalid`] for one that is unknown, ended, expired or bound to another host or realm;
    /// [`Error::WrongNetwork`] for a good one that may not be used from there; otherwise when the database is away.
    pub async fn authenticate(
        &self,
        look: &mut Look,
        presented: &Presented,
        how: Circumstances<'_>,
    ) -> Result<Authenticated, Error> {
        let now = self.0.clock.now();
        let seen_before = if how.passive {
            Timestamp::UNIX_EPOCH
        } else {
            after(now, -SEEN_EVERY)
        };
        let found = match presented {
            Presented::Session(token) => {
                let at = sessions::Moments { now, seen_before };
                let found = sessions::find(look, self.0.realm, &token.hash(), how.host, at).await?;
                found.map(|session| Authenticated {
                    actor: Actor::User(session.user),
                    session: Some(session.id),
                    user: session.user,
                    tenant: session.home,
                    bound: false,
                    scopes: None,
                    totp_enabled: session.totp_enabled,
                    totp_lost: session.totp_lost,
                    proven_at: Some(session.proven_at),
                    due: session.due,
                })
            }
            Presented::ApiToken(token) => {
                let found = api_tokens::find(look, &token.hash(), now, seen_before).await?;
                // Only now: whoever has no token learns nothing of where it would work.
                if let Some(token) = &found
                    && !token.networks.iter().all(|networks| networks.allow(how.address))
                {
                    metrics::wrong_network();
                    tracing::warn!(token = %token.id, address = ?how.address, "token refused: not from this network");
                    return Err(Error::WrongNetwork);
                }
                found.map(of_token)
            }
        };
        found.ok_or(Error::Credential(CredentialError::Invalid))
    }

    /// Marks a credential as seen that was not for a while. What is refused is not marked: it must not keep a session from
    /// idling, nor hide from where a token was last used for good.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn saw(&self, look: &mut Look, who: &Authenticated, address: Option<IpAddr>) -> Result<(), Error> {
        if !who.due {
            return Ok(());
        }
        let now = self.0.clock.now();
        let seen_before = after(now, -SEEN_EVERY);
        match (&who.actor, who.session) {
            (_, Some(session)) => {
                let at = sessions::Moments { now, seen_before };
                sessions::see(look, (who.tenant, session), at, after(now, IDLE_LIFE)).await
            }
            (Actor::Token { token, .. } | Actor::Service { token, .. }, None) => {
                api_tokens::see(look, (who.tenant, *token), address, now, seen_before).await
            }
            (_, None) => Ok(()),
        }
    }

    /// Whether the user is a member of the platform itself by whom it can be changed, and so needs a second factor.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn runs_platform(&self, user: UserId) -> Result<bool, Error> {
        let platform = self.0.memberships.platform();
        let mut look = self.0.spine.db().look().await?;
        let acting = self
            .0
            .memberships
            .acting(&mut look, user, platform, None, self.0.clock.now())
            .await?;
        Ok(acting.is_some_and(|acting| runs(&acting.role)))
    }
}

/// Whether who has these rights on the platform runs it, and needs more than a password over the network: whose role reaches
/// those below, as an owner's and an admin's do, and who has a role that the platform has defined itself once that changes
/// anything.
#[must_use]
pub fn runs(rights: &Rights) -> bool {
    let sees = |permission: &String| permission.ends_with(":list") || permission.ends_with(":read");
    match rights {
        Rights::BuiltIn(role) => role.reaches_descendants(),
        Rights::Custom(role) => role.reaches_descendants || !role.permissions.iter().all(sees),
    }
}

fn of_token(token: api_tokens::Found) -> Authenticated {
    let (actor, user) = match token.holder {
        Holder::Person(user) => (Actor::Token { token: token.id, user }, user),
        Holder::Service(account) => (
            Actor::Service {
                token: token.id,
                account,
            },
            member(account),
        ),
    };
    Authenticated {
        actor,
        session: None,
        user,
        tenant: token.tenant,
        bound: true,
        scopes: Some(Scopes::stored(token.scopes)),
        totp_enabled: token.totp_enabled,
        totp_lost: false,
        proven_at: None,
        due: token.due,
    }
}
