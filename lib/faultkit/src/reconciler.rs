use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use mpanel_jobs::{BoxError, Reconciler};

use crate::interrupt::{interrupted, waits};
use crate::{PATIENCE, report, within};

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

/// Lets passes of the reconciler called `name` go wrong in all ways: twice, two at once, broken off at every place where they
/// wait.
///
/// # Panics
/// When what is wanted does not come about in the passes that follow, when a pass hangs, or when the world has another reconciler.
pub async fn try_reconciler<W: ReconcilerWorld>(name: &str, world: &W) {
    assert_eq!(
        world.reconciler().name(),
        name,
        "another reconciler is tried than is said"
    );
    report(name, &problems(world, PATIENCE).await);
}

/// What goes wrong in which scenario. A pass that takes longer than `patience` hangs.
pub(crate) async fn problems<W: ReconcilerWorld>(world: &W, patience: Duration) -> Vec<(String, String)> {
    let mut problems = Vec::new();
    let mut note = |scenario: &str, result: Result<(), String>| {
        if let Err(problem) = result {
            problems.push((scenario.to_owned(), problem));
        }
    };

    world.disturb().await;
    note("one pass", settled(world, patience).await);
    note("another pass with nothing to do", settled(world, patience).await);

    world.disturb().await;
    let (one, two) = (world.reconciler(), world.reconciler());
    // Of two at once, as after a lease that ran out, one may lose; the next pass sees to the rest.
    let both = within(patience, async { tokio::join!(one.pass(), two.pass()) }).await;
    note("two passes at once", both.map(|_| ()));
    note("two passes at once", settled(world, patience).await);

    for waits in waits() {
        world.disturb().await;
        let scenario = format!("broken off after {waits} waits");
        let reconciler = world.reconciler();
        let pass = within(patience, interrupted(reconciler.pass(), waits)).await;
        // One that hangs here would hang at all that follow.
        let over = !matches!(pass, Ok(None));
        note(&scenario, pass.map(|_| ()));
        note(&scenario, settled(world, patience).await);
        if over {
            break;
        }
    }
    problems
}

/// Passes of a new server until one has nothing more to do at once, and what is wrong then.
async fn settled<W: ReconcilerWorld>(world: &W, patience: Duration) -> Result<(), String> {
    let reconciler = world.reconciler();
    for _ in 0..PASSES {
        let pass = within(patience, reconciler.pass()).await;
        let pass = pass.unwrap_or_else(|hangs| Err(BoxError::from(hangs)));
        let report = pass.map_err(|error| format!("a pass after it fails: {error}"))?;
        let soon = report.again.is_some_and(|again| again <= Duration::from_millis(100));
        if !soon {
            break;
        }
    }
    world.check().await
}
