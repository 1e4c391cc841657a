use jiff::Timestamp;
use mpanel_kernel::ids::{JobId, TenantId};
use mpanel_kernel::paging::{Page, PageRequest};
use mpanel_pg::{PlatformTx, Ts, Tx};
use serde_json::Value;

use crate::Error;

/// A job that nothing more is tried with.
#[derive(Debug, Clone, PartialEq)]
pub struct DeadJob {
    pub id: JobId,
    /// Absent for the platform's own.
    pub tenant: Option<TenantId>,
    pub kind: String,
    pub payload: Value,
    pub attempts: u32,
    pub error: String,
    pub created_at: Timestamp,
    pub died_at: Option<Timestamp>,
}

/// Dead jobs of all tenants, newest first, for the platform's staff.
///
/// # Errors
/// When the database is away.
pub async fn list_dead(tx: &mut PlatformTx, page: PageRequest) -> Result<Page<DeadJob>, Error> {
    let rows = sqlx::query!(
        r#"select tenant_id, id, kind, payload, attempts, error,
                  created_at as "created_at: Ts", died_at as "died_at: Ts"
           from jobs.jobs where state = 'dead' and ($1::uuid is null or id < $1) order by id desc limit $2"#,
        page.after,
        page.fetch(),
    )
    .fetch_all(tx.conn())
    .await?;
    let jobs = rows
        .into_iter()
        .map(|row| DeadJob {
            id: JobId::from_uuid(row.id),
            tenant: (!row.tenant_id.is_nil()).then(|| TenantId::from_uuid(row.tenant_id)),
            kind: row.kind,
            payload: row.payload,
            attempts: row.attempts.unsigned_abs(),
            error: row.error.unwrap_or_default(),
            created_at: row.created_at.0,
            died_at: row.died_at.map(Timestamp::from),
        })
        .collect();
    Ok(Page::cut(page, jobs, |job| job.id.uuid()))
}

/// Gives a dead job all its attempts again.
///
/// # Errors
/// [`Error::NotFound`] when no dead job has this id.
pub async fn revive(tx: &mut PlatformTx, id: JobId) -> Result<(), Error> {
    let done = sqlx::query!(
        "update jobs.jobs set state = 'pending', attempts = 0, due_at = now(), died_at = null
         where id = $1 and state = 'dead'",
        id.uuid(),
    )
    .execute(tx.conn())
    .await?;
    if done.rows_affected() == 0 {
        Err(Error::NotFound)
    } else {
        Ok(())
    }
}
