//! Who runs a reconciler, and how its last pass went.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use mpanel_pg::{Ts, Tx};
use uuid::Uuid;

use crate::Error;
use crate::worker::Worker;

/// The right to run a pass.
pub(crate) struct Turn {
    lease: Uuid,
    /// Passes that failed since the last that went well.
    pub(crate) failures: u32,
}

/// `None` when another server runs it now.
pub(crate) async fn take(worker: &Worker, name: &str, now: Timestamp) -> Result<Option<Turn>, Error> {
    let mut tx = worker.db().spine().await?;
    let lease = Uuid::now_v7();
    let failures = sqlx::query_scalar!(
        "insert into jobs.reconcilers as r (name, worker, lease, lease_until, started_at)
         values ($1, $2, $3, now() + make_interval(secs => $4), $5)
         on conflict (name) do update
         set worker = excluded.worker, lease = excluded.lease, lease_until = excluded.lease_until,
             started_at = excluded.started_at
         where r.lease_until is null or r.lease_until <= now()
         returning failures",
        name,
        worker.name,
        lease,
        worker.tuning.lease.as_secs_f64(),
        Ts(now) as _,
    )
    .fetch_optional(tx.conn())
    .await?;
    tx.commit().await?;
    Ok(failures.map(|failures| Turn {
        lease,
        failures: failures.unsigned_abs(),
    }))
}

/// A sign of life. `false` when another server has taken over.
pub(crate) async fn renew(worker: &Worker, name: &str, turn: &Turn) -> Result<bool, Error> {
    let mut tx = worker.db().spine().await?;
    let done = sqlx::query!(
        "update jobs.reconcilers set lease_until = now() + make_interval(secs => $3) where name = $1 and lease = $2",
        name,
        turn.lease,
        worker.tuning.lease.as_secs_f64(),
    )
    .execute(tx.conn())
    .await?;
    tx.commit().await?;
    Ok(done.rows_affected() > 0)
}

/// How a pass went.
pub(crate) struct Ended<'a> {
    /// Why it failed, and how often in a row it has.
    pub(crate) error: Option<&'a str>,
    pub(crate) failures: u32,
    pub(crate) now: Timestamp,
    /// When the next one begins at the latest.
    pub(crate) next: Duration,
}

pub(crate) async fn give_back(worker: &Worker, name: &str, turn: &Turn, ended: &Ended<'_>) -> Result<(), Error> {
    let mut tx = worker.db().spine().await?;
    sqlx::query!(
        "update jobs.reconcilers
         set lease_until = null, lease = null, worker = null, finished_at = $3, error = $4, failures = $5,
             failing_since = case when $5 > 0 then coalesce(failing_since, $3) end, next_at = $6, passes = passes + 1
         where name = $1 and lease = $2",
        name,
        turn.lease,
        Ts(ended.now) as _,
        ended.error,
        i32::try_from(ended.failures).unwrap_or(i32::MAX),
        Ts(later(ended.now, ended.next)) as _,
    )
    .execute(tx.conn())
    .await?;
    Ok(tx.commit().await?)
}

fn later(now: Timestamp, by: Duration) -> Timestamp {
    let by = SignedDuration::try_from(by).unwrap_or(SignedDuration::MAX);
    now.saturating_add(by).unwrap_or(Timestamp::MAX)
}
