use mpanel_authz::{OpCx, actions};
use mpanel_events::Record;
use mpanel_identity_contract::events;
use mpanel_kernel::names::EmailAddress;
use serde_json::json;

use crate::error::Error;
use crate::{Identity, authz, letters};

/// What came of a test.
pub struct MailTest {
    /// `smtp` or `file`.
    pub transport: &'static str,
    pub to: String,
    pub sent: bool,
    /// What the mail server said, or why there was none.
    pub answer: String,
}

impl Identity {
    /// Sends a mail to the actor's own address while they wait, and tells what the mail server says to it.
    pub async fn test_mail(&self, cx: &OpCx) -> Result<MailTest, Error> {
        cx.authorize::<authz::Mail, _>(actions::Operate)?;
        let account = self.person(cx).await?.account;
        self.0.throttle.by_person(account.id)?;
        let to = EmailAddress::parse(&account.email).map_err(|_| Error::NotFound)?;
        let letter = letters::test(self.0.mail.brand(), self.0.clock.now());
        let outcome = self.0.mail.send_now(&to, &letter).await;
        let sent = outcome.is_ok();
        let answer = outcome.unwrap_or_else(|error| error.to_string());
        let mut change = self.0.spine.begin(cx).await?;
        let facts = json!({"transport": self.0.mail.transport(), "sent": sent});
        change
            .record(Record::new(events::MAIL_TESTED, account.id, facts.clone()).after(facts))
            .await?;
        change.commit().await?;
        Ok(MailTest {
            transport: self.0.mail.transport(),
            to: account.email,
            sent,
            answer,
        })
    }
}
