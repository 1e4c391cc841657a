use mpanel_client_mailer::Post;
use mpanel_events::Change;
use mpanel_kernel::ids::UserId;
use mpanel_kernel::names::EmailAddress;
use mpanel_pg::TenantTx;

use crate::Identity;
use crate::domain::{Account, Device, Presence, RealmId};
use crate::error::Error;
use crate::letters::{self, Notice};
use crate::store::{devices, realm_links};

impl Identity {
    /// Where letters with links are posted for people of a realm, whose panel may have a name of its own.
    pub(super) async fn mail_of_realm(&self, realm: RealmId) -> Result<Post, mpanel_pg::Error> {
        let mut tx = self.0.spine.db().spine().await?;
        let host = realm_links::host_of(&mut tx, realm).await?;
        tx.end_read();
        Ok(self.mail_at(host))
    }

    /// The same for the owner of an account.
    pub(super) async fn mail_of_user(&self, user: UserId) -> Result<Post, mpanel_pg::Error> {
        let mut tx = self.0.spine.db().spine().await?;
        let host = realm_links::host_of_user(&mut tx, user).await?;
        tx.end_read();
        Ok(self.mail_at(host))
    }

    /// The same within a transaction of the account's home.
    pub(crate) async fn mail_of_own(&self, tx: &mut TenantTx, user: UserId) -> Result<Post, mpanel_pg::Error> {
        Ok(self.mail_at(realm_links::host_of_own(tx, user).await?))
    }

    pub(crate) fn mail_at(&self, host: Option<String>) -> Post {
        let mail = &self.0.mail;
        host.map_or_else(|| mail.clone(), |host| mail.branded(mail.brand().at(&host)))
    }

    /// Tells the owner of an account that something about signing in has changed (ASVS 6.3.7).
    pub(super) async fn tell(&self, change: &mut Change, account: &Account, what: &Notice<'_>) -> Result<(), Error> {
        let (at, address) = (self.0.clock.now(), change.cx().address());
        // One that was stored and is no address any more gets nothing.
        let Ok(to) = EmailAddress::parse(&account.email) else {
            return Ok(());
        };
        let mail = self.mail_of_own(change.tx(), account.id).await?;
        let letter = letters::notice(mail.brand(), what, at, address);
        Ok(mail.enqueue(change.tx(), &to, &letter).await?)
    }

    /// Tells of a sign-in by a device from which nobody signed in to the account before (ASVS 6.3.5). The very first one is
    /// no news.
    pub(super) async fn tell_of_device(
        &self,
        change: &mut Change,
        account: &Account,
        who: &Presence,
    ) -> Result<(), Error> {
        let known = devices::known(change.tx(), account.id).await?;
        let device = Device::of(&who.short_user_agent());
        if known.is_empty() || known.iter().any(|agent| Device::of(agent) == device) {
            return Ok(());
        }
        let what = Notice::NewDevice {
            browser: device.browser,
            system: device.system,
        };
        self.tell(change, account, &what).await
    }
}
