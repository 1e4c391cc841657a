//! Tells people that their second factor went with the installation's master key.

use std::time::Duration;

use async_trait::async_trait;
use mpanel_authz::OpCx;
use mpanel_client_mailer::{Brand, Letter};
use mpanel_events::Record;
use mpanel_jobs::{BoxError, PassReport, Reconciler};
use mpanel_kernel::names::EmailAddress;
use mpanel_pg::Reason;
use serde_json::json;

use crate::Identity;
use crate::error::Error;
use crate::store::sealed::{self, Untold};

const NAME: &str = "identity.lost_factors";
const BATCH: i64 = 200;

/// One pass after a key was lost, and nothing to do ever after.
pub struct LostFactors(pub Identity);

#[async_trait]
impl Reconciler for LostFactors {
    fn name(&self) -> &'static str {
        NAME
    }

    fn wakes_on(&self, _event: &str) -> bool {
        false
    }

    fn every(&self) -> Duration {
        Duration::from_secs(3600)
    }

    async fn pass(&self) -> Result<PassReport, BoxError> {
        let identity = &self.0.0;
        let mut report = PassReport::default();
        loop {
            let mut tx = identity.spine.db().platform(Reason::Reconcile(NAME)).await?;
            let untold = sealed::untold(&mut tx, BATCH).await?;
            tx.end_read();
            for person in &untold {
                report.changed += u64::from(self.tell(person).await?);
            }
            if (untold.len() as u64) < BATCH.unsigned_abs() {
                return Ok(report);
            }
        }
    }
}

impl LostFactors {
    async fn tell(&self, person: &Untold) -> Result<bool, Error> {
        let identity = &self.0.0;
        let cx = OpCx::system(NAME, person.home, identity.clock.clone());
        let mut change = identity.spine.begin(&cx).await?;
        if !sealed::set_told(change.tx(), person.user).await? {
            return Ok(false);
        }
        // An address that was stored and is none any more gets nothing.
        if let Ok(to) = EmailAddress::parse(&person.email) {
            let mail = self.0.mail_of_own(change.tx(), person.user).await?;
            let letter = letter(mail.brand());
            mail.enqueue(change.tx(), &to, &letter).await?;
        }
        let facts = json!({"user": person.user});
        change
            .record(Record::new("identity.totp.lost.v1", person.user, facts.clone()).after(facts))
            .await?;
        change.commit().await?;
        Ok(true)
    }
}

fn letter(brand: &Brand) -> Letter {
    Letter::new(&format!("Set up your second factor again at {}", brand.name))
        .text(
            "A key of the installation was lost, and with it the secret of your authenticator app and your backup codes. Your \
             password works as before.",
        )
        .text("Sign in, and you are led through setting up an authenticator app anew. Until then nothing else is possible.")
        .fact("Where", brand.panel.clone())
}
