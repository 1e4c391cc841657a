//! Jobs that nothing more is tried with, until somebody has looked at them.

use jiff::Timestamp;
use mpanel_kernel::ids::{JobId, TenantId};
use mpanel_kernel::paging::{Page, PageRequest};
use mpanel_pg::{PlatformTx, Ts, Tx};
use serde_json::Value;
use uuid::Uuid;

use crate::Error;
use crate::job::redact::redacted;

/// A job that nothing more is tried with.
#[derive(Debug, Clone, PartialEq)]
pub struct DeadJob {
    pub id: JobId,
    /// Absent for the platform's own.
    pub tenant: Option<TenantId>,
    pub kind: String,
    /// Its shape, with ids, numbers and what is true or false; other texts stay in the database.
    pub payload: Value,
    pub attempts: u32,
    /// Why the last attempt failed, for those who may see the job.
    pub error: String,
    pub created_at: Timestamp,
    pub died_at: Timestamp,
}

impl DeadJob {
    /// Under which tenant it stands: the platform's own under the nil one.
    #[must_use]
    pub fn owner(&self) -> TenantId {
        self.tenant.unwrap_or(TenantId::from_uuid(Uuid::nil()))
    }
}

/// Whose dead jobs are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Everybody's and the platform's own; a tenant's transaction sees no more than the tenant's all the same.
    Everyone,
    Of(TenantId),
    /// The platform's own, which are no tenant's.
    Platform,
}

impl Reach {
    fn owner(self) -> Option<Uuid> {
        match self {
            Self::Everyone => None,
            Self::Of(tenant) => Some(tenant.uuid()),
            Self::Platform => Some(Uuid::nil()),
        }
    }
}

/// Which dead jobs are wanted; an absent field matches all.
#[derive(Debug, Clone, Default)]
pub struct DeadFilter {
    pub kind: Option<String>,
    /// Only those under tenants behind this one, in the order of [`dead_owners`].
    pub owners_after: Option<TenantId>,
}

/// Dead jobs, newest first.
///
/// # Errors
/// When the database is away.
pub async fn list_dead(
    tx: &mut impl Tx,
    reach: Reach,
    filter: &DeadFilter,
    page: PageRequest,
) -> Result<Page<DeadJob>, Error> {
    let jobs = select(tx, reach, None, filter, page).await?;
    Ok(Page::cut(page, jobs, |job| job.id.uuid()))
}

/// One dead job.
///
/// # Errors
/// [`Error::NoDeadJob`], or when the database is away.
pub async fn get_dead(tx: &mut impl Tx, reach: Reach, id: JobId) -> Result<DeadJob, Error> {
    let page = PageRequest { limit: 1, after: None };
    let jobs = select(tx, reach, Some(id), &DeadFilter::default(), page).await?;
    jobs.into_iter().next().ok_or(Error::NoDeadJob)
}

async fn select(
    tx: &mut impl Tx,
    reach: Reach,
    id: Option<JobId>,
    filter: &DeadFilter,
    page: PageRequest,
) -> Result<Vec<DeadJob>, Error> {
    let rows = sqlx::query!(
        r#"select tenant_id, id, kind, payload, attempts, error,
                  created_at as "created_at: Ts", coalesce(died_at, created_at) as "died_at!: Ts"
           from jobs.jobs
           where state = 'dead' and ($1::uuid is null or tenant_id = $1) and ($2::uuid is null or id = $2)
             and ($3::text is null or kind = $3) and ($4::uuid is null or tenant_id > $4)
             and ($5::uuid is null or id < $5)
           order by id desc limit $6"#,
        reach.owner(),
        id.map(JobId::uuid),
        filter.kind,
        filter.owners_after.map(TenantId::uuid),
        page.after,
        page.fetch(),
    )
    .fetch_all(tx.conn())
    .await?;
    let jobs = rows.into_iter().map(|row| DeadJob {
        id: JobId::from_uuid(row.id),
        tenant: (!row.tenant_id.is_nil()).then(|| TenantId::from_uuid(row.tenant_id)),
        kind: row.kind,
        payload: redacted(&row.payload),
        attempts: row.attempts.unsigned_abs(),
        error: row.error.unwrap_or_default(),
        created_at: row.created_at.0,
        died_at: row.died_at.0,
    });
    Ok(jobs.collect())
}

/// How many there are, up to `most`: what is counted on every page must not cost more the worse things stand.
///
/// # Errors
/// When the database is away.
pub async fn count_dead(tx: &mut impl Tx, reach: Reach, filter: &DeadFilter, most: u32) -> Result<u32, Error> {
    let count = sqlx::query_scalar!(
        r#"select count(*) as "count!" from (
               select from jobs.jobs
               where state = 'dead' and ($1::uuid is null or tenant_id = $1) and ($2::text is null or kind = $2)
                 and ($3::uuid is null or tenant_id > $3) limit $4
           ) dead"#,
        reach.owner(),
        filter.kind,
        filter.owners_after.map(TenantId::uuid),
        i64::from(most),
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(u32::try_from(count).unwrap_or(most))
}

/// Gives a dead job all its attempts again, from now on.
///
/// # Errors
/// [`Error::NoDeadJob`] when no dead job has this id.
pub async fn retry_dead(tx: &mut impl Tx, reach: Reach, id: JobId) -> Result<(), Error> {
    match retry(tx, reach, Some(id), None).await? {
        0 => Err(Error::NoDeadJob),
        _ => Ok(()),
    }
}

/// Gives all dead jobs of a kind all their attempts again; returns how many there were.
///
/// # Errors
/// When the database is away.
pub async fn retry_all_dead(tx: &mut impl Tx, reach: Reach, kind: &str) -> Result<u64, Error> {
    retry(tx, reach, None, Some(kind)).await
}

async fn retry(tx: &mut impl Tx, reach: Reach, id: Option<JobId>, kind: Option<&str>) -> Result<u64, Error> {
    let done = sqlx::query!(
        "update jobs.jobs set state = 'pending', attempts = 0, due_at = now(), died_at = null
         where state = 'dead' and ($1::uuid is null or tenant_id = $1) and ($2::uuid is null or id = $2)
           and ($3::text is null or kind = $3)",
        reach.owner(),
        id.map(JobId::uuid),
        kind,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected())
}

/// Under which tenants dead jobs of a kind stand, from behind one; the platform's own under the nil one.
///
/// # Errors
/// When the database is away.
pub async fn dead_owners(
    tx: &mut PlatformTx,
    kind: &str,
    after: Option<TenantId>,
    most: u32,
) -> Result<Vec<TenantId>, Error> {
    let owners = sqlx::query_scalar!(
        "select distinct tenant_id from jobs.jobs
         where state = 'dead' and kind = $1 and ($2::uuid is null or tenant_id > $2) order by tenant_id limit $3",
        kind,
        after.map(TenantId::uuid),
        i64::from(most),
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(owners.into_iter().map(TenantId::from_uuid).collect())
}

/// Removes a dead job for good.
///
/// # Errors
/// [`Error::NoDeadJob`] when no dead job has this id.
pub async fn discard_dead(tx: &mut impl Tx, reach: Reach, id: JobId) -> Result<(), Error> {
    let done = sqlx::query!(
        "delete from jobs.jobs where state = 'dead' and ($1::uuid is null or tenant_id = $1) and id = $2",
        reach.owner(),
        id.uuid(),
    )
    .execute(tx.conn())
    .await?;
    match done.rows_affected() {
        0 => Err(Error::NoDeadJob),
        _ => Ok(()),
    }
}
