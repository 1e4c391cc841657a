use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::{StreamExt, stream};
use mpanel_events::{Spine, Tail};
use mpanel_jobs::{Operation, OperationStatus, Runtime, Tuning};
use mpanel_kernel::clock::SharedClock;
use mpanel_kernel::ids::{OperationId, TenantId};
use mpanel_telemetry::spawn_named;
use tokio::time::sleep;
use tokio_util::task::AbortOnDropHandle;

use crate::faulty::Faulty;
use crate::scenario::{self, Scenario};
use crate::{PATIENCE, report, within};

/// Worlds at work at once.
const LANES: usize = 4;

/// An operation that waits for a worker.
pub struct Started<S> {
    pub tenant: TenantId,
    pub operation: OperationId,
    /// What the world wants to know of it afterwards.
    pub of: S,
}

/// Where operations of one kind can be started again and again, each on an object of its own.
#[async_trait]
pub trait OperationWorld: Send + Sync {
    /// What [`OperationWorld::start`] keeps for [`OperationWorld::check`].
    type Of: Send + Sync;

    fn spine(&self) -> Spine;
    fn clock(&self) -> SharedClock;
    /// The operation as the context registers it.
    fn operation(&self) -> Arc<dyn Operation>;
    /// The step in which it says [`StepCx::no_way_back`](mpanel_jobs::StepCx::no_way_back), before its effect: what fails
    /// after that must not be undone.
    fn no_way_back(&self) -> Option<&'static str> {
        None
    }
    /// Starts one; nobody works on it when this returns.
    async fn start(&self) -> Started<Self::Of>;
    /// Whether all is as it must be, now that it has ended.
    ///
    /// # Errors
    /// What is not.
    async fn check(&self, started: &Started<Self::Of>, ended: &OperationStatus) -> Result<(), String>;
}

/// Lets everything go wrong that can with the operation called `name`, in the worlds that `make` makes.
///
/// # Panics
/// When it does not end as it should, leaves something that it should not, or when the worlds have another operation.
pub async fn try_operation<W: OperationWorld>(name: &str, make: impl AsyncFn() -> W) {
    let first = make().await;
    let kind = first.operation().kind();
    assert_eq!(kind.name, name, "another operation is tried than is said");
    let scenarios = scenario::all(kind, first.no_way_back());
    let share = scenarios.len().div_ceil(LANES);
    let make = &make;
    let lanes = scenarios.chunks(share).map(|lane| async move {
        let world = make().await;
        let mut problems = Vec::new();
        for scenario in lane {
            let end = within(PATIENCE, play(&world, scenario)).await;
            if let Err(problem) = end.and_then(|end| end) {
                problems.push((scenario.name(), problem));
            }
        }
        problems
    });
    let problems: Vec<_> = stream::iter(lanes).buffer_unordered(LANES).collect().await;
    report(kind.name, &problems.concat());
}

async fn play<W: OperationWorld>(world: &W, scenario: &Scenario) -> Result<(), String> {
    let started = world.start().await;
    let operation = Faulty::new(world.operation(), scenario.faults.clone());
    let mut dying = operation.dying();
    let ended = loop {
        let server = server(world, operation.clone());
        tokio::select! {
            ended = ended(world, &started) => break ended,
            _ = dying.changed() => drop(server),
        }
    };
    // What waits less often than a fault asks for has nothing to be broken off.
    let inside = |wrong| matches!(wrong, scenario::Wrong::KillInside(_));
    if let Some(fault) = operation.left().into_iter().find(|fault| !inside(fault.wrong)) {
        return Err(format!("it never came to {fault:?}: {ended:?}"));
    }
    if !scenario.ends.contains(&ended.state) {
        return Err(format!("it ended otherwise: {ended:?}"));
    }
    world.check(&started, &ended).await
}

fn server<W: OperationWorld>(world: &W, operation: Arc<Faulty>) -> AbortOnDropHandle<()> {
    let runtime = Runtime {
        spine: world.spine(),
        tail: Tail::default(),
        clock: world.clock(),
        operations: vec![operation],
        reconcilers: Vec::new(),
        jobs: Vec::new(),
        // The lease is long: nothing passes because one ran out.
        tuning: Tuning {
            lease: PATIENCE,
            heartbeat: Duration::from_millis(200),
            poll: Duration::from_millis(10),
            progress: Duration::from_millis(10),
            ..Tuning::default()
        },
    };
    AbortOnDropHandle::new(spawn_named("runtime", runtime.run()))
}

async fn ended<W: OperationWorld>(world: &W, started: &Started<W::Of>) -> OperationStatus {
    loop {
        let mut tx = world
            .spine()
            .db()
            .tenant(started.tenant)
            .await
            .expect("the database is there");
        let status = mpanel_jobs::get(&mut tx, started.operation).await;
        tx.end_read();
        let status = status.expect("an operation that was started is there");
        if status.state.is_final() {
            return status;
        }
        sleep(Duration::from_millis(5)).await;
    }
}
