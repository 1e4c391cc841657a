use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use mpanel_jobs::{BoxError, Reconciler};
use tokio::time::timeout;

use crate::interrupt::{interrupted, waits};
use crate::{PATIENCE, report};

/// Passes in which all must be done that there is to do.
const PASSES: usize = 20;

/// Where a reconciler finds something to do again and again.
#[async_trait]
pub trait ReconcilerWorld: Send + Sync {
    /// The reconciler as a server that has just started has it.
    fn reconciler(&self) -> Arc<dyn Reconciler>;
    /// Makes something differ from what is wanted.
    async fn disturb(&self);
    /// Whether nothing differs any more and nothing is there that should not be.
    ///
    /// # Errors
    /// What is wrong.
    async fn check(&self) -> Result<(), String>;
}

/// Lets passes go wrong in all ways: twice, two at once, broken off at every place where they wait.
///
/// # Panics
/// When what is wanted does not come about in the passes that follow.
pub async fn try_reconciler<W: ReconcilerWorld>(world: &W) {
    let name = world.reconciler().name();
    let mut problems = Vec::new();
    let mut note = |scenario: &str, result: Result<(), String>| {
        if let Err(problem) = result {
            problems.push((scenario.to_owned(), problem));
        }
    };

    world.disturb().await;
    note("one pass", settled(world).await);
    note("another pass with nothing to do", settled(world).await);

    world.disturb().await;
    let (one, two) = (world.reconciler(), world.reconciler());
    // Of two at once, as after a lease that ran out, one may lose; the next pass sees to the rest.
    let _ = tokio::join!(one.pass(), two.pass());
    note("two passes at once", settled(world).await);

    for waits in waits() {
        world.disturb().await;
        let pass = timeout(PATIENCE, interrupted(world.reconciler().pass(), waits)).await;
        let done = matches!(pass, Ok(Some(_)) | Err(_));
        note(&format!("broken off after {waits} waits"), settled(world).await);
        if done {
            break;
        }
    }
    report(name, &problems);
}

/// Passes of a new server until one has nothing more to do at once, and what is wrong then.
async fn settled<W: ReconcilerWorld>(world: &W) -> Result<(), String> {
    let reconciler = world.reconciler();
    for _ in 0..PASSES {
        let pass = timeout(PATIENCE, reconciler.pass()).await;
        let pass = pass.unwrap_or_else(|_| Err(BoxError::from("it hangs")));
        let report = pass.map_err(|error| format!("a pass after it fails: {error}"))?;
        let soon = report.again.is_some_and(|again| again <= Duration::from_millis(100));
        if !soon {
            break;
        }
    }
    world.check().await
}
