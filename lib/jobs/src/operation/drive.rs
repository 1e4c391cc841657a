//! Drives one operation that this worker has taken: forward step by step, backward when it must be
//! undone, to its end. It can be broken off at any await and taken up by another worker.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use mpanel_kernel::clock::SharedClock;
use tokio::time::{Instant, sleep};

use crate::backoff::pause;
use crate::crash;
use crate::operation::cx::{Live, StepCx};
use crate::operation::lease::{StepRow, Taken};
use crate::operation::status::{OperationState, StepState};
use crate::worker::Worker;
use crate::{Error, Failure, Operation, Outcome, StepError, metrics};

/// The longest pause between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// The same for what needs somebody to look at it.
const LONGEST_STUCK: Duration = Duration::from_secs(600);
/// The name of the end among crash points and metrics.
const FINISHED: &str = "finished";

pub(crate) struct Drive {
    pub(crate) worker: Worker,
    pub(crate) clock: SharedClock,
    pub(crate) operation: Arc<dyn Operation>,
    pub(crate) taken: Taken,
    pub(crate) live: Arc<Live>,
}

/// How a way through the steps ended.
enum Way {
    /// At its end.
    Through,
    /// Forward: the operation is to be undone.
    Back,
    /// The operation was given back until later.
    Later,
}

impl Drive {
    /// Works on the operation for as long as there is something to do now.
    pub(crate) async fn run(mut self) {
        match self.advance().await {
            Ok(()) => {}
            Err(Error::LeaseLost) => tracing::warn!(operation = %self.taken.id, "operation was taken over"),
            Err(error) => {
                tracing::warn!(operation = %self.taken.id, %error, "operation is interrupted and will be taken up again");
                // Another worker may have it at once, rather than when the lease runs out.
                while let Err(error) = self.taken.release(&self.worker).await {
                    tracing::debug!(%error, "lease cannot be given back yet");
                    sleep(self.worker.tuning.poll).await;
                }
            }
        }
    }

    async fn advance(&mut self) -> Result<(), Error> {
        let mut steps = self.taken.steps(&self.worker).await?;
        let mut cx = self.context(&steps);
        if self.taken.state == OperationState::Running {
            match self.forward(&mut steps, &mut cx).await? {
                Way::Through => return self.finish(&mut cx, Outcome::Succeeded).await,
                Way::Back => {}
                Way::Later => return Ok(()),
            }
        }
        if let Way::Later = self.backward(&steps, &mut cx).await? {
            return Ok(());
        }
        let outcome = self.taken.failure.clone().map_or(Outcome::Cancelled, Outcome::Failed);
        self.finish(&mut cx, outcome).await
    }

    fn context(&self, steps: &[StepRow]) -> StepCx {
        let outputs: BTreeMap<_, _> = steps
            .iter()
            .filter_map(|step| Some((step.key.clone(), step.output.clone()?)))
            .collect();
        StepCx {
            operation: self.taken.id,
            tenant: self.taken.tenant,
            kind: self.operation.kind(),
            step: String::new(),
            starter: self.taken.starter.clone(),
            subject: self.taken.subject.clone(),
            input: self.taken.input.clone(),
            outputs,
            spine: self.worker.spine.clone(),
            clock: self.clock.clone(),
            live: self.live.clone(),
        }
    }

    async fn forward(&mut self, steps: &mut [StepRow], cx: &mut StepCx) -> Result<Way, Error> {
        let kind = self.operation.kind().name;
        for step in steps.iter_mut().filter(|step| step.state != StepState::Done) {
            // Or it would have been put down as waiting.
            let died = step.state == StepState::Running;
            if !self.taken.begin_step(&self.worker, step, self.clock.now()).await? {
                return Ok(Way::Back);
            }
            step.attempts += 1;
            cx.step.clone_from(&step.key);
            let too_often = step.attempts > self.operation.max_attempts();
            let result = if too_often && (died || !self.taken.irrevocable) {
                // The last attempt ended without an answer: it took the process with it.
                Err(StepError::failed(
                    "jobs.step.interrupted",
                    "this step was interrupted too often",
                ))
            } else {
                crash::point(kind, &step.key, "before").await;
                let result = self.guarded(&step.key, self.operation.run(&step.key, cx)).await?;
                let moment = if result.is_ok() { "after" } else { "failed" };
                crash::point(kind, &step.key, moment).await;
                result
            };
            match result {
                Ok(output) => {
                    self.taken
                        .step_done(&self.worker, step, &output, self.clock.now())
                        .await?;
                    cx.outputs.insert(step.key.clone(), output);
                    step.state = StepState::Done;
                }
                Err(_) if cx.is_cancelled() => {
                    self.taken.step_cancelled(&self.worker, step, self.clock.now()).await?;
                    return Ok(Way::Back);
                }
                Err(StepError::Retry { message, after }) if step.attempts < self.operation.max_attempts() => {
                    let pause = pause(after, step.attempts, LONGEST_PAUSE);
                    self.taken
                        .park(&self.worker, step, &message, pause, self.clock.now())
                        .await?;
                    return Ok(Way::Later);
                }
                Err(error)
                    if self
                        .taken
                        .is_stuck(&self.worker, step, &error.to_string(), self.clock.now())
                        .await? =>
                {
                    // There is only the way on.
                    tracing::error!(operation = %self.taken.id, step = step.key, attempt = step.attempts, %error, "step fails that cannot be undone any more");
                    let pause = pause(retry_after(&error), step.attempts, LONGEST_STUCK);
                    self.taken
                        .park(&self.worker, step, &error.to_string(), pause, self.clock.now())
                        .await?;
                    return Ok(Way::Later);
                }
                Err(error) => {
                    let failure = match error {
                        StepError::Retry { message, .. } => Failure {
                            code: "jobs.step.gave_up".into(),
                            message,
                        },
                        StepError::Failed { code, message } => Failure {
                            code: code.into(),
                            message,
                        },
                    };
                    step.state = StepState::Failed;
                    self.taken
                        .step_failed(&self.worker, step, &failure, self.clock.now())
                        .await?;
                    return Ok(Way::Back);
                }
            }
        }
        Ok(Way::Through)
    }

