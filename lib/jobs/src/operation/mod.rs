pub(crate) mod cx;
mod drive;
mod lease;
pub(crate) mod runner;
pub(crate) mod status;
mod stuck;
mod unwind;

pub use cx::StepCx;
pub use status::{
    OperationFilter, OperationState, OperationStatus, Progress, StepState, StepStatus, get, list, request_cancel,
    start, unfinished,
};
pub use stuck::{stuck_operations, try_operation_now};

use std::time::Duration;

use async_trait::async_trait;
use mpanel_kernel::error::{Kind as ErrorKind, PublicError};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What an operation is called and which steps it has: `static DEPLOY: Kind = Kind { … }`.
#[derive(Debug, PartialEq, Eq)]
pub struct Kind {
    /// Never changed once released: `sites.release.deploy`.
    pub name: &'static str,
    /// In order. Keys are never reordered or removed while operations of the kind may be unfinished:
    /// an unfinished operation keeps the steps it was started with.
    pub steps: &'static [Step],
}

/// One step of an operation.
#[derive(Debug, PartialEq, Eq)]
pub struct Step {
    /// Unique in its operation: `unpack`.
    pub key: &'static str,
    /// For people, in the present tense: `Unpack the archive`.
    pub title: &'static str,
}

/// How an operation of one kind is done.
#[async_trait]
pub trait Operation: Send + Sync + 'static {
    fn kind(&self) -> &'static Kind;

    /// Does a step; what it returns is kept for later steps, and a text in it under `warning` is shown beside the
    /// step. Idempotent: it runs again when the
    /// process died before the result was written, or when it asked for it. It holds no transaction
    /// open while it waits for anything but the database.
    ///
    /// # Errors
    /// [`StepError::Retry`] for another attempt later, [`StepError::Failed`] to undo the operation; after
    /// [`StepCx::no_way_back`] both mean another attempt later.
    async fn run(&self, step: &str, cx: &StepCx) -> Result<Value, StepError>;

    /// Takes back whatever the step may have done: all, some or nothing of it, since the step that
    /// failed is undone as well as those that were done. Idempotent.
    ///
    /// # Errors
    /// An error means another attempt later; in the end it is written down and the steps before it
    /// are undone all the same.
    async fn undo(&self, step: &str, cx: &StepCx) -> Result<(), StepError>;

    /// The operation has ended, and its subject is told: a release becomes active or failed.
    /// Idempotent; runs before the outcome is written, again if the process dies in between.
    ///
    /// # Errors
    /// [`StepError::Retry`] for another attempt later, without an end, since nobody else tells the subject: after
    /// [`Operation::max_attempts`] it shows as stuck meanwhile. With [`StepError::Failed`] the operation ends all the same,
    /// and the log says that its subject was not told.
    async fn finished(&self, _cx: &StepCx, _outcome: &Outcome) -> Result<(), StepError> {
        Ok(())
    }

    /// Attempts of a step before it counts as failed, or as stuck when it cannot be undone; and of the end before it
    /// counts as stuck.
    fn max_attempts(&self) -> u32 {
        10
    }
}

/// A step did not do its work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StepError {
    /// It may work later: after `after`, then after twice as long, and so on up to a minute.
    #[error("{message}")]
    Retry { message: String, after: Duration },
    /// It will not work; the operation is undone and fails with this.
    #[error("{message}")]
    Failed { code: &'static str, message: String },
}

impl StepError {
    pub fn failed(code: &'static str, message: impl Into<String>) -> Self {
        Self::Failed {
            code,
            message: message.into(),
        }
    }

    /// Another attempt after a second, then later and later.
    pub fn retry(message: impl Into<String>) -> Self {
        Self::Retry {
            message: message.into(),
            after: Duration::from_secs(1),
        }
    }
}

/// An error of a context: what may pass is retried, the rest is final. The text is the public one,
/// since the tenant reads it; the whole chain goes to the log.
impl<E: PublicError> From<E> for StepError {
    fn from(error: E) -> Self {
        match error.kind() {
            ErrorKind::Unavailable | ErrorKind::Internal | ErrorKind::RateLimited => {
                tracing::warn!(error = crate::error::chain(&error), "step met an error and tries again");
                let after = Duration::from_secs(error.retry_after().unwrap_or(1).into());
                Self::Retry {
                    message: error.public_text(),
                    after,
                }
            }
            _ => Self::Failed {
                code: error.code(),
                message: error.public_text(),
            },
        }
    }
}

/// How an operation ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Succeeded,
    /// And was undone.
    Failed(Failure),
    /// And was undone.
    Cancelled,
}

/// Why an operation failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// `sites.release.archive_unsafe`.
    pub code: String,
    /// For the tenant.
    pub message: String,
}
