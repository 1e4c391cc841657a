use mpanel_authz::{OpCx, actions};
use mpanel_crypto::TokenHash;
use mpanel_events::Record;
use mpanel_identity_contract::events;
use mpanel_kernel::ids::SessionId;
use serde_json::json;

use crate::Identity;
use crate::authz;
use crate::domain::SessionInfo;
use crate::error::Error;
use crate::store::sessions;

impl Identity {
    /// The actor's living sessions; `current` is the token that the request brought.
    pub async fn list_sessions(&self, cx: &OpCx, current: Option<&TokenHash>) -> Result<Vec<SessionInfo>, Error> {
        cx.authorize::<authz::Session, _>(actions::List)?;
        let person = self.person(cx).await?.account;
        let mut tx = self.0.spine.db().tenant(person.home).await?;
        let list = sessions::list(&mut tx, person.id, current, self.0.clock.now()).await?;
        tx.commit().await?;
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

    /// Signs out (ASVS 7.4.1).
    pub async fn end_current_session(&self, cx: &OpCx, current: Option<&TokenHash>) -> Result<(), Error> {
        let token = current.ok_or(Error::NotFound)?;
        let mut tx = self.0.spine.db().spine().await?;
        let found = sessions::by_token(&mut tx, token).await?;
        tx.commit().await?;
        let (session, user, _) = found.ok_or(Error::NotFound)?;
        if cx.actor().user() != Some(user) {
            return Err(Error::NotFound);
        }
        self.end_session(cx, session).await
    }
}
