use mpanel_authz::{OpCx, Role, actions};
use mpanel_crypto::TokenHash;
use mpanel_events::Record;
use mpanel_identity_contract::events;
use mpanel_kernel::ids::{SessionId, UserId};
use serde_json::json;

use crate::Identity;
use crate::authz;
use crate::domain::SessionInfo;
use crate::error::Error;
use crate::store::{sessions, users};

impl Identity {
    /// The actor's living sessions; `current` is the token that the request brought.
    pub async fn list_sessions(&self, cx: &OpCx, current: Option<&TokenHash>) -> Result<Vec<SessionInfo>, Error> {
        cx.authorize::<authz::Session, _>(actions::List)?;
        let person = self.person(cx).await?.account;
        let mut tx = self.0.spine.db().tenant(person.home).await?;
        let list = sessions::list(&mut tx, person.id, current, self.0.clock.now()).await?;
        tx.end_read();
        Ok(list)
    }

    pub async fn end_session(&self, cx: &OpCx, session: SessionId) -> Result<(), Error> {
        let allowed = cx.authorize::<authz::Session, _>(actions::Delete)?;
        let person = self.person(cx).await?.account;
        let mut change = self.0.spine.begin(&self.home_cx(cx, person.home)).await?;
        if !sessions::end(change.tx(), &allowed, person.id, session, self.0.clock.now()).await? {
            return Err(Error::NotFound);
        }
        let data = json!({"user": person.id, "reason": "ended"});
        change.record(Record::new(events::SESSION_ENDED, session, data)).await?;
        change.commit().await?;
        Ok(())
    }

    /// Ends all of the actor's sessions, but the one with the token `keep` (ASVS 7.4.3, 7.5.2); returns how many.
    pub async fn end_sessions(&self, cx: &OpCx, keep: Option<&TokenHash>) -> Result<u64, Error> {
        let allowed = cx.authorize::<authz::Session, _>(actions::Delete)?;
        let person = self.person(cx).await?.account;
        let mut change = self.0.spine.begin(&self.home_cx(cx, person.home)).await?;
        let ended = sessions::end_own(change.tx(), &allowed, person.id, keep, self.0.clock.now()).await?;
        let data = json!({"user": person.id, "ended": ended, "kept_current": keep.is_some()});
        change
            .record(Record::new(events::SESSIONS_ENDED, person.id, data.clone()).after(data))
            .await?;
        change.commit().await?;
        Ok(ended)
    }

    /// Ends all sessions of somebody whose account is at home in the acting tenant (ASVS 7.4.5), for who manages access
    /// there; returns how many. An account that is at home elsewhere is for that tenant to see to: what it may do here
    /// ends with its membership. An owner's are for owners to end.
    pub async fn end_sessions_of(&self, cx: &OpCx, user: UserId) -> Result<u64, Error> {
        let allowed = cx.authorize::<authz::Person, _>(actions::ManageAccess)?;
        let memberships = self.0.memberships.of_user(user).await?;
        let mut change = self.0.spine.begin(cx).await?;
        if !users::is_at_home(change.tx(), user).await? {
            return Err(Error::NotFound);
        }
        let owns = memberships
            .iter()
            .any(|m| m.tenant.id == cx.tenant() && m.role == Role::Owner);
        if owns && cx.role() != Role::Owner {
            return Err(Error::OwnersSessions);
        }
        let ended = sessions::end_of_another(change.tx(), &allowed, user, self.0.clock.now()).await?;
        let data = json!({"user": user, "ended": ended});
        change
            .record(Record::new(events::SESSIONS_ENDED, user, data.clone()).after(data))
            .await?;
        change.commit().await?;
        Ok(ended)
    }

    /// Signs out (ASVS 7.4.1).
    pub async fn end_current_session(&self, cx: &OpCx, current: Option<&TokenHash>) -> Result<(), Error> {
        let token = current.ok_or(Error::NotFound)?;
        let mut tx = self.0.spine.db().spine().await?;
        let found = sessions::by_token(&mut tx, token).await?;
        tx.end_read();
        let (session, user, _) = found.ok_or(Error::NotFound)?;
        if cx.actor().user() != Some(user) {
            return Err(Error::NotFound);
        }
        self.end_session(cx, session).await
    }
}
