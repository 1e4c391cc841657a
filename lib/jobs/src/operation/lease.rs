//! The runner's own writes. Each is one short transaction that first makes sure of the lease and
//! renews it: a worker that was taken for dead changes nothing any more.

use jiff::Timestamp;
use mpanel_authz::{Actor, Assumption};
use mpanel_kernel::ids::{AssumptionId, OperationId, RequestId, TenantId};
use mpanel_pg::{SpineTx, Ts, Tx};
use serde_json::Value;
use uuid::Uuid;

use crate::operation::status::{OperationState, Progress, StepState, changed, changed_data};
use crate::round::{Claim, Owned};
use crate::worker::Worker;
use crate::{Error, Failure};

/// Who says that an operation has changed.
pub(crate) const ACTOR: Actor = Actor::System("jobs");

/// Who started an operation.
#[derive(Debug, Clone)]
pub(crate) struct Starter {
    pub(crate) actor: String,
    pub(crate) assumed_from: Option<TenantId>,
    pub(crate) assumption: Option<Assumption>,
    pub(crate) request: RequestId,
}

/// An operation that this worker has taken.
#[derive(Debug, Clone)]
pub(crate) struct Taken {
    pub(crate) tenant: TenantId,
    pub(crate) id: OperationId,
    pub(crate) lease: Uuid,
    pub(crate) kind: String,
    pub(crate) subject: String,
    pub(crate) state: OperationState,
    pub(crate) input: Value,
    pub(crate) starter: Starter,
    pub(crate) failure: Option<Failure>,
    pub(crate) cancel_requested: bool,
    /// When it was taken; a step may have said so since.
    pub(crate) irrevocable: bool,
    pub(crate) finish_attempts: u32,
}

/// A step as the runner sees it.
#[derive(Debug, Clone)]
pub(crate) struct StepRow {
    pub(crate) position: i16,
    pub(crate) key: String,
    pub(crate) state: StepState,
    pub(crate) attempts: u32,
    pub(crate) undo_attempts: u32,
    pub(crate) output: Option<Value>,
    pub(crate) undone: bool,
}

/// Takes an operation of the first tenant from `from` on that has one to be taken, tenants in the order of their ids: what
/// was begun before what was not, and then the oldest. Tenants in `busy` have had their share.
pub(crate) async fn take(
    worker: &Worker,
    kinds: &[String],
    busy: &[Uuid],
    from: Uuid,
    now: Timestamp,
) -> Result<Claim<Taken>, Error> {
    let mut tx = worker.db().queue().await?;
    let lease = Uuid::now_v7();
    let row = sqlx::query_file!(
        "src/operation/take.sql",
        from,
        kinds,
        busy,
        worker.name,
        lease,
        worker.tuning.lease.as_secs_f64(),
        Ts(now) as _,
    )
    .fetch_optional(tx.conn())
    .await;
    let row = match row {
        Ok(Some(row)) => row,
        Ok(None) => return Ok(Claim::Nothing),
        // Another server was faster with another one on the same subject.
        Err(error) if mpanel_pg::constraint(&error) == Some("operations_one_at_a_time") => return Ok(Claim::Lost),
        Err(error) => return Err(error.into()),
    };
    let (Some(kind), Some(subject), Some(state), Some(input), Some(actor), Some(request)) =
        (row.kind, row.subject, row.state, row.input, row.actor, row.request_id)
    else {
        return Ok(Claim::Lost);
    };
    tx.commit().await?;
    Ok(Claim::Taken(Taken {
        tenant: TenantId::from_uuid(row.tenant_id),
        id: OperationId::from_uuid(row.id),
        lease,
        kind,
        subject,
        state: OperationState::stored(&state),
        input,
        starter: Starter {
            actor,
            assumed_from: row.assumed_from.map(TenantId::from_uuid),
            assumption: row
                .assumption
                .zip(row.assumption_reason)
                .map(|(id, reason)| Assumption {
                    id: AssumptionId::from_uuid(id),
                    reason: reason.into(),
                }),
            request: RequestId::from_uuid(request),
        },
        failure: row.error.map(serde_json::from_value).transpose()?,
        cancel_requested: row.cancel_requested.unwrap_or_default(),
        irrevocable: row.irrevocable.unwrap_or_default(),
        finish_attempts: row.finish_attempts.unwrap_or_default().unsigned_abs(),
    }))
}

