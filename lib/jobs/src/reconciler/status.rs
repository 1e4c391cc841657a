//! How reconcilers are, for the platform's staff.

use jiff::Timestamp;
use mpanel_kernel::ids::TenantId;
use mpanel_pg::{PlatformTx, Ts, Tx};

use crate::Error;

/// The event by which somebody asks for a pass at once; its subject is the reconciler's name.
pub const ASKED: &str = "jobs.reconciler.asked.v1";

/// How a reconciler's last pass went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReconcilerStatus {
    pub name: String,
    /// A pass is under way.
    pub at_work: bool,
    pub started_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
    /// When the next pass begins at the latest.
    pub next_at: Option<Timestamp>,
    /// Of the last pass, for those who run the platform; absent when it went well.
    pub error: Option<String>,
    /// Passes that failed since the last that went well, and when the first of them ended.
    pub failures: u32,
    pub failing_since: Option<Timestamp>,
    pub passes: u64,
}

/// An object that a reconciler cannot bring to what is wanted, and tries again with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stuck {
    pub tenant: TenantId,
    /// By wire id, or by name where it has none.
    pub subject: String,
    /// As its tenant calls it.
    pub name: String,
    /// For the tenant: nothing from inside.
    pub problem: String,
    /// Attempts that failed in a row, when the first of them did and when the next one is due.
    pub failures: u32,
    pub since: Timestamp,
    pub next_at: Timestamp,
}

/// All reconcilers that ever ran, by name.
///
/// # Errors
/// When the database is away.
pub async fn reconcilers(tx: &mut PlatformTx) -> Result<Vec<ReconcilerStatus>, Error> {
    let rows = sqlx::query!(
        r#"select name, coalesce(lease_until > now(), false) as "at_work!", started_at as "started_at: Ts",
                  finished_at as "finished_at: Ts", next_at as "next_at: Ts", error, failures,
                  failing_since as "failing_since: Ts", passes
           from jobs.reconcilers order by name"#
    )
    .fetch_all(tx.conn())
    .await?;
    let rows = rows.into_iter().map(|row| ReconcilerStatus {
        name: row.name,
        at_work: row.at_work,
        started_at: row.started_at.map(Timestamp::from),
        finished_at: row.finished_at.map(Timestamp::from),
        next_at: row.next_at.map(Timestamp::from),
        error: row.error,
        failures: row.failures.unsigned_abs(),
        failing_since: row.failing_since.map(Timestamp::from),
        passes: row.passes.unsigned_abs(),
    });
    Ok(rows.collect())
}
