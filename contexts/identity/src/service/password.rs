use mpanel_authz::{OpCx, actions};
use mpanel_crypto::{Token, TokenHash};
use mpanel_events::Record;
use mpanel_identity_contract::events;
use mpanel_kernel::names::EmailAddress;
use serde_json::json;

use crate::Identity;
use crate::authz;
use crate::domain::password_minimum;
use crate::error::Error;
use crate::letters::Notice;

pub struct ChangePassword<'a> {
    pub current: &'a str,
    pub new: &'a str,
}

impl Identity {
    /// Gives the own account another password (ASVS 6.2.2, 6.2.3). Other sessions of the user end; the one that asks, if a
    /// session does, goes on under the token that is returned. API tokens stay: each is revoked by itself.
    pub async fn change_password(
        &self,
        cx: &OpCx,
        given: ChangePassword<'_>,
        session: Option<&TokenHash>,
    ) -> Result<Option<Token>, Error> {
        let allowed = cx.authorize::<authz::Account, _>(actions::Modify)?;
        let person = self.reentered(cx, ("/current_password", given.current)).await?;
        let user = person.account.id;
        let field = "/new_password";
        if given.new == given.current {
            return Err(Error::field(
                field,
                "identity.password.same",
                "this is the password that you have already",
            ));
        }
        let memberships = self.0.memberships.of_user(user).await?;
        let email = EmailAddress::parse(&person.account.email).map_err(|_| Error::NotFound)?;
        let minimum = password_minimum(&memberships);
        self.fit_password((field, given.new), minimum, &email, &person.account.name)
            .await?;
        let hash = self.0.passwords.hash(given.new).await?;

        let mut change = self.confirmed(cx, &person, Some(&hash)).await?;
        let (ended, token) = self.renew_sessions(change.tx(), &allowed, user, session).await?;
        let facts = json!({"user": user, "sessions_ended": ended});
        change
            .record(Record::new(events::PASSWORD_CHANGED, user, facts.clone()).after(facts))
            .await?;
        // Whoever has asked for a link needs it no more, and whoever else has must not use it.
        self.withdraw_reset(&mut change, user).await?;
        self.tell(&mut change, &person.account, &Notice::PasswordChanged)
            .await?;
        change.commit().await?;
        Ok(token)
    }
}
