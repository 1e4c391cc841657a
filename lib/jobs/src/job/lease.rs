//! The runner's own writes about jobs.

use std::time::Duration;

use jiff::Timestamp;
use mpanel_kernel::ids::{JobId, TenantId};
use mpanel_pg::{Ts, Tx};
use serde_json::Value;
use uuid::Uuid;

use crate::Error;
use crate::worker::Worker;

/// A job that this worker has taken.
pub(crate) struct Taken {
    owner: Uuid,
    pub(crate) id: JobId,
    pub(crate) kind: String,
    pub(crate) payload: Value,
    /// Counts the one that begins now.
    pub(crate) attempt: u32,
    lease: Uuid,
}

/// Takes the job whose turn it is: of the tenant that waits longest, the one that was due first.
pub(crate) async fn take(worker: &Worker, kinds: &[String], busy: &[Uuid]) -> Result<Option<Taken>, Error> {
    let mut tx = worker.db().spine().await?;
    let candidate = sqlx::query!(
        r#"select j.tenant_id as "tenant_id!", j.id as "id!" from (
               select distinct on (tenant_id) tenant_id, id, due_at
               from jobs.jobs
               where state <> 'dead' and kind = any($1) and tenant_id <> all($2) and due_at <= now()
                 and (lease_until is null or lease_until <= now())
               order by tenant_id, due_at, id
           ) j
           left join jobs.turns t on t.tenant_id = j.tenant_id and t.queue = 'jobs'
           order by t.at nulls first, j.due_at, j.id
           limit 1"#,
        kinds,
        busy,
    )
    .fetch_optional(tx.conn())
    .await?;
    let Some(candidate) = candidate else { return Ok(None) };
    let lease = Uuid::now_v7();
    let row = sqlx::query!(
        "update jobs.jobs
         set state = 'running', attempts = attempts + 1, worker = $3, lease = $4,
             lease_until = now() + make_interval(secs => $5)
         where tenant_id = $1 and id = $2 and state <> 'dead' and due_at <= now()
           and (lease_until is null or lease_until <= now())
         returning kind, payload, attempts",
        candidate.tenant_id,
        candidate.id,
        worker.name,
        lease,
        worker.tuning.lease.as_secs_f64(),
    )
    .fetch_optional(tx.conn())
    .await?;
    let Some(row) = row else { return Ok(None) };
    sqlx::query!(
        "insert into jobs.turns (tenant_id, queue, at) values ($1, 'jobs', clock_timestamp())
         on conflict (tenant_id, queue) do update set at = excluded.at",
        candidate.tenant_id,
    )
    .execute(tx.conn())
    .await?;
    tx.commit().await?;
    Ok(Some(Taken {
        owner: candidate.tenant_id,
        id: JobId::from_uuid(candidate.id),
        kind: row.kind,
        payload: row.payload,
        attempt: row.attempts.unsigned_abs(),
        lease,
    }))
}

impl Taken {
    /// The tenant, or nil for the platform.
    pub(crate) fn owner(&self) -> Uuid {
        self.owner
    }

    /// Absent for the platform's own.
    pub(crate) fn tenant(&self) -> Option<TenantId> {
        (!self.owner.is_nil()).then(|| TenantId::from_uuid(self.owner))
    }

    pub(crate) async fn heartbeat(&self, worker: &Worker) -> Result<(), Error> {
        let mut tx = worker.db().spine().await?;
        let done = sqlx::query!(
            "update jobs.jobs set lease_until = now() + make_interval(secs => $4)
             where tenant_id = $1 and id = $2 and lease = $3",
            self.owner,
            self.id.uuid(),
            self.lease,
            worker.tuning.lease.as_secs_f64(),
        )
        .execute(tx.conn())
        .await?;
        tx.commit().await?;
        if done.rows_affected() == 0 {
            Err(Error::LeaseLost)
        } else {
            Ok(())
        }
    }

    pub(crate) async fn done(&self, worker: &Worker) -> Result<(), Error> {
        let mut tx = worker.db().spine().await?;
        sqlx::query!(
            "delete from jobs.jobs where tenant_id = $1 and id = $2 and lease = $3",
            self.owner,
            self.id.uuid(),
            self.lease,
        )
        .execute(tx.conn())
        .await?;
        Ok(tx.commit().await?)
    }

    pub(crate) async fn again(&self, worker: &Worker, error: &str, pause: Duration) -> Result<(), Error> {
        let mut tx = worker.db().spine().await?;
        sqlx::query!(
            "update jobs.jobs
             set state = 'pending', error = $4, due_at = now() + make_interval(secs => $5),
                 worker = null, lease = null, lease_until = null
             where tenant_id = $1 and id = $2 and lease = $3",
            self.owner,
            self.id.uuid(),
            self.lease,
            error,
            pause.as_secs_f64(),
        )
        .execute(tx.conn())
        .await?;
        Ok(tx.commit().await?)
    }

    pub(crate) async fn died(&self, worker: &Worker, error: &str, now: Timestamp) -> Result<(), Error> {
        let mut tx = worker.db().spine().await?;
        sqlx::query!(
            "update jobs.jobs
             set state = 'dead', error = $4, died_at = $5, worker = null, lease = null, lease_until = null
             where tenant_id = $1 and id = $2 and lease = $3",
            self.owner,
            self.id.uuid(),
            self.lease,
            error,
            Ts(now) as _,
        )
        .execute(tx.conn())
        .await?;
        Ok(tx.commit().await?)
    }
}
