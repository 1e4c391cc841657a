use mpanel_crypto::TokenHash;
use mpanel_events::Record;
use mpanel_identity_contract::events;
use mpanel_kernel::ids::{TenantId, UserId};
use serde_json::json;

use super::{Recognised, SignedIn};
use crate::Identity;
use crate::domain::Presence;
use crate::error::Error;
use crate::store::{activations, users};

/// An invitation that is about to be accepted.
pub struct Invitation<'a> {
    pub token: &'a TokenHash,
    /// The account that was made for it.
    pub invited: UserId,
    /// The tenant that invites.
    pub tenant: TenantId,
}

impl Identity {
    /// Joins a tenant with an account that the person has already, for which the password was shown: the membership that the
    /// invitation holds becomes theirs, and the account that was made for it goes.
    pub(super) async fn accept(
        &self,
        who: &Presence,
        invitation: Invitation<'_>,
        known: Recognised,
        (password, totp): (&str, Option<&str>),
    ) -> Result<SignedIn, Error> {
        let user = known.person.account.id;
        // The second factor is used up here; only who passes it joins.
        let session = self.enter(who, known, (password, totp)).await?;
        if let Err(error) = self.join(who, &invitation, user).await {
            self.end_by_token(who, &session.hash()).await?;
            return Err(error);
        }
        self.end_presented(who).await?;
        self.signed_in(session, user, who).await
    }

    async fn join(&self, who: &Presence, invitation: &Invitation<'_>, user: UserId) -> Result<(), Error> {
        let cx = self.arriving_cx(user, invitation.tenant, who);
        let mut change = self.0.spine.begin(&cx).await?;
        if !activations::take(change.tx(), invitation.token, self.0.clock.now()).await? {
            return Err(Error::ActivationGone);
        }
        let invited = invitation.invited;
        self.0.memberships.hand_over(change.tx(), invited, user).await?;
        users::forget_invited(change.tx(), invited).await?;
        let facts = json!({"user": user, "invited": invited});
        change
            .record(Record::new(events::INVITATION_ACCEPTED, user, facts.clone()).after(facts))
            .await?;
        change.commit().await?;
        Ok(())
    }
}
