mod dead;
mod lease;
mod redact;
pub(crate) mod runner;

pub use dead::{
    DeadFilter, DeadJob, Reach, count_dead, dead_owners, discard_dead, get_dead, list_dead, retry_all_dead, retry_dead,
};
pub use lease::DIED;

use std::time::Duration;

use async_trait::async_trait;
use mpanel_authz::OpCx;
use mpanel_events::Spine;
use mpanel_kernel::clock::SharedClock;
use mpanel_kernel::error::PublicError;
use mpanel_kernel::ids::{JobId, TenantId};
use mpanel_pg::{Ts, Tx};
use serde::Serialize;
use serde_json::Value;

use crate::Error;

/// A kind of job: work with a payload that nobody watches, retried until it is done or dead.
#[async_trait]
pub trait Job: Send + Sync + 'static {
    /// Never changed once released: `identity.sessions.purge`.
    fn kind(&self) -> &'static str;
    /// Does the work. Idempotent: it runs again after an error and after `kill -9`.
    ///
    /// # Errors
    /// [`JobError::Retry`] for another attempt later, [`JobError::Dead`] when none would help.
    async fn run(&self, payload: &Value, cx: &JobCx) -> Result<(), JobError>;
    /// How long an attempt may take: one that hangs ends then, and has failed. Longer than whatever it waits for waits itself.
    fn longest(&self) -> Duration {
        Duration::from_secs(300)
    }
    /// Attempts that one server has at work at once: what all of them wait for may hang, and other kinds have places left. One
    /// tenant has half of them at most, so that whatever its own wait for, the next one of another tenant begins at once.
    fn at_once(&self) -> usize {
        8
    }
    /// Attempts after which it is dead.
    fn max_attempts(&self) -> u32 {
        10
    }
    /// The pause after attempt number `attempt` (from 1) failed.
    fn backoff(&self, attempt: u32) -> Duration {
        crate::backoff::pause(Duration::from_secs(1), attempt, Duration::from_secs(600))
    }
}

/// A job's attempt failed, with a text for those who may see the job: what they need to know and nothing from inside.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JobError {
    #[error("{0}")]
    Retry(String),
    #[error("{0}")]
    Dead(String),
}

/// An error of a context: what may pass is retried, the rest is final. The text is the public one; the whole chain goes to
/// the log.
impl<E: PublicError> From<E> for JobError {
    fn from(error: E) -> Self {
        use mpanel_kernel::error::Kind;
        tracing::warn!(error = crate::error::chain(&error), "job met an error");
        match error.kind() {
            Kind::Unavailable | Kind::Internal | Kind::RateLimited => Self::Retry(error.public_text()),
            _ => Self::Dead(error.public_text()),
        }
    }
}

/// What a job works with.
#[derive(Clone)]
pub struct JobCx {
    pub id: JobId,
    /// Absent for the platform's own jobs.
    pub tenant: Option<TenantId>,
    /// From 1.
    pub attempt: u32,
    pub spine: Spine,
    pub clock: SharedClock,
    pub(crate) kind: &'static str,
}

impl JobCx {
    /// The context of a first attempt that no runner makes, to call a job by hand.
    #[must_use]
    pub fn detached(spine: Spine, clock: SharedClock, tenant: Option<TenantId>, kind: &'static str) -> Self {
        Self {
            id: JobId::generate(),
            tenant,
            attempt: 1,
            spine,
            clock,
            kind,
        }
    }

    /// The platform acting for the job's tenant; absent for the platform's own jobs.
    #[must_use]
    pub fn op_cx(&self) -> Option<OpCx> {
        self.tenant
            .map(|tenant| OpCx::system(self.kind, tenant, self.clock.clone()))
    }
}

/// Adds a job in the caller's transaction, due after `delay`. `None` is the platform's own, for
/// which the transaction must not be a tenant's.
///
/// # Errors
/// When the database refuses or is away.
pub async fn enqueue(
    tx: &mut impl Tx,
    tenant: Option<TenantId>,
    kind: &'static str,
    payload: &impl Serialize,
    delay: Duration,
    clock: &SharedClock,
) -> Result<JobId, Error> {
    let id = JobId::generate();
    sqlx::query!(
        "insert into jobs.jobs (tenant_id, id, kind, payload, due_at, created_at)
         values ($1, $2, $3, $4, now() + make_interval(secs => $5), $6)",
        tenant.map(TenantId::uuid).unwrap_or_default(),
        id.uuid(),
        kind,
        serde_json::to_value(payload)?,
        delay.as_secs_f64(),
        Ts(clock.now()) as _,
    )
    .execute(tx.conn())
    .await?;
    Ok(id)
}