/// Those of this worker's operations that are to be cancelled.
pub(crate) async fn to_cancel(worker: &Worker) -> Result<Vec<OperationId>, Error> {
    let mut tx = worker.db().spine().await?;
    let ids = sqlx::query_scalar!(
        "select id from jobs.operations where finished_at is null and worker = $1 and cancel_requested",
        worker.name,
    )
    .fetch_all(tx.conn())
    .await?;
    tx.commit().await?;
    Ok(ids.into_iter().map(OperationId::from_uuid).collect())
}

impl Owned for Taken {
    fn owner(&self) -> Uuid {
        self.tenant.uuid()
    }
}

impl Taken {
    /// Makes sure of the lease and renews it. Tells whether a cancellation was asked for.
    pub(super) async fn hold(&self, tx: &mut SpineTx, worker: &Worker) -> Result<bool, Error> {
        sqlx::query_scalar!(
            "update jobs.operations set lease_until = now() + make_interval(secs => $4)
             where tenant_id = $1 and id = $2 and lease = $3 returning cancel_requested",
            self.tenant.uuid(),
            self.id.uuid(),
            self.lease,
            worker.tuning.lease.as_secs_f64(),
        )
        .fetch_optional(tx.conn())
        .await?
        .ok_or(Error::LeaseLost)
    }

    pub(super) async fn tell(
        &self,
        tx: &mut SpineTx,
        state: OperationState,
        step: Option<&str>,
        progress: Option<&Progress>,
        now: Timestamp,
    ) -> Result<(), Error> {
        let data = changed_data(&self.kind, &self.subject, state, step, progress);
        let request = self.starter.request;
        changed(tx, self.tenant, self.id, &ACTOR, request, &data, now).await
    }

    pub(crate) async fn steps(&self, worker: &Worker) -> Result<Vec<StepRow>, Error> {
        let mut tx = worker.db().spine().await?;
        let rows = sqlx::query!(
            r#"select position, key, state, attempts, undo_attempts, output, undone_at is not null as "undone!"
               from jobs.operation_steps where tenant_id = $1 and operation_id = $2 order by position"#,
            self.tenant.uuid(),
            self.id.uuid(),
        )
        .fetch_all(tx.conn())
        .await?;
        tx.commit().await?;
        Ok(rows
            .into_iter()
            .map(|row| StepRow {
                position: row.position,
                key: row.key,
                state: StepState::stored(&row.state),
                attempts: row.attempts.unsigned_abs(),
                undo_attempts: row.undo_attempts.unsigned_abs(),
                output: row.output,
                undone: row.undone,
            })
            .collect())
    }

    /// A sign of life.
    pub(crate) async fn heartbeat(&self, worker: &Worker) -> Result<(), Error> {
        let mut tx = worker.db().spine().await?;
        self.hold(&mut tx, worker).await?;
        Ok(tx.commit().await?)
    }

    pub(crate) async fn progress(
        &self,
        worker: &Worker,
        step: &str,
        progress: &Progress,
        now: Timestamp,
    ) -> Result<(), Error> {
        let mut tx = worker.db().spine().await?;
        self.hold(&mut tx, worker).await?;
        self.set_progress(&mut tx, Some(progress)).await?;
        self.tell(&mut tx, self.state, Some(step), Some(progress), now).await?;
        Ok(tx.commit().await?)
    }

    async fn set_progress(&self, tx: &mut SpineTx, progress: Option<&Progress>) -> Result<(), Error> {
        sqlx::query!(
            "update jobs.operations set progress_done = $3, progress_total = $4, progress_unit = $5
             where tenant_id = $1 and id = $2",
            self.tenant.uuid(),
            self.id.uuid(),
            progress.map(|p| i64::try_from(p.done).unwrap_or(i64::MAX)),
            progress
                .and_then(|p| p.total)
                .map(|n| i64::try_from(n).unwrap_or(i64::MAX)),
            progress.map(|p| p.unit.as_str()),
        )
        .execute(tx.conn())
        .await?;
        Ok(())
    }

    /// Before a step runs. `false`: it must not, because a cancellation was asked for, and the
    /// operation is being undone from now on.
    pub(crate) async fn begin_step(&mut self, worker: &Worker, step: &StepRow, now: Timestamp) -> Result<bool, Error> {
        let mut tx = worker.db().spine().await?;
        if self.hold(&mut tx, worker).await? {
            self.turn_back(&mut tx, None).await?;
            self.tell(&mut tx, OperationState::Undoing, Some(&step.key), None, now)
                .await?;
            tx.commit().await?;
            self.state = OperationState::Undoing;
            return Ok(false);
        }
        sqlx::query!(
            "update jobs.operation_steps
             set state = 'running', attempts = attempts + 1, started_at = coalesce(started_at, $4)
             where tenant_id = $1 and operation_id = $2 and position = $3",
            self.tenant.uuid(),
            self.id.uuid(),
            step.position,
            Ts(now) as _,
        )
        .execute(tx.conn())
        .await?;
        self.tell(&mut tx, OperationState::Running, Some(&step.key), None, now)
            .await?;
        tx.commit().await?;
        Ok(true)
    }

