//! The rest of the runner's own writes: waiting for another attempt, undoing, ending.

use std::time::Duration;

use jiff::Timestamp;
use mpanel_pg::{SpineTx, Ts, Tx};

use crate::operation::lease::{StepRow, Taken};
use crate::operation::status::OperationState;
use crate::worker::Worker;
use crate::{Error, Failure, Outcome};

impl Taken {
    /// Gives the operation back until a step is to be tried again. A cancellation does not wait.
    pub(crate) async fn park(
        &self,
        worker: &Worker,
        step: &StepRow,
        why: &str,
        pause: Duration,
        now: Timestamp,
    ) -> Result<(), Error> {
        let mut tx = worker.db().spine().await?;
        let cancel = self.hold(&mut tx, worker).await?;
        self.waits(&mut tx, step, why).await?;
        let pause = if cancel && self.state == OperationState::Running {
            Duration::ZERO
        } else {
            pause
        };
        self.give_back(&mut tx, pause).await?;
        self.tell(&mut tx, self.state, Some(&step.key), None, now).await?;
        Ok(tx.commit().await?)
    }

    /// Gives the operation back until its end is to be tried again, which no cancellation hastens: there is nothing left to
    /// cancel.
    pub(crate) async fn park_end(
        &self,
        worker: &Worker,
        stuck: bool,
        why: &str,
        pause: Duration,
        now: Timestamp,
    ) -> Result<(), Error> {
        let mut tx = worker.db().spine().await?;
        self.hold(&mut tx, worker).await?;
        sqlx::query!(
            "update jobs.operations
             set finish_error = $3, stuck_since = coalesce(stuck_since, case when $4 then $5::timestamptz end)
             where tenant_id = $1 and id = $2",
            self.tenant.uuid(),
            self.id.uuid(),
            why,
            stuck,
            Ts(now) as _,
        )
        .execute(tx.conn())
        .await?;
        self.give_back(&mut tx, pause).await?;
        self.tell(&mut tx, self.state, None, None, now).await?;
        Ok(tx.commit().await?)
    }

    async fn give_back(&self, tx: &mut SpineTx, pause: Duration) -> Result<(), Error> {
        sqlx::query!(
            "update jobs.operations
             set lease_until = null, lease = null, worker = null, due_at = now() + make_interval(secs => $3)
             where tenant_id = $1 and id = $2",
            self.tenant.uuid(),
            self.id.uuid(),
            pause.as_secs_f64(),
        )
        .execute(tx.conn())
        .await?;
        Ok(())
    }

    /// Notes why a step waits to be tried again.
    pub(crate) async fn waits(&self, tx: &mut SpineTx, step: &StepRow, why: &str) -> Result<(), Error> {
        sqlx::query!(
            "update jobs.operation_steps
                 set error = $4, state = case state when 'running' then 'pending' else state end
                 where tenant_id = $1 and operation_id = $2 and position = $3",
            self.tenant.uuid(),
            self.id.uuid(),
            step.position,
            why,
        )
        .execute(tx.conn())
        .await?;
        Ok(())
    }

    /// Gives the operation back as it is, for whoever comes next.
    pub(crate) async fn release(&self, worker: &Worker) -> Result<(), Error> {
        let mut tx = worker.db().spine().await?;
        sqlx::query!(
            "update jobs.operations set lease_until = null, lease = null, worker = null
             where tenant_id = $1 and id = $2 and lease = $3",
            self.tenant.uuid(),
            self.id.uuid(),
            self.lease,
        )
        .execute(tx.conn())
        .await?;
        Ok(tx.commit().await?)
    }

    /// Before a step is undone.
    pub(crate) async fn begin_undo(&self, worker: &Worker, step: &StepRow) -> Result<(), Error> {
        let mut tx = worker.db().spine().await?;
        self.hold(&mut tx, worker).await?;
        sqlx::query!(
            "update jobs.operation_steps set undo_attempts = undo_attempts + 1
             where tenant_id = $1 and operation_id = $2 and position = $3",
            self.tenant.uuid(),
            self.id.uuid(),
            step.position,
        )
        .execute(tx.conn())
        .await?;
        Ok(tx.commit().await?)
    }

