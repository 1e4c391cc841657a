use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt};
use mpanel_kernel::clock::SharedClock;
use mpanel_kernel::ids::{OperationId, TenantId};
use mpanel_telemetry::spawn_named;
use tokio_util::task::AbortOnDropHandle;
use uuid::Uuid;

use crate::operation::cx::Live;
use crate::operation::drive::Drive;
use crate::operation::lease::{Taken, take, to_cancel};
use crate::round::Round;
use crate::worker::Worker;
use crate::{Error, Operation};

/// Takes operations and drives them, a few at once, for ever. Dropped, it stops at once, as if killed.
pub(crate) async fn run(worker: Worker, clock: SharedClock, operations: Vec<Arc<dyn Operation>>) {
    let mut runner = Runner {
        wakes: worker.wakes(),
        worker,
        clock,
        kinds: operations
            .iter()
            .map(|operation| operation.kind().name.to_owned())
            .collect(),
        operations: operations
            .into_iter()
            .map(|operation| (operation.kind().name, operation))
            .collect(),
        round: Round::default(),
        at_work: HashMap::new(),
        tasks: FuturesUnordered::new(),
    };
    runner.run().await;
}

struct Runner {
    worker: Worker,
    wakes: tokio::sync::watch::Receiver<u64>,
    clock: SharedClock,
    kinds: Vec<String>,
    operations: HashMap<&'static str, Arc<dyn Operation>>,
    round: Round,
    at_work: HashMap<OperationId, (TenantId, Arc<Live>)>,
    tasks: FuturesUnordered<BoxFuture<'static, OperationId>>,
}

impl Runner {
    async fn run(&mut self) {
        loop {
            if let Err(error) = self.look().await {
                tracing::warn!(%error, "cannot look for operations");
            }
            tokio::select! {
                // The sender lives in the worker.
                _ = self.wakes.changed() => {}
                () = tokio::time::sleep(self.worker.tuning.poll) => {}
                Some(ended) = self.tasks.next() => {
                    self.at_work.remove(&ended);
                }
            }
        }
    }

    /// Passes cancellations on, then takes as many operations as there is room for.
    async fn look(&mut self) -> Result<(), Error> {
        if !self.at_work.is_empty() {
            for id in to_cancel(&self.worker).await? {
                if let Some((_, live)) = self.at_work.get(&id) {
                    live.cancel.send_replace(true);
                }
            }
        }
        while self.tasks.len() < self.worker.tuning.operations {
            let busy = self.busy();
            let Some(taken) = self.next(&busy).await? else {
                break;
            };
            let Some(operation) = self.operations.get(taken.kind.as_str()) else {
                break;
            };
            let live = Live::new(taken.cancel_requested);
            self.at_work.insert(taken.id, (taken.tenant, live.clone()));
            let id = taken.id;
            let drive = Drive {
                worker: self.worker.clone(),
                clock: self.clock.clone(),
                operation: operation.clone(),
                taken,
                live,
            };
            let task = AbortOnDropHandle::new(spawn_named("operation", drive.run()));
            self.tasks.push(Box::pin(async move {
                // A panic is logged where it happens; the lease runs out and the operation is taken up again.
                let _ = task.await;
                id
            }));
        }
        Ok(())
    }

    async fn next(&mut self, busy: &[Uuid]) -> Result<Option<Taken>, Error> {
        loop {
            let from = self.round.from();
            let claim = take(&self.worker, &self.kinds, busy, from, self.clock.now()).await?;
            if let ControlFlow::Break(work) = self.round.after(claim) {
                return Ok(work);
            }
        }
    }

    /// Tenants that have as much at work as one may have.
    fn busy(&self) -> Vec<Uuid> {
        let mut counts: HashMap<TenantId, usize> = HashMap::new();
        for (tenant, _) in self.at_work.values() {
            *counts.entry(*tenant).or_default() += 1;
        }
        let most = self.worker.tuning.per_tenant;
        counts
            .into_iter()
            .filter(|(_, n)| *n >= most)
            .map(|(tenant, _)| tenant.uuid())
            .collect()
    }
}
