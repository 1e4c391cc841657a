//! Attempts that were refused, written down beside the request: an answer must not take longer for an account that exists
//! than for one that does not (ASVS 6.3.8).

use mpanel_events::Spine;
use mpanel_kernel::ids::{TenantId, UserId};
use mpanel_telemetry::metrics::{Counter, register};
use mpanel_telemetry::spawn_named;
use std::sync::LazyLock;
use tokio::sync::{mpsc, oneshot};

use crate::domain::Refused;
use crate::error::Error;
use crate::store::sign_ins;

/// Attempts that wait to be written. They come no faster than passwords are hashed; what does not fit is counted and dropped.
const WAITING: usize = 256;

static DROPPED: LazyLock<Counter> = LazyLock::new(|| {
    register(
        "identity_refusals_unwritten",
        "Refused attempts to sign in that the history does not have, because too many came or the database was away",
        Counter::default(),
    )
});

enum Note {
    Refused(Refused),
    /// Answered once everything before it is written.
    #[cfg_attr(not(test), expect(dead_code, reason = "tests wait for what they look at"))]
    Settled(oneshot::Sender<()>),
}

/// Where refused attempts are handed in.
pub struct History(mpsc::Sender<Note>);

impl History {
    pub fn start(spine: Spine) -> Self {
        let (sender, receiver) = mpsc::channel(WAITING);
        spawn_named("identity.history", run(spine, receiver));
        Self(sender)
    }

    /// Hands an attempt in, and does not wait.
    pub fn refused(&self, attempt: Refused) {
        if self.0.try_send(Note::Refused(attempt)).is_err() {
            DROPPED.inc();
        }
    }

    /// Waits until all that was handed in is written.
    #[cfg(test)]
    pub async fn settled(&self) {
        let (sender, receiver) = oneshot::channel();
        assert!(self.0.send(Note::Settled(sender)).await.is_ok());
        receiver.await.unwrap();
    }
}

async fn run(spine: Spine, mut notes: mpsc::Receiver<Note>) {
    while let Some(note) = notes.recv().await {
        let attempt = match note {
            Note::Refused(attempt) => attempt,
            Note::Settled(sender) => {
                let _nobody_waits = sender.send(());
                continue;
            }
        };
        for (user, home) in &attempt.accounts {
            if let Err(error) = write(&spine, *user, *home, &attempt).await {
                DROPPED.inc();
                tracing::warn!(%user, %error, "refused attempt not written down");
            }
        }
    }
}

async fn write(spine: &Spine, user: UserId, home: TenantId, attempt: &Refused) -> Result<(), Error> {
    let mut tx = spine.db().tenant(home).await?;
    sign_ins::refused(&mut tx, user, attempt).await?;
    tx.commit().await?;
    Ok(())
}
