//! What hangs where it would have been broken off, and works the next time.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use mpanel_events::Spine;
use mpanel_jobs::{BoxError, Job, JobCx, JobError, PassReport, Reconciler};
use mpanel_kernel::clock::SharedClock;
use mpanel_kernel::ids::TenantId;
use serde_json::{Value, json};

use super::support::{clock, spine};
use super::waiting;
use crate::{HANGS, JobWorld, ReconcilerWorld, job, reconciler};

/// Nothing here waits for anything but its turn, unless it hangs.
const PATIENCE: Duration = Duration::from_secs(3);

fn hangs(scenario: &str) -> Vec<(String, String)> {
    vec![(scenario.to_owned(), HANGS.to_owned())]
}

/// Waits a few times, and hangs in one of its turns after the first.
#[derive(Default)]
struct Turns {
    hangs_in: usize,
    turn: AtomicUsize,
}

impl Turns {
    async fn take(&self) {
        let turn = self.turn.fetch_add(1, Ordering::SeqCst) + 1;
        waiting(1).await;
        if turn == self.hangs_in {
            pending::<()>().await;
        }
        waiting(3).await;
    }
}

#[async_trait]
impl Reconciler for Turns {
    fn name(&self) -> &'static str {
        "test.hanging"
    }

    fn wakes_on(&self, _event: &str) -> bool {
        false
    }

    fn every(&self) -> Duration {
        Duration::from_secs(3600)
    }

    async fn pass(&self) -> Result<PassReport, BoxError> {
        self.take().await;
        Ok(PassReport::default())
    }
}

struct Passes(Arc<Turns>);

#[async_trait]
impl ReconcilerWorld for Passes {
    fn reconciler(&self) -> Arc<dyn Reconciler> {
        self.0.clone()
    }

    async fn disturb(&self) {}

    async fn check(&self) -> Result<(), String> {
        Ok(())
    }
}

#[tokio::test]
async fn a_pass_that_hangs_is_found_out_wherever_it_does() {
    // Two alone, two at once and one after them; then one broken off and one after it, after each number of waits.
    for (hangs_in, scenario) in [
        (0, None),
        (3, Some("two passes at once")),
        (10, Some("broken off after 2 waits")),
    ] {
        let turns = Turns {
            hangs_in,
            ..Turns::default()
        };
        let found = reconciler::problems(&Passes(Arc::new(turns)), PATIENCE).await;
        assert_eq!(found, scenario.map(hangs).unwrap_or_default());
    }
}

#[async_trait]
impl Job for Turns {
    fn kind(&self) -> &'static str {
        "test.hanging"
    }

    async fn run(&self, payload: &Value, _cx: &JobCx) -> Result<(), JobError> {
        if payload != "work" {
            return Err(JobError::Dead("nobody wrote that".into()));
        }
        self.take().await;
        Ok(())
    }
}

struct Attempts(Arc<Turns>, Spine);

#[async_trait]
impl JobWorld for Attempts {
    fn spine(&self) -> Spine {
        self.1.clone()
    }

    fn clock(&self) -> SharedClock {
        clock()
    }

    fn job(&self) -> Arc<dyn Job> {
        self.0.clone()
    }

    async fn payload(&self) -> (Option<TenantId>, Value) {
        (None, json!("work"))
    }

    async fn check(&self, _payload: &Value) -> Result<(), String> {
        Ok(())
    }
}

#[tokio::test]
async fn an_attempt_that_hangs_is_found_out_wherever_it_does() {
    let spine = spine().await;
    // Two alone; then one broken off and one after it, after each number of waits.
    for (hangs_in, scenario) in [
        (0, None),
        (1, Some("one attempt")),
        (7, Some("broken off after 2 waits")),
        (8, Some("broken off after 2 waits")),
    ] {
        let turns = Turns {
            hangs_in,
            ..Turns::default()
        };
        let found = job::problems(&Attempts(Arc::new(turns), spine.clone()), PATIENCE).await;
        assert_eq!(found, scenario.map(hangs).unwrap_or_default());
    }
}
