use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use mpanel_crypto::{Place, Sealer};
use mpanel_events::{SealedColumn, Spine, Vault};
use mpanel_jobs::{Job, JobCx, JobError, enqueue};
use mpanel_kernel::clock::SharedClock;
use mpanel_kernel::names::EmailAddress;
use mpanel_pg::{PlatformTx, Reason, TenantTx};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Brand, Letter, Mail, MailError, MailId, Mailer, metrics};

/// The kind of the job.
pub const SEND: &str = "mail.send";
/// What is sealed in the queue.
pub const SEALED: &[SealedColumn] = &[SealedColumn {
    table: "jobs.jobs",
    column: "payload",
    what: "mails that wait to be sent",
    lost: "they are not sent and stand among the jobs that failed; whoever waits for one asks again",
    count: "select count(*) from jobs.jobs where kind = 'mail.send'",
}];
/// With the pauses below: for some five hours.
const ATTEMPTS: u32 = 36;
const FIRST_PAUSE: Duration = Duration::from_secs(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(600);

/// Where letters are posted. Cheap to clone.
#[derive(Clone)]
pub struct Post(Arc<Inner>);

struct Inner {
    vault: Arc<Vault>,
    clock: SharedClock,
    mailer: Arc<dyn Mailer>,
    brand: Brand,
}

/// What stands in the queue. The mail is sealed, since its links are keys and its address is personal.
#[derive(Serialize, Deserialize)]
struct Payload {
    mail: MailId,
    /// [`Mail`] in JSON, sealed, in base64.
    sealed: String,
}

impl Post {
    #[must_use]
    pub fn new(spine: &Spine, clock: SharedClock, mailer: Arc<dyn Mailer>, brand: Brand) -> Self {
        Self(Arc::new(Inner {
            vault: spine.vault().clone(),
            clock,
            mailer,
            brand,
        }))
    }

    #[must_use]
    pub fn brand(&self) -> &Brand {
        &self.0.brand
    }

    /// The same post for letters of another brand.
    #[must_use]
    pub fn branded(&self, brand: Brand) -> Self {
        Self(Arc::new(Inner {
            vault: self.0.vault.clone(),
            clock: self.0.clock.clone(),
            mailer: self.0.mailer.clone(),
            brand,
        }))
    }

    /// Whether mail reaches anybody: with the file transport it does not.
    #[must_use]
    pub fn delivers(&self) -> bool {
        self.0.mailer.delivers()
    }

    /// `smtp` or `file`.
    #[must_use]
    pub fn transport(&self) -> &'static str {
        self.0.mailer.transport()
    }

    /// Posts a letter in the caller's transaction: it goes once that is committed, and not before.
    ///
    /// # Errors
    /// When the database refuses or is away.
    pub async fn enqueue(
        &self,
        tx: &mut TenantTx,
        to: &EmailAddress,
        letter: &Letter,
    ) -> Result<(), mpanel_events::Error> {
        let sealer = self.0.vault.tenant(tx).await?;
        let payload = self.seal(&sealer, self.write(to, letter))?;
        let tenant = tx.tenant();
        enqueue(tx, Some(tenant), SEND, &payload, Duration::ZERO, &self.0.clock)
            .await
            .map_err(not_queued)?;
        Ok(())
    }

    /// The same for a letter that is no one tenant's.
    ///
    /// # Errors
    /// When the database refuses or is away.
    pub async fn enqueue_as_platform(
        &self,
        tx: &mut PlatformTx,
        to: &EmailAddress,
        letter: &Letter,
    ) -> Result<(), mpanel_events::Error> {
        let sealer = self.0.vault.platform(tx).await?;
        let payload = self.seal(&sealer, self.write(to, letter))?;
        enqueue(tx, None, SEND, &payload, Duration::ZERO, &self.0.clock)
            .await
            .map_err(not_queued)?;
        Ok(())
    }

    /// Sends a letter while the caller waits, once: to see whether the settings are right.
    ///
    /// # Errors
    /// What the other side answered.
    pub async fn send_now(&self, to: &EmailAddress, letter: &Letter) -> Result<String, MailError> {
        self.attempt(&self.write(to, letter)).await
    }

    /// What sends the letters that wait; the server runs one of it.
    #[must_use]
    pub fn job(&self) -> Arc<dyn Job> {
        Arc::new(self.clone())
    }

    fn write(&self, to: &EmailAddress, letter: &Letter) -> Mail {
        let rendered = letter.render(&self.0.brand);
        Mail {
            id: MailId::generate(),
            at: self.0.clock.now(),
            to: to.clone(),
            subject: rendered.subject,
            text: rendered.text,
            html: rendered.html,
            useless_after: letter.useless_after(),
        }
    }

    fn seal(&self, sealer: &Sealer, mail: Mail) -> Result<Payload, mpanel_events::Error> {
        let sealed = sealer.seal(&place(mail.id), &serde_json::to_vec(&mail)?);
        Ok(Payload {
            mail: mail.id,
            sealed: BASE64_STANDARD.encode(sealed),
        })
    }

    async fn open(&self, payload: Payload, cx: &JobCx) -> Result<Mail, JobError> {
        let sealer = match cx.tenant {
            Some(tenant) => {
                let mut tx = cx.spine.db().tenant(tenant).await.map_err(later)?;
                let sealer = self.0.vault.tenant(&mut tx).await?;
                tx.end_read();
                sealer
            }
            None => {
                let mut tx = cx.spine.db().platform(Reason::Reconcile(SEND)).await.map_err(later)?;
                let sealer = self.0.vault.platform(&mut tx).await?;
                tx.commit().await.map_err(later)?;
                sealer
            }
        };
        let sealed = BASE64_STANDARD.decode(&payload.sealed).map_err(unreadable)?;
        let opened = sealer.open(&place(payload.mail), &sealed).map_err(unreadable)?;
        serde_json::from_slice(&opened).map_err(unreadable)
    }

    async fn attempt(&self, mail: &Mail) -> Result<String, MailError> {
        let outcome = self.0.mailer.send(mail).await;
        metrics::attempt(self.transport(), metrics::result(&outcome));
        outcome
    }
}

