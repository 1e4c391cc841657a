use jiff::Timestamp;
use mpanel_authz::{OpCx, Role, RoleRef, actions};
use mpanel_crypto::{Token, TokenKind};
use mpanel_events::{Change, Record};
use mpanel_identity_contract::{Activation, events};
use mpanel_kernel::ids::UserId;
use serde_json::json;

use super::after;
use crate::domain::Invitation;
use crate::error::Error;
use crate::ports::ACTIVATION_LIFE;
use crate::store::invitations::{self, Waiting};
use crate::{Identity, authz, letters};

/// Nobody looks through more of them.
const MOST: i64 = 500;

/// An invitation whose links are new.
pub struct Resent {
    pub invitation: Invitation,
    /// The link to hand over.
    pub activation: Activation,
}

impl Identity {
    /// Who was invited to the acting tenant and has not come yet, the last ones first.
    pub async fn list_invitations(&self, cx: &OpCx) -> Result<Vec<Invitation>, Error> {
        cx.authorize::<authz::Invitation, _>(actions::List)?;
        let mut tx = self.0.spine.db().tenant(cx.tenant()).await?;
        let waiting = invitations::waiting(&mut tx, None, MOST).await?;
        let roles = self.0.roster.roles(&mut tx).await?;
        tx.end_read();
        let now = self.0.clock.now();
        // Who was taken out of the tenant meanwhile is invited no more.
        let invited = waiting
            .into_iter()
            .filter_map(|one| Some(invitation(role_of(&roles, one.user)?, one, now)));
        Ok(invited.collect())
    }

    /// Makes new links, of which the earlier ones go, and mails one of them.
    pub async fn resend_invitation(&self, cx: &OpCx, user: UserId) -> Result<Resent, Error> {
        let allowed = cx.authorize::<authz::Invitation, _>(actions::ManageAccess)?;
        let mail = self.mail_of_user(user).await?;
        let mut change = self.0.spine.begin(cx).await?;
        let (mut waiting, role) = self.invited(&mut change, cx, user).await?;
        // Whoever holds the link becomes what was offered by it, so it is for those who could have offered that.
        if !self.0.roster.could_give(change.tx(), cx, role).await? {
            return Err(Error::InvitationAbove);
        }
        let (handed, mailed) = (
            Token::generate(TokenKind::Activation),
            Token::generate(TokenKind::Activation),
        );
        let now = self.0.clock.now();
        let expires_at = after(now, ACTIVATION_LIFE);
        let hashes = (&handed.hash(), Some(&mailed.hash()));
        if !invitations::renew(change.tx(), &allowed, user, hashes, expires_at).await? {
            return Err(Error::NotFound);
        }
        let facts = json!({"user": user, "expires_at": expires_at});
        change
            .record(Record::new(events::INVITATION_RESENT, user, facts.clone()).after(facts))
            .await?;
        self.count_invitation(change.tx(), cx.tenant(), &waiting.email, now)
            .await?;
        let tenant = self
            .0
            .roster
            .tenant_name(change.tx(), cx.tenant())
            .await?
            .unwrap_or_default();
        let letter = letters::invitation(mail.brand(), (&waiting.name, &tenant), &mailed, expires_at);
        mail.enqueue(change.tx(), &waiting.email, &letter).await?;
        change.commit().await?;
        (waiting.expires_at, waiting.mailed) = (expires_at, true);
        Ok(Resent {
            invitation: invitation(role, waiting, now),
            activation: Activation {
                token: handed,
                expires_at,
            },
        })
    }

    /// Takes an invitation back: its links open nothing, and the account that waited for it goes.
    pub async fn revoke_invitation(&self, cx: &OpCx, user: UserId) -> Result<(), Error> {
        let allowed = cx.authorize::<authz::Invitation, _>(actions::Delete)?;
        let mut change = self.0.spine.begin(cx).await?;
        let (_, role) = self.invited(&mut change, cx, user).await?;
        self.0.memberships.leave(change.tx(), user).await?;
        if !invitations::revoke(change.tx(), &allowed, user).await? {
            return Err(Error::NotFound);
        }
        let facts = json!({"user": user, "role": role});
        change
            .record(Record::new(events::INVITATION_REVOKED, user, json!({"user": user})).before(facts))
            .await?;
        change.commit().await?;
        Ok(())
    }

    /// The invitation, if the actor may do something about it. Whoever holds an owner's link becomes the owner, so that an
    /// owner's is for owners.
    async fn invited(&self, change: &mut Change, cx: &OpCx, user: UserId) -> Result<(Waiting, RoleRef), Error> {
        let roles = self.0.roster.roles(change.tx()).await?;
        let role = role_of(&roles, user).ok_or(Error::NotFound)?;
        // Whoever holds the link is a member soon, who would not have to ask any more.
        if !self.0.roster.has_consent(change.tx(), cx).await? {
            return Err(Error::ConsentRequired);
        }
        let waiting = invitations::waiting(change.tx(), Some(user), 1)
            .await?
            .pop()
            .ok_or(Error::NotFound)?;
        if role.built_in() == Some(Role::Owner) && cx.role().built_in() != Some(Role::Owner) {
            return Err(Error::OwnersInvitation);
        }
        Ok((waiting, role))
    }
}

fn role_of(roles: &[(UserId, RoleRef)], user: UserId) -> Option<RoleRef> {
    roles.iter().find(|(member, _)| *member == user).map(|(_, role)| *role)
}

fn invitation(role: RoleRef, waiting: Waiting, now: Timestamp) -> Invitation {
    Invitation {
        user: waiting.user,
        email: waiting.email.to_string(),
        name: waiting.name,
        role,
        mailed: waiting.mailed,
        expires_at: waiting.expires_at,
        expired: waiting.expires_at <= now,
    }
}