    async fn backward(&mut self, steps: &[StepRow], cx: &mut StepCx) -> Result<Way, Error> {
        let kind = self.operation.kind().name;
        for step in steps.iter().rev().filter(|step| step.attempts > 0 && !step.undone) {
            self.taken.begin_undo(&self.worker, step).await?;
            let attempt = step.undo_attempts + 1;
            cx.step.clone_from(&step.key);
            crash::point(kind, &step.key, "undo-before").await;
            let result = self.guarded(&step.key, self.operation.undo(&step.key, cx)).await?;
            let Err(error) = result else {
                crash::point(kind, &step.key, "undo-after").await;
                self.taken
                    .step_undone(&self.worker, step, None, self.clock.now())
                    .await?;
                continue;
            };
            tracing::warn!(operation = %self.taken.id, step = step.key, attempt, %error, "step cannot be undone");
            if attempt >= self.operation.max_attempts() {
                // Stopping here would leave the steps before it as well.
                let left = format!("could not be undone: {error}");
                self.taken
                    .step_undone(&self.worker, step, Some(&left), self.clock.now())
                    .await?;
            } else {
                let pause = pause(retry_after(&error), attempt, LONGEST_PAUSE);
                self.taken
                    .park(&self.worker, step, &error.to_string(), pause, self.clock.now())
                    .await?;
                return Ok(Way::Later);
            }
        }
        Ok(Way::Through)
    }

    async fn finish(&mut self, cx: &mut StepCx, outcome: Outcome) -> Result<(), Error> {
        let kind = self.operation.kind().name;
        let most = self.operation.max_attempts();
        let longest = |attempt| if attempt < most { LONGEST_PAUSE } else { LONGEST_STUCK };
        let attempt = self.taken.finish_attempts + 1;
        if attempt > most {
            let later = pause(Duration::from_secs(1), attempt, LONGEST_STUCK);
            self.taken.expect_no_end(&self.worker, later, self.clock.now()).await?;
        }
        self.taken.begin_finish(&self.worker).await?;
        FINISHED.clone_into(&mut cx.step);
        crash::point(kind, FINISHED, "before").await;
        let result = self.guarded(FINISHED, self.operation.finished(cx, &outcome)).await?;
        match result {
            Ok(()) => crash::point(kind, FINISHED, "after").await,
            // Its subject would never learn of it, so this is tried for as long as it may work.
            Err(StepError::Retry { message, after }) => {
                tracing::warn!(operation = %self.taken.id, message, "operation cannot be brought to its end yet");
                let pause = pause(after, attempt, longest(attempt));
                return self
                    .taken
                    .park_end(&self.worker, attempt >= most, &message, pause, self.clock.now())
                    .await;
            }
            Err(StepError::Failed { code, message }) => {
                tracing::error!(operation = %self.taken.id, code, message, "operation ends, but its subject was not told");
            }
        }
        self.taken.end(&self.worker, &outcome, self.clock.now()).await?;
        metrics::operation_ended(kind, &outcome);
        tracing::info!(operation = %self.taken.id, tenant = %self.taken.tenant, kind, ?outcome, "operation ended");
        Ok(())
    }

    /// Runs a piece of the operation while giving signs of life; stops it when the lease is lost. A
    /// panic is a bug that would most likely come again, and counts as failure.
    async fn guarded<T>(
        &self,
        step: &str,
        work: impl Future<Output = Result<T, StepError>>,
    ) -> Result<Result<T, StepError>, Error> {
        let started = Instant::now();
        let result = tokio::select! {
            result = AssertUnwindSafe(work).catch_unwind() => result,
            lost = self.mind(step) => return Err(lost),
        };
        metrics::step_took(self.operation.kind(), step, started.elapsed());
        Ok(result.unwrap_or_else(|_| {
            tracing::error!(operation = %self.taken.id, step, "step panicked");
            Err(StepError::failed(
                "jobs.step.panicked",
                "something went wrong on our side",
            ))
        }))
    }

    /// Renews the lease and writes progress; returns only when the operation is no longer ours.
    async fn mind(&self, step: &str) -> Error {
        let tuning = &self.worker.tuning;
        let mut alive = Instant::now();
        loop {
            sleep(tuning.progress).await;
            let result = match self.live.take_progress() {
                Some(progress) => {
                    self.taken
                        .progress(&self.worker, step, &progress, self.clock.now())
                        .await
                }
                None if alive.elapsed() >= tuning.heartbeat => self.taken.heartbeat(&self.worker).await,
                None => continue,
            };
            match result {
                Ok(()) => alive = Instant::now(),
                Err(Error::LeaseLost) => return Error::LeaseLost,
                // The others believe in this worker until the lease runs out, and not a moment longer.
                Err(_) if alive.elapsed() >= tuning.lease => return Error::LeaseLost,
                Err(error) => tracing::debug!(%error, "sign of life not written"),
            }
        }
    }
}

fn retry_after(error: &StepError) -> Duration {
    match error {
        StepError::Retry { after, .. } => *after,
        StepError::Failed { .. } => Duration::from_secs(1),
    }
}
