//! Sees what no attempt sees: how many jobs are dead and operations stuck, and jobs that nobody takes.

use std::time::Duration;

use mpanel_kernel::clock::SharedClock;
use mpanel_pg::{Ts, Tx};
use tokio::time::sleep;

use crate::worker::Worker;
use crate::{Error, metrics};

const EVERY: Duration = Duration::from_secs(30);
/// Hours for which a job of a kind that nobody knows waits for a server that does: servers are updated one after the other.
const UNKNOWN: i32 = 24;

/// What this server knows.
pub(crate) struct Kinds {
    pub(crate) jobs: Vec<String>,
    pub(crate) operations: Vec<String>,
}

/// For ever.
pub(crate) async fn run(worker: Worker, clock: SharedClock, kinds: Kinds) {
    loop {
        if let Err(error) = jobs(&worker, &clock, &kinds.jobs).await {
            tracing::warn!(%error, "cannot look after jobs");
        }
        if let Err(error) = operations(&worker, &kinds.operations).await {
            tracing::warn!(%error, "cannot look after operations");
        }
        sleep(EVERY).await;
    }
}

async fn jobs(worker: &Worker, clock: &SharedClock, kinds: &[String]) -> Result<(), Error> {
    let mut tx = worker.db().spine().await?;
    let buried = sqlx::query!(
        "update jobs.jobs set state = 'dead', died_at = $2, error = 'no part of this version does this kind of work'
         where state = 'pending' and kind <> all($1) and due_at < now() - make_interval(hours => $3)",
        kinds,
        Ts(clock.now()) as _,
        UNKNOWN,
    )
    .execute(tx.conn())
    .await?;
    if buried.rows_affected() > 0 {
        tracing::error!(
            jobs = buried.rows_affected(),
            "jobs of kinds that nobody knows are dead"
        );
    }
    let rows = sqlx::query!(r#"select kind, count(*) as "count!" from jobs.jobs where state = 'dead' group by kind"#)
        .fetch_all(tx.conn())
        .await?;
    tx.commit().await?;
    let counts: Vec<(String, i64)> = rows.into_iter().map(|row| (row.kind, row.count)).collect();
    metrics::dead_jobs(kinds, &counts);
    Ok(())
}

async fn operations(worker: &Worker, kinds: &[String]) -> Result<(), Error> {
    let mut tx = worker.db().spine().await?;
    let rows = sqlx::query!(
        r#"select kind, count(*) as "count!" from jobs.operations
           where stuck_since is not null and finished_at is null group by kind"#
    )
    .fetch_all(tx.conn())
    .await?;
    tx.commit().await?;
    let counts: Vec<(String, i64)> = rows.into_iter().map(|row| (row.kind, row.count)).collect();
    metrics::stuck_operations(kinds, &counts);
    Ok(())
}
