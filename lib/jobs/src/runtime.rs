use std::collections::HashSet;
use std::sync::Arc;

use mpanel_events::{Spine, Tail};
use mpanel_kernel::clock::SharedClock;

use crate::worker::{Tuning, Worker};
use crate::{Job, Operation, Reconciler, job, operation, reconciler, watch};

/// Everything that runs in the background of one server.
pub struct Runtime {
    pub spine: Spine,
    /// Wakes reconcilers.
    pub tail: Tail,
    pub clock: SharedClock,
    pub operations: Vec<Arc<dyn Operation>>,
    pub reconcilers: Vec<Arc<dyn Reconciler>>,
    pub jobs: Vec<Arc<dyn Job>>,
    pub tuning: Tuning,
}

impl Runtime {
    /// Runs for ever. Dropped, all of it stops at once, in the middle of whatever it does: that is
    /// how a server stops, and no different from a crash. It keeps one connection of its own beside
    /// the pool's.
    ///
    /// # Panics
    /// When two operations, reconcilers or jobs have the same name, which is a mistake in the program.
    pub async fn run(self) {
        self.check_names();
        let worker = Worker::new(self.spine, self.tuning);
        let kinds = watch::Kinds {
            jobs: self.jobs.iter().map(|job| job.kind().to_owned()).collect(),
            operations: self
                .operations
                .iter()
                .map(|operation| operation.kind().name.to_owned())
                .collect(),
        };
        tokio::join!(
            worker.live(),
            worker.bury_dead(),
            operation::runner::run(worker.clone(), self.clock.clone(), self.operations),
            reconciler::runner::run(worker.clone(), self.clock.clone(), self.tail, self.reconcilers),
            job::runner::run(worker.clone(), self.clock.clone(), self.jobs),
            watch::run(worker.clone(), self.clock, kinds),
        );
    }

    fn check_names(&self) {
        let mut names = HashSet::new();
        let operations = self.operations.iter().map(|operation| operation.kind().name);
        let reconcilers = self.reconcilers.iter().map(|reconciler| reconciler.name());
        let jobs = self.jobs.iter().map(|job| job.kind());
        for (tool, name) in operations
            .map(|name| ("operation", name))
            .chain(reconcilers.map(|name| ("reconciler", name)))
            .chain(jobs.map(|name| ("job", name)))
        {
            assert!(names.insert((tool, name)), "two {tool}s are called {name}");
        }
    }
}
