use mpanel_crypto::TokenHash;
use mpanel_events::{Change, Record};
use mpanel_identity_contract::events;
use mpanel_kernel::ids::{TenantId, UserId};
use serde_json::json;

use super::{Recognised, SignedIn};
use crate::Identity;
use crate::domain::Presence;
use crate::error::Error;
use crate::store::{activations, emails, users};

/// An invitation that is about to be accepted.
pub struct Invitation<'a> {
    pub token: &'a TokenHash,
    /// The account that was made for it.
    pub invited: UserId,
    /// The tenant that invites.
    pub tenant: TenantId,
    /// Whether its link went by mail.
    pub by_mail: bool,
}

impl Identity {
    /// Joins a tenant with an account that the person has already, for which the password was shown: the membership that the
    /// invitation holds becomes theirs, and the account that was made for it goes. The second factor, the membership and
    /// the session are one change: all of them or none.
    pub(super) async fn accept(
        &self,
        who: &Presence,
        invitation: Invitation<'_>,
        known: Recognised,
        shown: (&str, Option<&str>),
    ) -> Result<SignedIn, Error> {
        let user = known.person.account.id;
        let session = self.enter(who, known, shown, Some(&invitation)).await?;
        self.end_presented(who).await?;
        self.signed_in(session, user, who).await
    }

    /// Does so within the change that signs the person in, which is one of the account's home.
    pub(super) async fn join(
        &self,
        change: &mut Change,
        who: &Presence,
        invitation: &Invitation<'_>,
        user: UserId,
    ) -> Result<(), Error> {
        let (home, now) = (change.tx().tenant(), self.0.clock.now());
        let invited = invitation.invited;
        change.tx().switch(invitation.tenant).await?;
        if !activations::take(change.tx(), invitation.token, now).await? {
            return Err(Error::ActivationGone);
        }
        self.0.memberships.hand_over(change.tx(), invited, user).await?;
        users::forget_invited(change.tx(), invited).await?;
        change.tx().switch(home).await?;
        if invitation.by_mail {
            emails::prove(change.tx(), user, now).await?;
        }
        let there = self.arriving_cx(user, invitation.tenant, who);
        let facts = json!({"user": user, "invited": invited});
        let record = Record::new(events::INVITATION_ACCEPTED, user, facts.clone()).after(facts);
        Ok(change.record_for(&there, record).await?)
    }
}