    pub(crate) async fn step_done(
        &self,
        worker: &Worker,
        step: &StepRow,
        output: &Value,
        now: Timestamp,
    ) -> Result<(), Error> {
        let mut tx = worker.db().spine().await?;
        self.hold(&mut tx, worker).await?;
        sqlx::query!(
            "update jobs.operation_steps set state = 'done', output = $4, error = null, finished_at = $5
             where tenant_id = $1 and operation_id = $2 and position = $3",
            self.tenant.uuid(),
            self.id.uuid(),
            step.position,
            output,
            Ts(now) as _,
        )
        .execute(tx.conn())
        .await?;
        self.set_progress(&mut tx, None).await?;
        // What was stuck was taken up again since, and was irrevocable then.
        if self.irrevocable {
            sqlx::query!(
                "update jobs.operations set stuck_since = null
                 where tenant_id = $1 and id = $2 and stuck_since is not null",
                self.tenant.uuid(),
                self.id.uuid(),
            )
            .execute(tx.conn())
            .await?;
        }
        Ok(tx.commit().await?)
    }

    /// Notes that a step fails, and why, after what cannot be taken back. `false`: nothing like it was begun, and the
    /// operation can be undone.
    pub(crate) async fn is_stuck(
        &self,
        worker: &Worker,
        step: &StepRow,
        why: &str,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let mut tx = worker.db().spine().await?;
        self.hold(&mut tx, worker).await?;
        let done = sqlx::query!(
            "update jobs.operations set stuck_since = coalesce(stuck_since, $3)
             where tenant_id = $1 and id = $2 and irrevocable",
            self.tenant.uuid(),
            self.id.uuid(),
            Ts(now) as _,
        )
        .execute(tx.conn())
        .await?;
        let stuck = done.rows_affected() > 0;
        if stuck {
            self.waits(&mut tx, step, why).await?;
        }
        tx.commit().await?;
        Ok(stuck)
    }

    pub(crate) async fn step_failed(
        &mut self,
        worker: &Worker,
        step: &StepRow,
        failure: &Failure,
        now: Timestamp,
    ) -> Result<(), Error> {
        let mut tx = worker.db().spine().await?;
        self.hold(&mut tx, worker).await?;
        sqlx::query!(
            "update jobs.operation_steps set state = 'failed', error = $4, finished_at = $5
             where tenant_id = $1 and operation_id = $2 and position = $3",
            self.tenant.uuid(),
            self.id.uuid(),
            step.position,
            failure.message,
            Ts(now) as _,
        )
        .execute(tx.conn())
        .await?;
        self.turn_back(&mut tx, Some(failure)).await?;
        self.set_progress(&mut tx, None).await?;
        self.tell(&mut tx, OperationState::Undoing, Some(&step.key), None, now)
            .await?;
        tx.commit().await?;
        self.state = OperationState::Undoing;
        self.failure = Some(failure.clone());
        Ok(())
    }

    /// After a step broke off because the operation is to be cancelled.
    pub(crate) async fn step_cancelled(
        &mut self,
        worker: &Worker,
        step: &StepRow,
        now: Timestamp,
    ) -> Result<(), Error> {
        let mut tx = worker.db().spine().await?;
        self.hold(&mut tx, worker).await?;
        self.turn_back(&mut tx, None).await?;
        self.set_progress(&mut tx, None).await?;
        self.tell(&mut tx, OperationState::Undoing, Some(&step.key), None, now)
            .await?;
        tx.commit().await?;
        self.state = OperationState::Undoing;
        Ok(())
    }

    async fn turn_back(&self, tx: &mut SpineTx, failure: Option<&Failure>) -> Result<(), Error> {
        sqlx::query!(
            "update jobs.operations set state = 'undoing', error = $3 where tenant_id = $1 and id = $2",
            self.tenant.uuid(),
            self.id.uuid(),
            failure.map(serde_json::to_value).transpose()?,
        )
        .execute(tx.conn())
        .await?;
        Ok(())
    }
}
