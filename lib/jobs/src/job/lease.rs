//! The runner's own writes about jobs.

use std::time::Duration;

use jiff::Timestamp;
use mpanel_authz::Actor;
use mpanel_kernel::ids::{JobId, RequestId, TenantId};
use mpanel_pg::{Ts, Tx};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::Error;
use crate::round::{Claim, Owned};
use crate::worker::Worker;

/// The event that tells of a job that nothing more is tried with.
pub const DIED: &str = "jobs.job.died.v1";

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

/// Of whom and what kind none is to be taken now.
#[derive(Debug, Default)]
pub(crate) struct Full {
    /// Who has no place left for any kind.
    pub(crate) owners: Vec<Uuid>,
    /// Who has no place left for one: the owner here, the kind at the same place in `kinds`.
    pub(crate) sated: Vec<Uuid>,
    pub(crate) kinds: Vec<String>,
}

/// Takes the first due job of the first tenant from `from` on that has one, tenants in the order of their ids.
///
/// What it costs does not depend on how much a tenant has queued: the index is entered anew for each tenant and kind, and no
/// further than to the one whose turn it is.
pub(crate) async fn take(worker: &Worker, kinds: &[String], full: &Full, from: Uuid) -> Result<Claim<Taken>, Error> {
    let mut tx = worker.db().queue().await?;
    let lease = Uuid::now_v7();
    let row = sqlx::query_file!(
        "src/job/take.sql",
        from,
        kinds,
        &full.owners,
        worker.name,
        lease,
        worker.tuning.lease.as_secs_f64(),
        &full.sated,
        &full.kinds,
    )
    .fetch_optional(tx.conn())
    .await?;
    let Some(row) = row else { return Ok(Claim::Nothing) };
    let (Some(kind), Some(payload), Some(attempts)) = (row.kind, row.payload, row.attempts) else {
        return Ok(Claim::Lost);
    };
    tx.commit().await?;
    Ok(Claim::Taken(Taken {
        owner: row.tenant_id,
        id: JobId::from_uuid(row.id),
        kind,
        payload,
        attempt: attempts.unsigned_abs(),
        lease,
    }))
}

impl Owned for Taken {
    /// The tenant, or nil for the platform.
    fn owner(&self) -> Uuid {
        self.owner
    }
}

impl Taken {
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
        let done = sqlx::query!(
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
        if done.rows_affected() == 0 {
            return Err(Error::LeaseLost);
        }
        let data = json!({"kind": self.kind, "attempts": self.attempt});
        let (id, actor) = (self.id.to_string(), Actor::System("jobs"));
        let request = RequestId::generate();
        mpanel_events::event(&mut tx, self.tenant(), DIED, &id, &actor, request, &data, now).await?;
        Ok(tx.commit().await?)
    }
}