    /// After a step was undone; `left` says what could not be.
    pub(crate) async fn step_undone(
        &self,
        worker: &Worker,
        step: &StepRow,
        left: Option<&str>,
        now: Timestamp,
    ) -> Result<(), Error> {
        let mut tx = worker.db().spine().await?;
        self.hold(&mut tx, worker).await?;
        sqlx::query!(
            "update jobs.operation_steps
             set undone_at = $4,
                 state = case when state = 'failed' or $5::text is not null then 'failed' else 'undone' end,
                 error = coalesce($5, error)
             where tenant_id = $1 and operation_id = $2 and position = $3",
            self.tenant.uuid(),
            self.id.uuid(),
            step.position,
            Ts(now) as _,
            left,
        )
        .execute(tx.conn())
        .await?;
        self.tell(&mut tx, OperationState::Undoing, Some(&step.key), None, now)
            .await?;
        Ok(tx.commit().await?)
    }

    /// Before an attempt to tell the operation that it has ended, of which it had as many as it may: it is stuck, and if
    /// this one takes the process with it as well, the next is not made before `pause` has passed.
    pub(crate) async fn expect_no_end(&self, worker: &Worker, pause: Duration, now: Timestamp) -> Result<(), Error> {
        let mut tx = worker.db().spine().await?;
        self.hold(&mut tx, worker).await?;
        sqlx::query!(
            "update jobs.operations
             set stuck_since = coalesce(stuck_since, $3), due_at = now() + make_interval(secs => $4),
                 finish_error = coalesce(finish_error, 'it was interrupted too often')
             where tenant_id = $1 and id = $2",
            self.tenant.uuid(),
            self.id.uuid(),
            Ts(now) as _,
            pause.as_secs_f64(),
        )
        .execute(tx.conn())
        .await?;
        Ok(tx.commit().await?)
    }

    /// Counts an attempt to tell the operation that it has ended.
    pub(crate) async fn begin_finish(&mut self, worker: &Worker) -> Result<(), Error> {
        let mut tx = worker.db().spine().await?;
        self.hold(&mut tx, worker).await?;
        sqlx::query!(
            "update jobs.operations set finish_attempts = finish_attempts + 1 where tenant_id = $1 and id = $2",
            self.tenant.uuid(),
            self.id.uuid(),
        )
        .execute(tx.conn())
        .await?;
        tx.commit().await?;
        self.finish_attempts += 1;
        Ok(())
    }

    /// Writes the outcome.
    pub(crate) async fn end(&self, worker: &Worker, outcome: &Outcome, now: Timestamp) -> Result<(), Error> {
        let (state, failure): (_, Option<&Failure>) = match outcome {
            Outcome::Succeeded => (OperationState::Succeeded, None),
            Outcome::Failed(failure) => (OperationState::Failed, Some(failure)),
            Outcome::Cancelled => (OperationState::Cancelled, None),
        };
        let mut tx = worker.db().spine().await?;
        self.hold(&mut tx, worker).await?;
        sqlx::query!(
            "update jobs.operation_steps set state = 'skipped'
             where tenant_id = $1 and operation_id = $2 and state in ('pending', 'running')",
            self.tenant.uuid(),
            self.id.uuid(),
        )
        .execute(tx.conn())
        .await?;
        sqlx::query!(
            "update jobs.operations
             set state = $3, error = $4, finished_at = $5, stuck_since = null, finish_error = null, lease_until = null, lease = null, worker = null
             where tenant_id = $1 and id = $2",
            self.tenant.uuid(),
            self.id.uuid(),
            state.as_str(),
            failure.map(serde_json::to_value).transpose()?,
            Ts(now) as _,
        )
        .execute(tx.conn())
        .await?;
        self.tell(&mut tx, state, None, None, now).await?;
        Ok(tx.commit().await?)
    }
}
