use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt;
use mpanel_events::Spine;
use mpanel_jobs::{Job, JobCx, JobError};
use mpanel_kernel::clock::SharedClock;
use mpanel_kernel::ids::TenantId;
use serde_json::{Value, json};

use crate::interrupt::{interrupted, waits};
use crate::{PATIENCE, report, within};

/// Where jobs of one kind can be made again and again.
#[async_trait]
pub trait JobWorld: Send + Sync {
    fn spine(&self) -> Spine;
    fn clock(&self) -> SharedClock;
    fn job(&self) -> Arc<dyn Job>;
    /// Whose a new one is, and its payload.
    async fn payload(&self) -> (Option<TenantId>, Value);
    /// Whether what the payload asks for was done, once.
    ///
    /// # Errors
    /// What is wrong.
    async fn check(&self, payload: &Value) -> Result<(), String>;
}

/// What no version wrote, or one of long ago.
fn poison() -> Vec<Value> {
    vec![
        Value::Null,
        json!({}),
        json!([]),
        json!("text"),
        json!(-1),
        json!({"unknown": {"deep": [1, 2, 3]}}),
        json!("x".repeat(1 << 16)),
    ]
}

/// Lets attempts of jobs of this kind go wrong in all ways: done twice, broken off wherever they wait, with payloads that cannot be
/// read.
///
/// # Panics
/// When the work is not done once in the end, when an attempt hangs, when poison is tried again and again or panics, or when the
/// world has another kind of job.
pub async fn try_job<W: JobWorld>(kind: &str, world: &W) {
    assert_eq!(world.job().kind(), kind, "another job is tried than is said");
    report(kind, &problems(world, PATIENCE).await);
}

/// What goes wrong in which scenario. An attempt that takes longer than `patience` hangs.
pub(crate) async fn problems<W: JobWorld>(world: &W, patience: Duration) -> Vec<(String, String)> {
    let job = world.job();
    let mut problems = Vec::new();
    let mut note = |scenario: String, result: Result<(), String>| {
        if let Err(problem) = result {
            problems.push((scenario, problem));
        }
    };

    let (tenant, payload) = world.payload().await;
    let first = attempt(world, tenant, &payload, patience).await;
    note("one attempt".to_owned(), first.map_err(|error| error.to_string()));
    let again = attempt(world, tenant, &payload, patience).await;
    note("done already".to_owned(), again.map_err(|error| error.to_string()));
    note("done twice".to_owned(), world.check(&payload).await);

    for waits in waits() {
        let (tenant, payload) = world.payload().await;
        let cx = JobCx::detached(world.spine(), world.clock(), tenant, job.kind());
        let broken_off = within(patience, interrupted(job.run(&payload, &cx), waits)).await;
        // One that hangs here would hang at all that follow.
        let over = !matches!(broken_off, Ok(None));
        let after = attempt(world, tenant, &payload, patience)
            .await
            .map_err(|error| error.to_string());
        let scenario = format!("broken off after {waits} waits");
        note(scenario.clone(), broken_off.map(|_| ()));
        note(scenario.clone(), after);
        note(scenario, world.check(&payload).await);
        if over {
            break;
        }
    }
    for payload in poison() {
        let attempt = AssertUnwindSafe(attempt(world, tenant, &payload, patience))
            .catch_unwind()
            .await;
        let result = match attempt {
            Ok(Err(JobError::Dead(_))) => Ok(()),
            Ok(Err(JobError::Retry(error))) => Err(format!("is tried again: {error}")),
            Ok(Ok(())) => Err("is done".to_owned()),
            Err(_) => Err("panics".to_owned()),
        };
        let shown: String = payload.to_string().chars().take(40).collect();
        note(format!("the payload {shown}"), result);
    }
    problems
}

async fn attempt<W: JobWorld>(
    world: &W,
    tenant: Option<TenantId>,
    payload: &Value,
    patience: Duration,
) -> Result<(), JobError> {
    let job = world.job();
    let cx = JobCx::detached(world.spine(), world.clock(), tenant, job.kind());
    let attempt = within(patience, job.run(payload, &cx)).await;
    attempt.unwrap_or_else(|hangs| Err(JobError::Retry(hangs)))
}
