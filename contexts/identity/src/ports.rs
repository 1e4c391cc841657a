use std::collections::HashMap;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use mpanel_crypto::{Token, TokenKind};
use mpanel_identity_contract::{Accounts, Activation, InviteError, Invited, Profile};
use mpanel_kernel::ids::{TenantId, UserId};
use mpanel_kernel::names::EmailAddress;
use mpanel_pg::TenantTx;

use crate::store::mail_limits::{self, Counted};
use crate::store::{activations, realm_hosts, realm_links, users};
use crate::{Identity, letters, service};

/// How long an invitation can be accepted.
pub(crate) const ACTIVATION_LIFE: SignedDuration = SignedDuration::from_hours(7 * 24);

impl Identity {
    /// Whether another invitation may be mailed, which counts it.
    ///
    /// # Errors
    /// When too many were, or the database is away.
    pub(crate) async fn count_invitation(
        &self,
        tx: &mut TenantTx,
        home: TenantId,
        to: &EmailAddress,
        now: Timestamp,
    ) -> Result<(), InviteError> {
        let limits = self.0.settings.invitations;
        match mail_limits::count(tx, home, to, limits, now).await? {
            Counted::Done => Ok(()),
            Counted::Waiting => Err(InviteError::TooManyWait { most: limits.waiting }),
            Counted::Full { retry_after } => Err(InviteError::TooMany { retry_after }),
        }
    }
}

#[async_trait]
impl Accounts for Identity {
    async fn invite(
        &self,
        tx: &mut TenantTx,
        home: TenantId,
        email: &EmailAddress,
        name: &str,
        now: Timestamp,
    ) -> Result<Invited, InviteError> {
        let token = Token::generate(TokenKind::Activation);
        let mailed = Token::generate(TokenKind::Activation);
        let expires_at = service::after(now, ACTIVATION_LIFE);
        let realm = realm_hosts::of_tenant(tx, home).await?;
        let links = (&token.hash(), &mailed.hash(), expires_at);
        let (user, active) = activations::invite(tx, realm, home, (email, name), links, now).await?;
        if !active {
            self.count_invitation(tx, home, email, now).await?;
            let tenant = self.0.roster.tenant_name(tx, home).await?.unwrap_or_default();
            let mail = self.mail_at(realm_links::host_of_home(tx, home).await?);
            let letter = letters::invitation(mail.brand(), (name, &tenant), &mailed, expires_at);
            mail.enqueue(tx, email, &letter).await?;
        }
        Ok(Invited {
            user,
            activation: (!active).then_some(Activation { token, expires_at }),
        })
    }

    async fn profiles(&self, wanted: &[UserId]) -> Result<HashMap<UserId, Profile>, mpanel_pg::Error> {
        let mut tx = self.0.spine.db().spine().await?;
        let profiles = users::profiles(&mut tx, wanted).await?;
        tx.end_read();
        Ok(profiles)
    }
}
