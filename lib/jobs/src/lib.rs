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
mod runtime;
mod worker;

pub use error::{BoxError, Error};
pub use guard::{TooManyDeletes, deletes_allowed};
pub use job::{DeadJob, Job, JobCx, JobError, enqueue, list_dead, revive};
pub use operation::{
    Failure, Kind, Operation, OperationFilter, OperationState, OperationStatus, Outcome, Progress, Step, StepCx,
    StepError, StepState, StepStatus, get, list, request_cancel, start,
};
pub use reconciler::{PassReport, Reconciler};
pub use retention::Retention;
pub use runtime::Runtime;
pub use worker::Tuning;

use mpanel_pg::Migrations;

pub const MIGRATIONS: Migrations = Migrations {
    schema: "jobs",
    files: &[("0001_jobs", include_str!("../migrations/0001_jobs.sql"))],
};

#[cfg(test)]
mod tests;
