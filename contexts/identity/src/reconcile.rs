//! Removes what is kept for a while only: sessions and API tokens that have long ended, also of people who never come back, old history, and who was
//! invited.

use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use mpanel_jobs::{BoxError, PassReport, Reconciler};
use mpanel_pg::{PlatformTx, Reason};

use crate::Identity;
use crate::error::Error;
use crate::service::FORGET_AFTER;
use crate::store::{api_tokens, mail_limits, sessions, sign_ins};

const NAME: &str = "identity.retention";
/// So long mailed invitations count.
const DAY: SignedDuration = SignedDuration::from_hours(24);
/// Rows of one transaction: a backlog must not hold locks for long.
const BATCH: i64 = 1000;

pub struct Retention(pub Identity);

#[async_trait]
impl Reconciler for Retention {
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
        let history = SignedDuration::from_hours(24 * i64::from(identity.settings.history_days));
        let before = |span| identity.clock.now().saturating_sub(span).unwrap_or(Timestamp::MIN);
        let mut deleted = 0;
        loop {
            let mut tx = identity.spine.db().platform(Reason::Reconcile(NAME)).await?;
            let gone = forget(&mut tx, before(FORGET_AFTER), before(history)).await?
                + mail_limits::forget(&mut tx, before(DAY), BATCH).await?;
            tx.commit().await?;
            deleted += gone;
            if gone < BATCH.unsigned_abs() {
                break;
            }
        }
        Ok(PassReport {
            deleted,
            ..PassReport::default()
        })
    }
}

async fn forget(tx: &mut PlatformTx, expired: Timestamp, attempted: Timestamp) -> Result<u64, Error> {
    Ok(sessions::forget(tx, expired, BATCH).await?
        + api_tokens::forget(tx, expired, BATCH).await?
        + sign_ins::forget(tx, attempted, BATCH).await?)
}