#[async_trait]
impl Job for Post {
    fn kind(&self) -> &'static str {
        SEND
    }

    async fn run(&self, payload: &Value, cx: &JobCx) -> Result<(), JobError> {
        let payload: Payload = serde_json::from_value(payload.clone()).map_err(unreadable)?;
        let mail = self.open(payload, cx).await?;
        if mail.useless_after.is_some_and(|end| end <= cx.clock.now()) {
            metrics::attempt(self.transport(), "late");
            return Err(JobError::Dead(
                "it could not be sent before what it says had expired".to_owned(),
            ));
        }
        match self.attempt(&mail).await {
            Ok(_) => Ok(()),
            Err(MailError::Temporary(reason)) => Err(JobError::Retry(reason)),
            Err(MailError::Permanent(reason)) => Err(JobError::Dead(reason)),
        }
    }

    fn max_attempts(&self) -> u32 {
        ATTEMPTS
    }

    fn backoff(&self, attempt: u32) -> Duration {
        FIRST_PAUSE
            .saturating_mul(1 << attempt.saturating_sub(1).min(10))
            .min(LONGEST_PAUSE)
    }
}

fn place(mail: MailId) -> Place {
    Place::new("jobs.jobs", "payload", mail)
}

fn not_queued(error: mpanel_jobs::Error) -> mpanel_events::Error {
    match error {
        mpanel_jobs::Error::Db(error) => error.into(),
        mpanel_jobs::Error::Spine(error) => error,
        // Nothing else comes of a row that is added.
        other => <serde_json::Error as serde::ser::Error>::custom(other).into(),
    }
}

fn later(error: mpanel_pg::Error) -> JobError {
    JobError::Retry(error.to_string())
}

/// Of no version that this one knows, or sealed under a key that is gone.
fn unreadable(error: impl std::fmt::Display) -> JobError {
    JobError::Dead(format!("the mail in the queue cannot be read: {error}"))
}
