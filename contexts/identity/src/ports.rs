use std::collections::HashMap;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use mpanel_crypto::Token;
use mpanel_identity_contract::{Accounts, Activation, Invited, Profile};
use mpanel_kernel::ids::{TenantId, UserId};
use mpanel_kernel::names::EmailAddress;
use mpanel_pg::TenantTx;

use crate::store::{activations, realm_hosts, users};
use crate::{Identity, letters, service};

/// How long an invitation can be accepted.
pub(crate) const ACTIVATION_LIFE: SignedDuration = SignedDuration::from_hours(7 * 24);

#[async_trait]
impl Accounts for Identity {
    async fn invite(
        &self,
        tx: &mut TenantTx,
        home: TenantId,
        email: &EmailAddress,
        name: &str,
        now: Timestamp,
    ) -> Result<Invited, mpanel_events::Error> {
        let token = Token::generate(service::ACTIVATION_PREFIX);
        let mailed = Token::generate(service::ACTIVATION_PREFIX);
        let expires_at = service::after(now, ACTIVATION_LIFE);
        let realm = realm_hosts::of_tenant(tx, home).await?;
        let links = (&token.hash(), &mailed.hash(), expires_at);
        let (user, active) = activations::invite(tx, realm, home, (email, name), links, now).await?;
        if !active {
            let tenant = self.0.roster.tenant_name(tx, home).await?.unwrap_or_default();
            let mail = self.mail_of_realm(realm).await?;
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
        tx.commit().await?;
        Ok(profiles)
    }
}
