use jiff::SignedDuration;
use mpanel_authz::{OpCx, actions};
use mpanel_crypto::{Token, TokenKind};
use mpanel_events::Record;
use mpanel_identity_contract::events;
use mpanel_kernel::names::EmailAddress;
use mpanel_pg::TenantTx;
use serde_json::json;

use super::after;
use crate::error::Error;
use crate::letters::{self, Notice};
use crate::store::mail_limits::{self, Counted};
use crate::store::{emails, resets};
use crate::{Identity, authz};

const LIFE: SignedDuration = SignedDuration::from_hours(24);

pub struct ChangeEmail<'a> {
    pub email: EmailAddress,
    pub password: &'a str,
}

impl Identity {
    /// Asks for another address: the password is shown again (ASVS 7.5.1), and the address counts once what is mailed to
    /// it was opened.
    pub async fn change_email(&self, cx: &OpCx, given: ChangeEmail<'_>) -> Result<(), Error> {
        let allowed = cx.authorize::<authz::Account, _>(actions::Modify)?;
        let person = self.reentered(cx, ("/password", given.password)).await?;
        let account = &person.account;
        if account.email == given.email.as_str() {
            return Err(Error::field(
                "/email",
                "identity.email.same",
                "this is the address that you have already",
            ));
        }
        let mail = self.mail_of_user(account.id).await?;
        let token = Token::generate(TokenKind::Email);
        let until = after(self.0.clock.now(), LIFE);
        let mut change = self.confirmed(cx, &person, None).await?;
        self.may_prove(change.tx(), &given.email).await?;
        emails::wish(change.tx(), &allowed, account.id, &given.email, (&token.hash(), until)).await?;
        change
            .record(Record::new(
                events::EMAIL_CHANGE_REQUESTED,
                account.id,
                json!({"user": account.id}),
            ))
            .await?;
        let letter = letters::email_proof(mail.brand(), &account.name, &token, until);
        mail.enqueue(change.tx(), &given.email, &letter).await?;
        change.commit().await?;
        Ok(())
    }

    /// Counts a link to an address that may be a stranger's: nobody's mailbox is filled by asking for it again and again.
    async fn may_prove(&self, tx: &mut TenantTx, to: &EmailAddress) -> Result<(), Error> {
        let limits = self.0.settings.invitations;
        match mail_limits::count_proof(tx, to, limits, self.0.clock.now()).await? {
            Counted::Full { retry_after } => Err(Error::TooManyMails { retry_after }),
            Counted::Done | Counted::Waiting => Ok(()),
        }
    }

    /// Makes the address the account's by the token that was mailed to it. Only the account itself may, so that nobody
    /// gets an address by a stranger's careless click; the address before is told.
    pub async fn confirm_email(&self, cx: &OpCx, token: &str) -> Result<(), Error> {
        let allowed = cx.authorize::<authz::Account, _>(actions::Modify)?;
        let account = self.person(cx).await?.account;
        let token = Token::parse(TokenKind::Email, token).map_err(|_| {
            let text = "this is no part of a link of ours: take what stands after its #";
            Error::field("/token", "identity.email.bad_token", text)
        })?;
        let token = token.hash();
        let now = self.0.clock.now();
        let mut change = self.0.spine.begin(&self.home_cx(cx, account.home)).await?;
        let email = emails::take(change.tx(), &allowed, account.id, &token, now)
            .await?
            .and_then(|email| EmailAddress::parse(&email).ok())
            .ok_or(Error::EmailChangeGone)?;
        if !emails::set(change.tx(), account.id, &email, now).await? {
            return Err(Error::EmailTaken);
        }
        // What was mailed to the address before must not set a password any more.
        resets::withdraw(change.tx(), account.id).await?;
        change
            .record(Record::new(
                events::EMAIL_CHANGED,
                account.id,
                json!({"user": account.id}),
            ))
            .await?;
        let what = Notice::EmailChanged { to: email.as_str() };
        self.tell(&mut change, &account, &what).await?;
        change.commit().await?;
        Ok(())
    }
}
