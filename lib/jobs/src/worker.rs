//! One process that works on leases. While it lives, a session of its own holds an advisory lock
//! on its name, which PostgreSQL drops the moment the process dies: a worker that starts can tell
//! which leases are of the dead, and takes them over without waiting for them to run out.

use std::time::Duration;

use mpanel_events::Spine;
use mpanel_pg::{Db, SpineTx, Tx};
use sqlx::postgres::{PgListener, PgPoolOptions};
use tokio::sync::watch;
use tokio::time::Instant;
use uuid::Uuid;

use crate::Error;
use crate::backoff::pause;

/// After the start of a worker: a process that was killed just before may take PostgreSQL a moment to notice.
const LOOKS: [Duration; 5] = [
    Duration::ZERO,
    Duration::from_millis(100),
    Duration::from_millis(300),
    Duration::from_secs(1),
    Duration::from_secs(3),
];

/// Times of the machinery.
#[derive(Debug, Clone)]
pub struct Tuning {
    /// How long a worker is believed without a sign of life.
    pub lease: Duration,
    /// How often it gives one.
    pub heartbeat: Duration,
    /// How often it looks for work that no notification told of.
    pub poll: Duration,
    /// How often progress is written.
    pub progress: Duration,
    /// Operations at work at once.
    pub operations: usize,
    /// Jobs at work at once. They mostly wait for other machines.
    pub jobs: usize,
    /// Of either, for one tenant.
    pub per_tenant: usize,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(15),
            heartbeat: Duration::from_secs(5),
            poll: Duration::from_secs(1),
            progress: Duration::from_millis(500),
            operations: 4,
            jobs: 32,
            per_tenant: 2,
        }
    }
}

/// This process as it stands in leases.
#[derive(Clone)]
pub(crate) struct Worker {
    pub(crate) name: String,
    pub(crate) spine: Spine,
    pub(crate) tuning: Tuning,
    wakes: watch::Sender<u64>,
}

impl Worker {
    pub(crate) fn new(spine: Spine, tuning: Tuning) -> Self {
        Self {
            name: Uuid::now_v7().to_string(),
            spine,
            tuning,
            wakes: watch::channel(0).0,
        }
    }

    pub(crate) fn db(&self) -> &Db {
        self.spine.db()
    }

    /// Changes whenever there may be something to do; the first time once the worker is known to live.
    pub(crate) fn wakes(&self) -> watch::Receiver<u64> {
        self.wakes.subscribe()
    }

    fn wake(&self) {
        self.wakes.send_modify(|n| *n += 1);
    }

    /// Shows that it lives and passes notifications on, for ever.
    pub(crate) async fn live(&self) {
        let mut failures = 0;
        loop {
            let started = Instant::now();
            if let Err(error) = self.listen().await {
                tracing::warn!(%error, "worker lost the database and tries again");
            }
            // Soon at first: for as long as it has no session, a worker that starts takes it for dead.
            failures = if started.elapsed() > Duration::from_secs(5) {
                1
            } else {
                failures + 1
            };
            tokio::time::sleep(pause(Duration::from_millis(50), failures, Duration::from_secs(1))).await;
        }
    }

    /// Takes over from the dead. Only a worker that starts does so: when the database restarts, all
    /// workers lose their sessions at once, and a missing one proves nothing.
    pub(crate) async fn bury_dead(&self) {
        for after in LOOKS {
            tokio::time::sleep(after).await;
            match bury_dead(self.db(), &self.name).await {
                Ok(0) => {}
                Ok(dead) => {
                    tracing::info!(dead, "taking over from workers that died");
                    self.wake();
                }
                Err(error) => tracing::warn!(%error, "cannot look for workers that died"),
            }
        }
    }

    async fn listen(&self) -> Result<(), Error> {
        // Of its own and of this one connection: returned to the shared pool, the lock would outlive the worker.
        let pool = PgPoolOptions::new()
            .max_connections(1)
            .max_lifetime(None)
            .idle_timeout(None)
            .connect_with(self.db().pool().connect_options().as_ref().clone())
            .await?;
        let mut listener = PgListener::connect_with(&pool).await?;
        listener.eager_reconnect(false);
        sqlx::query!("select pg_advisory_lock(hashtextextended($1, 21))", self.name)
            .execute(&mut listener)
            .await?;
        listener.listen("mpanel_jobs").await?;
        // Whatever was told while nobody listened.
        self.wake();
        while listener.try_recv().await?.is_some() {
            self.wake();
        }
        Ok(())
    }
}

/// Ends the leases of workers that are no longer there; returns how many workers.
async fn bury_dead(db: &Db, own: &str) -> Result<usize, Error> {
    let mut tx = db.spine().await?;
    // Not oneself: a worker whose session was cut is about to have another.
    let workers = sqlx::query_scalar!(
        r#"select worker as "worker!" from (
               select worker from jobs.operations where lease_until > now()
               union select worker from jobs.jobs where lease_until > now()
               union select worker from jobs.reconcilers where lease_until > now()
           ) at_work where worker <> $1"#,
        own,
    )
    .fetch_all(tx.conn())
    .await?;
    let mut dead = 0;
    for worker in workers {
        let free = sqlx::query_scalar!(
            r#"select pg_try_advisory_xact_lock(hashtextextended($1, 21)) as "free!""#,
            worker,
        )
        .fetch_one(tx.conn())
        .await?;
        if free {
            end_leases(&mut tx, &worker).await?;
            dead += 1;
        }
    }
    tx.commit().await?;
    Ok(dead)
}

async fn end_leases(tx: &mut SpineTx, worker: &str) -> Result<(), Error> {
    sqlx::query!(
        "update jobs.operations set lease_until = now() where worker = $1 and lease_until > now()",
        worker
    )
    .execute(tx.conn())
    .await?;
    sqlx::query!(
        "update jobs.jobs set lease_until = now() where worker = $1 and lease_until > now()",
        worker
    )
    .execute(tx.conn())
    .await?;
    sqlx::query!(
        "update jobs.reconcilers set lease_until = now() where worker = $1 and lease_until > now()",
        worker
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}
