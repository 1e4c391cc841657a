use std::collections::HashMap;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use mpanel_crypto::Token;
use mpanel_identity_contract::{Accounts, Activation, Invited, Profile};
use mpanel_kernel::ids::{TenantId, UserId};
use mpanel_kernel::names::EmailAddress;
use mpanel_pg::TenantTx;

use crate::store::{activations, users};
use crate::{Identity, service};

/// How long an invitation can be accepted.
const ACTIVATION_LIFE: SignedDuration = SignedDuration::from_hours(7 * 24);

#[async_trait]
impl Accounts for Identity {
    async fn invite(
        &self,
        tx: &mut TenantTx,
        home: TenantId,
        email: &EmailAddress,
        name: &str,
        now: Timestamp,
    ) -> Result<Invited, mpanel_pg::Error> {
        let token = Token::generate(service::ACTIVATION_PREFIX);
        let expires_at = service::after(now, ACTIVATION_LIFE);
        let (user, active) =
            activations::invite(tx, self.0.realm, home, (email, name), (&token.hash(), expires_at), now).await?;
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
