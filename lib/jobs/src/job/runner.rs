use std::collections::HashMap;
use std::ops::ControlFlow;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt};
use mpanel_kernel::clock::SharedClock;
use mpanel_telemetry::spawn_named;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::task::AbortOnDropHandle;
use uuid::Uuid;

use crate::job::lease::{Full, Taken, take};
use crate::round::{Owned as _, Round};
use crate::worker::Worker;
use crate::{Error, Job, JobCx, JobError, metrics};

/// Takes jobs and runs them, a few at once, for ever. Dropped, it stops at once, as if killed.
pub(crate) async fn run(worker: Worker, clock: SharedClock, jobs: Vec<Arc<dyn Job>>) {
    let jobs: HashMap<&'static str, Arc<dyn Job>> = jobs.into_iter().map(|job| (job.kind(), job)).collect();
    let mut wakes = worker.wakes();
    let mut round = Round::default();
    let mut at_work = AtWork::default();
    let mut tasks: FuturesUnordered<BoxFuture<'static, (Uuid, &'static str)>> = FuturesUnordered::new();
    loop {
        while tasks.len() < worker.tuning.jobs {
            let (kinds, full) = (at_work.open_kinds(&jobs), at_work.full(&jobs, worker.tuning.per_tenant));
            let taken = match next(&worker, &kinds, &full, &mut round).await {
                Ok(Some(taken)) => taken,
                Ok(None) => break,
                Err(error) => {
                    tracing::warn!(%error, "cannot look for jobs");
                    break;
                }
            };
            let Some(job) = jobs.get(taken.kind.as_str()) else {
                break;
            };
            let work = (taken.owner(), job.kind());
            at_work.begins(work);
            let attempt = attempt(worker.clone(), clock.clone(), job.clone(), taken);
            let task = AbortOnDropHandle::new(spawn_named("job", attempt));
            tasks.push(Box::pin(async move {
                // A panic is logged where it happens; the lease runs out and the job is taken up again.
                let _ = task.await;
                work
            }));
        }
        tokio::select! {
            // The sender lives in the worker.
            _ = wakes.changed() => {}
            () = sleep(worker.tuning.poll) => {}
            Some(work) = tasks.next() => at_work.ended(work),
        }
    }
}

/// How many attempts there are of whom, and of which kind.
#[derive(Default)]
struct AtWork {
    owners: HashMap<Uuid, usize>,
    kinds: HashMap<&'static str, usize>,
    both: HashMap<(Uuid, &'static str), usize>,
}

impl AtWork {
    fn begins(&mut self, (owner, kind): (Uuid, &'static str)) {
        *self.owners.entry(owner).or_default() += 1;
        *self.kinds.entry(kind).or_default() += 1;
        *self.both.entry((owner, kind)).or_default() += 1;
    }

    fn ended(&mut self, (owner, kind): (Uuid, &'static str)) {
        self.owners.entry(owner).and_modify(|n| *n -= 1);
        self.owners.retain(|_, n| *n > 0);
        self.kinds.entry(kind).and_modify(|n| *n -= 1);
        self.both.entry((owner, kind)).and_modify(|n| *n -= 1);
        self.both.retain(|_, n| *n > 0);
    }

    /// Who has no place left, at all or in a kind.
    fn full(&self, jobs: &HashMap<&'static str, Arc<dyn Job>>, per_tenant: usize) -> Full {
        let owners = self.owners.iter().filter(|(_, n)| **n >= per_tenant);
        let share = |kind| jobs.get(kind).map_or(1, |job| share(job.at_once()));
        let sated = self.both.iter().filter(|((_, kind), n)| **n >= share(kind));
        let (sated, kinds) = sated.map(|((owner, kind), _)| (*owner, (*kind).to_owned())).unzip();
        Full {
            owners: owners.map(|(owner, _)| *owner).collect(),
            sated,
            kinds,
        }
    }

    /// Kinds that have a place left.
    fn open_kinds(&self, jobs: &HashMap<&'static str, Arc<dyn Job>>) -> Vec<String> {
        let at_work = |kind| self.kinds.get(kind).copied().unwrap_or_default();
        let open = jobs.iter().filter(|(kind, job)| at_work(**kind) < job.at_once());
        open.map(|(kind, _)| (*kind).to_owned()).collect()
    }
}

/// Of a kind's places those that one tenant may have: half of them, so that another's next finds one whatever the first one's
/// wait for.
fn share(at_once: usize) -> usize {
    (at_once / 2).max(1)
}

async fn next(worker: &Worker, kinds: &[String], full: &Full, round: &mut Round) -> Result<Option<Taken>, Error> {
    loop {
        let claim = take(worker, kinds, full, round.from()).await?;
        if let ControlFlow::Break(work) = round.after(claim) {
            return Ok(work);
        }
    }
}

async fn attempt(worker: Worker, clock: SharedClock, job: Arc<dyn Job>, taken: Taken) {
    let cx = JobCx {
        id: taken.id,
        tenant: taken.tenant(),
        attempt: taken.attempt,
        spine: worker.spine.clone(),
        clock: clock.clone(),
        kind: job.kind(),
    };
    let started = Instant::now();
    let result = if taken.attempt > job.max_attempts() {
        Err(JobError::Dead("it was interrupted too often".into()))
    } else {
        let longest = job.longest();
        tokio::select! {
            result = timeout(longest, AssertUnwindSafe(job.run(&taken.payload, &cx)).catch_unwind()) => match result {
                Ok(result) => result.unwrap_or_else(|_| Err(JobError::Retry("it panicked".into()))),
                Err(_) => Err(JobError::Retry(format!(
                    "it was not done after {} seconds, which is as long as an attempt may take",
                    longest.as_secs_f64(),
                ))),
            },
            () = mind(&worker, &taken) => {
                tracing::warn!(job = %taken.id, "job was taken over");
                return;
            }
        }
    };
    let (name, written) = match result {
        Ok(()) => ("succeeded", taken.done(&worker).await),
        Err(JobError::Retry(error)) if taken.attempt < job.max_attempts() => {
            tracing::warn!(job = %taken.id, kind = job.kind(), attempt = taken.attempt, error, "job failed and is tried again");
            ("failed", taken.again(&worker, &error, job.backoff(taken.attempt)).await)
        }
        Err(JobError::Retry(error) | JobError::Dead(error)) => {
            tracing::error!(job = %taken.id, kind = job.kind(), attempt = taken.attempt, error, "job is dead");
            ("died", taken.died(&worker, &error, clock.now()).await)
        }
    };
    metrics::job_ended(job.kind(), name, started.elapsed());
    if let Err(error) = written {
        tracing::warn!(job = %taken.id, %error, "end of a job not written; it will run again");
    }
}

/// Renews the lease; returns only when it is lost.
async fn mind(worker: &Worker, taken: &Taken) {
    let mut alive = Instant::now();
    loop {
        sleep(worker.tuning.heartbeat).await;
        match taken.heartbeat(worker).await {
            Ok(()) => alive = Instant::now(),
            Err(Error::LeaseLost) => return,
            Err(_) if alive.elapsed() >= worker.tuning.lease => return,
            Err(error) => tracing::debug!(%error, "sign of life not written"),
        }
    }
}
