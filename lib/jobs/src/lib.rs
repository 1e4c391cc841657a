//! Work that outlives a request, by three tools that are not mixed:
//!
//! - an [`Operation`] happens once for a tenant, in steps that people can watch, and is undone in
//!   reverse when it fails or is cancelled;
//! - a [`Reconciler`] takes no input: it compares what is wanted with what is, and converges;
//! - a [`Job`] has a payload and is retried until it is done or dead.
//!
//! A [`Runtime`] runs all three. It survives `kill -9` at any moment: what is at work is leased in
//! the database, every effect has a row before and after it, and effects may happen again.
#![forbid(unsafe_code)]

mod backoff;
mod crash;
mod error;
mod guard;
mod job;
mod metrics;
mod operation;
mod reconciler;
mod retention;
mod round;
mod runtime;
mod watch;
mod worker;

pub use error::{BoxError, Error};
pub use guard::{TooManyDeletes, deletes_allowed};
pub use job::{
    DIED, DeadFilter, DeadJob, Job, JobCx, JobError, Reach, count_dead, dead_owners, discard_dead, enqueue, get_dead,
    list_dead, retry_all_dead, retry_dead,
};
pub use operation::{
    Failure, Kind, Operation, OperationFilter, OperationState, OperationStatus, Outcome, Progress, Step, StepCx,
    StepError, StepState, StepStatus, get, list, request_cancel, start, stuck_operations, try_operation_now,
    unfinished,
};
pub use reconciler::{ASKED, PassReport, Reconciler, ReconcilerStatus, Stuck, reconcilers};
pub use retention::Retention;
pub use runtime::Runtime;
pub use worker::Tuning;

use mpanel_pg::Migrations;

pub const MIGRATIONS: Migrations = Migrations {
    schema: "jobs",
    files: &[
        ("0001_jobs", include_str!("../migrations/0001_jobs.sql")),
        ("0002_kinds", include_str!("../migrations/0002_kinds.sql")),
        ("0003_ending", include_str!("../migrations/0003_ending.sql")),
    ],
};

#[cfg(test)]
mod tests;
