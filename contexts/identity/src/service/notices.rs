use mpanel_client_mailer::Letter;
use mpanel_events::Change;
use mpanel_kernel::names::EmailAddress;

use crate::Identity;
use crate::domain::{Account, Device, Presence};
use crate::error::Error;
use crate::letters::{self, Notice};
use crate::store::devices;

impl Identity {
    /// Posts a letter in the change; an address that was stored and is none any more gets nothing.
    pub(super) async fn post(&self, change: &mut Change, to: &str, letter: &Letter) -> Result<(), Error> {
        let Ok(to) = EmailAddress::parse(to) else {
            return Ok(());
        };
        Ok(self.0.mail.enqueue(change.tx(), &to, letter).await?)
    }

    /// Tells the owner of an account that something about signing in has changed (ASVS 6.3.7).
    pub(super) async fn tell(&self, change: &mut Change, to: &str, what: &Notice<'_>) -> Result<(), Error> {
        let (at, address) = (self.0.clock.now(), change.cx().address());
        let letter = letters::notice(self.0.mail.brand(), what, at, address);
        self.post(change, to, &letter).await
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
        self.tell(change, &account.email, &what).await
    }
}
