use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use mpanel_events::Tail;
use mpanel_kernel::clock::SharedClock;
use mpanel_telemetry::spawn_named;
use tokio::sync::Notify;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::task::AbortOnDropHandle;

use crate::backoff::{jitter, pause};
use crate::reconciler::ASKED;
use crate::reconciler::lease::{Ended, Turn, give_back, renew, take};
use crate::worker::Worker;
use crate::{BoxError, PassReport, Reconciler, metrics};

/// A pass that takes longer hangs, and would keep all others from looking.
const LONGEST_PASS: Duration = Duration::from_secs(600);
const LONGEST_BACKOFF: Duration = Duration::from_secs(60);

/// Runs reconcilers for ever. Dropped, it stops at once, as if killed.
pub(crate) async fn run(worker: Worker, clock: SharedClock, tail: Tail, reconcilers: Vec<Arc<dyn Reconciler>>) {
    let all: Vec<One> = reconcilers
        .into_iter()
        .map(|reconciler| One {
            worker: worker.clone(),
            clock: clock.clone(),
            reconciler,
            wake: Arc::default(),
            asked: Arc::default(),
        })
        .collect();
    let _tasks: Vec<_> = all
        .iter()
        .map(|one| AbortOnDropHandle::new(spawn_named("reconciler", one.clone().run())))
        .collect();
    pass_wakes_on(&tail, &all).await;
}

async fn pass_wakes_on(tail: &Tail, all: &[One]) {
    let mut rows = tail.subscribe();
    loop {
        match rows.recv().await {
            Ok(row) if row.is_state => {}
            Ok(row) if row.topic == ASKED => {
                for one in all.iter().filter(|one| one.reconciler.name() == row.key) {
                    one.asked.notify_one();
                    one.wake.notify_one();
                }
            }
            Ok(row) => {
                for one in all.iter().filter(|one| one.reconciler.wakes_on(&row.topic)) {
                    // Kept until the reconciler waits again, and only once: wakes are coalesced.
                    one.wake.notify_one();
                }
            }
            // What was missed may have been for anyone.
            Err(RecvError::Lagged(_)) => all.iter().for_each(|one| one.wake.notify_one()),
            // The process ends.
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}

#[derive(Clone)]
struct One {
    worker: Worker,
    clock: SharedClock,
    reconciler: Arc<dyn Reconciler>,
    wake: Arc<Notify>,
    /// By a person, who does not wait until it is time to try again.
    asked: Arc<Notify>,
}

impl One {
    async fn run(self) {
        loop {
            let next = self.turn().await;
            let _ = timeout(next, self.wake.notified()).await;
        }
    }

    /// One turn, here or known to be taken elsewhere; returns when the next one is due at the latest.
    async fn turn(&self) -> Duration {
        let name = self.reconciler.name();
        let turn = match take(&self.worker, name, self.clock.now()).await {
            Ok(Some(turn)) => turn,
            // Whoever runs it now may have looked before what woke us, so this one looks again after it.
            Ok(None) => return jitter(self.worker.tuning.poll),
            Err(error) => {
                tracing::warn!(reconciler = name, %error, "cannot take a reconciler's turn");
                return jitter(self.worker.tuning.poll);
            }
        };
        let started = Instant::now();
        let result = tokio::select! {
            result = timeout(LONGEST_PASS, AssertUnwindSafe(self.reconciler.pass()).catch_unwind()) => match result {
                Ok(Ok(result)) => result,
                Ok(Err(_)) => Err(BoxError::from("the pass panicked")),
                Err(_) => Err(BoxError::from("the pass took longer than ten minutes and was broken off")),
            },
            () = self.mind(&turn) => return jitter(self.worker.tuning.poll),
        };
        metrics::pass_ended(name, result.is_ok(), started.elapsed());
        let text = result.as_ref().err().map(|error| crate::error::chain(error.as_ref()));
        let failures = if text.is_some() { turn.failures + 1 } else { 0 };
        let next = match &result {
            Ok(report) => self.next(*report),
            Err(_) => {
                let longest = LONGEST_BACKOFF.min(self.reconciler.every());
                jitter(pause(self.worker.tuning.poll, failures, longest))
            }
        };
        let ended = Ended {
            error: text.as_deref(),
            failures,
            now: self.clock.now(),
            next,
        };
        if let Err(error) = give_back(&self.worker, name, &turn, &ended).await {
            tracing::warn!(reconciler = name, %error, "end of a pass not written");
        }
        let Some(error) = text else { return next };
        tracing::error!(reconciler = name, error, failures, "pass failed");
        // A wake does not shorten this: what fails must not fail as fast as events come.
        let _ = timeout(next, self.asked.notified()).await;
        Duration::ZERO
    }

    fn next(&self, report: PassReport) -> Duration {
        if report != PassReport::default() {
            tracing::debug!(reconciler = self.reconciler.name(), ?report, "pass");
        }
        let every = jitter(self.reconciler.every());
        report.again.map_or(every, |again| again.min(every))
    }

    /// Renews the lease; returns only when it is lost.
    async fn mind(&self, turn: &Turn) {
        let tuning = &self.worker.tuning;
        let mut alive = Instant::now();
        loop {
            sleep(tuning.heartbeat).await;
            match renew(&self.worker, self.reconciler.name(), turn).await {
                Ok(true) => alive = Instant::now(),
                Ok(false) => return,
                Err(_) if alive.elapsed() >= tuning.lease => return,
                Err(error) => tracing::debug!(%error, "sign of life not written"),
            }
        }
    }
}
