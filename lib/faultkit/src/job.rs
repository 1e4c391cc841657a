use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::FutureExt;
use mpanel_events::Spine;
use mpanel_jobs::{Job, JobCx, JobError};
use mpanel_kernel::clock::SharedClock;
use mpanel_kernel::ids::TenantId;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::interrupt::{interrupted, waits};
use crate::{PATIENCE, report};

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

/// Lets attempts go wrong in all ways: done twice, broken off wherever they wait, with payloads that cannot be read.
///
/// # Panics
/// When the work is not done once in the end, or poison is tried again and again or panics.
pub async fn try_job<W: JobWorld>(world: &W) {
    let job = world.job();
    let mut problems = Vec::new();
    let mut note = |scenario: String, result: Result<(), String>| {
        if let Err(problem) = result {
            problems.push((scenario, problem));
        }
    };

    let (tenant, payload) = world.payload().await;
    let first = attempt(world, tenant, &payload).await;
    note("one attempt".to_owned(), first.map_err(|error| error.to_string()));
    let again = attempt(world, tenant, &payload).await;
    note("done already".to_owned(), again.map_err(|error| error.to_string()));
    note("done twice".to_owned(), world.check(&payload).await);

    for waits in waits() {
        let (tenant, payload) = world.payload().await;
        let cx = JobCx::detached(world.spine(), world.clock(), tenant, job.kind());
        let done = interrupted(job.run(&payload, &cx), waits).await.is_some();
        let after = attempt(world, tenant, &payload)
            .await
            .map_err(|error| error.to_string());
        let scenario = format!("broken off after {waits} waits");
        note(scenario.clone(), after);
        note(scenario, world.check(&payload).await);
        if done {
            break;
        }
    }
    for payload in poison() {
        let attempt = AssertUnwindSafe(attempt(world, tenant, &payload)).catch_unwind().await;
        let result = match attempt {
            Ok(Err(JobError::Dead(_))) => Ok(()),
            Ok(Err(JobError::Retry(error))) => Err(format!("is tried again: {error}")),
            Ok(Ok(())) => Err("is done".to_owned()),
            Err(_) => Err("panics".to_owned()),
        };
        let shown: String = payload.to_string().chars().take(40).collect();
        note(format!("the payload {shown}"), result);
    }
    report(job.kind(), &problems);
}

async fn attempt<W: JobWorld>(world: &W, tenant: Option<TenantId>, payload: &Value) -> Result<(), JobError> {
    let job = world.job();
    let cx = JobCx::detached(world.spine(), world.clock(), tenant, job.kind());
    let attempt = timeout(PATIENCE, job.run(payload, &cx)).await;
    attempt.unwrap_or_else(|_| Err(JobError::Retry("it hangs".to_owned())))
}
