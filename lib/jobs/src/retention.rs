use std::time::Duration;

use async_trait::async_trait;
use jiff::SignedDuration;
use mpanel_kernel::clock::SharedClock;
use mpanel_pg::{Db, Ts, Tx};

use crate::{BoxError, Error, PassReport, Reconciler};

/// How long an operation can be looked at after it has ended.
const OPERATIONS: SignedDuration = SignedDuration::from_hours(90 * 24);
/// How long a dead job can be looked at and tried again.
const DEAD_JOBS: SignedDuration = SignedDuration::from_hours(90 * 24);
/// Rows of one transaction: a backlog must not hold locks for long.
const BATCH: i64 = 1000;

/// Removes what the spine keeps for a while only: operations long ended, jobs long
/// dead, and answers to `Idempotency-Key`s that can no longer be replayed. One of the runtime's reconcilers.
pub struct Retention {
    pub db: Db,
    pub clock: SharedClock,
}

#[async_trait]
impl Reconciler for Retention {
    fn name(&self) -> &'static str {
        "jobs.retention"
    }

    fn wakes_on(&self, _event: &str) -> bool {
        false
    }

    fn every(&self) -> Duration {
        Duration::from_secs(3600)
    }

    async fn pass(&self) -> Result<PassReport, BoxError> {
        let mut gone = 0;
        loop {
            let operations = self.operations().await?;
            let jobs = self.dead_jobs().await?;
            let answers = mpanel_events::purge_expired(&self.db, self.clock.as_ref(), BATCH).await?;
            gone += operations + jobs + answers;
            if operations.max(jobs).max(answers) < BATCH.unsigned_abs() {
                break;
            }
        }
        Ok(PassReport {
            deleted: gone,
            ..PassReport::default()
        })
    }
}

impl Retention {
    fn before(&self, kept: SignedDuration) -> Ts {
        Ts(self.clock.now().saturating_sub(kept).unwrap_or(jiff::Timestamp::MIN))
    }

    async fn operations(&self) -> Result<u64, Error> {
        let mut tx = self.db.spine().await?;
        let done = sqlx::query!(
            "delete from jobs.operations o using (
                 select tenant_id, id from jobs.operations where finished_at < $1 limit $2
             ) old where o.tenant_id = old.tenant_id and o.id = old.id",
            self.before(OPERATIONS) as _,
            BATCH,
        )
        .execute(tx.conn())
        .await?;
        tx.commit().await?;
        Ok(done.rows_affected())
    }

    async fn dead_jobs(&self) -> Result<u64, Error> {
        let mut tx = self.db.spine().await?;
        let done = sqlx::query!(
            "delete from jobs.jobs j using (
                 select tenant_id, id from jobs.jobs where state = 'dead' and died_at < $1 limit $2
             ) old where j.tenant_id = old.tenant_id and j.id = old.id and j.state = 'dead'",
            self.before(DEAD_JOBS) as _,
            BATCH,
        )
        .execute(tx.conn())
        .await?;
        tx.commit().await?;
        if done.rows_affected() > 0 {
            tracing::info!(jobs = done.rows_affected(), "removed jobs that were dead for long");
        }
        Ok(done.rows_affected())
    }
}
