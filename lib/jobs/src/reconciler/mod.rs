mod lease;
pub(crate) mod runner;
mod status;

pub use status::{ASKED, ReconcilerStatus, Stuck, reconcilers};

use std::time::Duration;

use async_trait::async_trait;

use mpanel_kernel::ids::TenantId;

use crate::BoxError;

/// Compares what is wanted with what is, and converges. A pass takes no input: it finds its work
/// in the tables, so a lost wake costs time and nothing else.
#[async_trait]
pub trait Reconciler: Send + Sync + 'static {
    /// Names its lease and its metrics: `sites.edge`.
    fn name(&self) -> &'static str;
    /// Whether an event of this type (`sites.site.created.v1`) is a reason to look.
    fn wakes_on(&self, event: &str) -> bool;
    /// It also looks this often, give or take a tenth.
    fn every(&self) -> Duration;
    /// One pass. Idempotent; only one runs at a time, on one server. It may be broken off at any
    /// await, and it deletes only what carries a tombstone, within
    /// [`deletes_allowed`](crate::deletes_allowed).
    ///
    /// # Errors
    /// Anything; the next pass then waits longer and longer, up to a minute or [`Reconciler::every`].
    async fn pass(&self) -> Result<PassReport, BoxError>;

    /// Objects that it fails with again and again, the longest first; at most `most`. Of one tenant, or of all.
    ///
    /// # Errors
    /// When the database is away.
    async fn stuck(&self, _of: Option<TenantId>, _most: u32) -> Result<Vec<Stuck>, BoxError> {
        Ok(Vec::new())
    }

    /// Makes an object of [`Reconciler::stuck`] due at once; `false` when it is not stuck. Whoever calls it wakes the
    /// reconciler.
    ///
    /// # Errors
    /// When the database is away.
    async fn try_now(&self, _tenant: TenantId, _subject: &str) -> Result<bool, BoxError> {
        Ok(false)
    }
}

/// What a pass did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PassReport {
    /// Objects that were not as wanted and were changed.
    pub changed: u64,
    /// Objects that were removed.
    pub deleted: u64,
    /// Look again so soon, because something is on its way; absent: as usual.
    pub again: Option<Duration>,
}
