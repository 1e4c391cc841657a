//! What the reconciler has to look at, and what it found.

use jiff::Timestamp;
use mpanel_jobs::Stuck;
use mpanel_kernel::ids::{SiteId, TenantId, UploadId};
use mpanel_pg::{PlatformTx, TenantTx, Ts, Tx};

use crate::error::Error;

/// A site to look at.
#[derive(Debug, Clone, Copy)]
pub struct Due {
    pub tenant: TenantId,
    pub site: SiteId,
    /// How often in a row it could not be seen to.
    pub failures: i32,
    /// Whether its files are to be looked at as well.
    pub files: bool,
}

/// Sites that have changed since they were looked at, or are due to be. Files that were last seen before `stale`
/// are to be looked at again, and those of a site that has changed or has a release to remove.
pub async fn sites(tx: &mut PlatformTx, now: Timestamp, stale: Timestamp, most: i64) -> Result<Vec<Due>, Error> {
    let rows = sqlx::query!(
        r#"select tenant_id, id, failures,
                  files_seen_at is null or files_seen_at <= $2 or observed_generation <> generation or exists (
                      select from sites.releases r
                      where r.tenant_id = s.tenant_id and r.site_id = s.id and r.state = 'deleting'
                  ) as "files!"
           from sites.sites s where due_at <= $1 order by due_at limit $3"#,
        Ts(now) as _,
        Ts(stale) as _,
        most,
    )
    .fetch_all(tx.conn())
    .await?;
    let rows = rows.into_iter().map(|row| Due {
        tenant: TenantId::from_uuid(row.tenant_id),
        site: SiteId::from_uuid(row.id),
        failures: row.failures,
        files: row.files,
    });
    Ok(rows.collect())
}

/// When the next site is due.
pub async fn next(tx: &mut PlatformTx) -> Result<Option<Timestamp>, Error> {
    let due = sqlx::query_scalar!(r#"select min(due_at) as "due: Ts" from sites.sites"#)
        .fetch_one(tx.conn())
        .await?;
    Ok(due.map(Timestamp::from))
}

/// The sites that come after one, by tenant and id, each with whether it is due anyway. Files as in [`sites`].
pub async fn after(
    tx: &mut PlatformTx,
    (tenant, site): (TenantId, SiteId),
    (now, stale): (Timestamp, Timestamp),
    most: i64,
) -> Result<Vec<(Due, bool)>, Error> {
    let rows = sqlx::query!(
        r#"select tenant_id, id, failures, due_at <= $3 as "due!",
                  files_seen_at is null or files_seen_at <= $4 or observed_generation <> generation or exists (
                      select from sites.releases r
                      where r.tenant_id = s.tenant_id and r.site_id = s.id and r.state = 'deleting'
                  ) as "files!"
           from sites.sites s where (tenant_id, id) > ($1, $2) order by tenant_id, id limit $5"#,
        tenant.uuid(),
        site.uuid(),
        Ts(now) as _,
        Ts(stale) as _,
        most,
    )
    .fetch_all(tx.conn())
    .await?;
    let rows = rows.into_iter().map(|row| {
        let due = Due {
            tenant: TenantId::from_uuid(row.tenant_id),
            site: SiteId::from_uuid(row.id),
            failures: row.failures,
            files: row.files,
        };
        (due, row.due)
    });
    Ok(rows.collect())
}

/// Has the reconciler look now.
pub async fn now(tx: &mut TenantTx, id: SiteId, now: Timestamp) -> Result<(), Error> {
    sqlx::query!(
        "update sites.sites set due_at = least(due_at, $3) where tenant_id = $1 and id = $2",
        tx.tenant().uuid(),
        id.uuid(),
        Ts(now) as _,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Has the reconciler look at all sites of the tenant now.
pub async fn all_now(tx: &mut TenantTx, now: Timestamp) -> Result<(), Error> {
    sqlx::query!(
        "update sites.sites set due_at = $2 where tenant_id = $1 and due_at > $2",
        tx.tenant().uuid(),
        Ts(now) as _,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Has the reconciler look again no sooner than this, after so many failures in a row.
pub async fn postpone(tx: &mut TenantTx, id: SiteId, failures: i32, at: Timestamp) -> Result<(), Error> {
    sqlx::query!(
        "update sites.sites set due_at = $4, failures = $3 where tenant_id = $1 and id = $2",
        tx.tenant().uuid(),
        id.uuid(),
        failures,
        Ts(at) as _,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Has the reconciler look again no sooner than this at a site that could not be seen to, so often in a row and for this reason.
pub async fn failed(
    tx: &mut TenantTx,
    id: SiteId,
    (failures, problem): (i32, &str),
    now: Timestamp,
    at: Timestamp,
) -> Result<(), Error> {
    sqlx::query!(
        "update sites.sites
         set due_at = $6, failures = $3, problem = $4, failing_since = coalesce(failing_since, $5)
         where tenant_id = $1 and id = $2",
        tx.tenant().uuid(),
        id.uuid(),
        failures,
        problem,
        Ts(now) as _,
        Ts(at) as _,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Sites that could not be seen to several times in a row, the longest first.
pub async fn stuck(tx: &mut PlatformTx, of: Option<TenantId>, most: u32) -> Result<Vec<Stuck>, Error> {
    let rows = sqlx::query!(
        r#"select tenant_id, id, name, problem, failures, failing_since as "since!: Ts", due_at as "due_at: Ts"
           from sites.sites
           where failing_since is not null and failures > 1 and ($1::uuid is null or tenant_id = $1)
           order by failing_since limit $2"#,
        of.map(TenantId::uuid) as _,
        i64::from(most),
    )
    .fetch_all(tx.conn())
    .await?;
    let rows = rows.into_iter().map(|row| Stuck {
        tenant: TenantId::from_uuid(row.tenant_id),
        subject: SiteId::from_uuid(row.id).to_string(),
        name: row.name,
        problem: row.problem,
        failures: row.failures.unsigned_abs(),
        since: row.since.0,
        next_at: row.due_at.0,
    });
    Ok(rows.collect())
}

/// Makes a stuck site due; says whether it is one.
pub async fn try_now(tx: &mut TenantTx, id: SiteId, now: Timestamp) -> Result<bool, Error> {
    let done = sqlx::query!(
        "update sites.sites set due_at = least(due_at, $3)
         where tenant_id = $1 and id = $2 and failing_since is not null",
        tx.tenant().uuid(),
        id.uuid(),
        Ts(now) as _,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() > 0)
}

/// What was found about a site in a generation.
pub struct Found<'a> {
    pub generation: i64,
    pub ready: bool,
    pub summary: &'a str,
    /// JSON.
    pub conditions: &'a str,
    /// When to look again.
    pub due: Timestamp,
    /// When the files were looked at, if they were.
    pub files_seen: Option<Timestamp>,
}

/// Keeps what was found, unless the site has changed meanwhile; says whether that is news.
pub async fn found(tx: &mut TenantTx, id: SiteId, found: &Found<'_>) -> Result<bool, Error> {
    let before = sqlx::query!(
        r#"select ready, summary, conditions::text as "conditions!"
           from sites.sites where tenant_id = $1 and id = $2 and generation = $3 for update"#,
        tx.tenant().uuid(),
        id.uuid(),
        found.generation,
    )
    .fetch_optional(tx.conn())
    .await?;
    let Some(before) = before else { return Ok(false) };
    sqlx::query!(
        "update sites.sites
         set observed_generation = $3, ready = $4, summary = $5, conditions = $6::text::json, due_at = $7,
             failures = 0, failing_since = null, problem = '', files_seen_at = coalesce($8, files_seen_at)
         where tenant_id = $1 and id = $2",
        tx.tenant().uuid(),
        id.uuid(),
        found.generation,
        found.ready,
        found.summary,
        found.conditions,
        Ts(found.due) as _,
        found.files_seen.map(Ts) as _,
    )
    .execute(tx.conn())
    .await?;
    Ok(before.ready != found.ready || before.summary != found.summary || before.conditions != found.conditions)
}

/// Uploads that are to go: tombstones, and those whose time is over.
pub async fn uploads(tx: &mut PlatformTx, now: Timestamp, most: i64) -> Result<Vec<DueUpload>, Error> {
    let rows = sqlx::query!(
        "select tenant_id, site_id, id from sites.uploads where expires_at <= $1 order by expires_at limit $2",
        Ts(now) as _,
        most,
    )
    .fetch_all(tx.conn())
    .await?;
    let rows = rows.into_iter().map(|row| DueUpload {
        tenant: TenantId::from_uuid(row.tenant_id),
        site: SiteId::from_uuid(row.site_id),
        id: UploadId::from_uuid(row.id),
    });
    Ok(rows.collect())
}

/// An upload that is to go.
#[derive(Debug, Clone, Copy)]
pub struct DueUpload {
    pub tenant: TenantId,
    pub site: SiteId,
    pub id: UploadId,
}

/// Those of the uploads that nobody knows.
pub async fn unknown_uploads(tx: &mut PlatformTx, ids: &[UploadId]) -> Result<Vec<UploadId>, Error> {
    let ids: Vec<_> = ids.iter().map(|id| id.uuid()).collect();
    let rows = sqlx::query_scalar!(
        r#"select wanted as "id!" from unnest($1::uuid[]) wanted
           where not exists (select from sites.uploads u where u.id = wanted)"#,
        &ids,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(UploadId::from_uuid).collect())
}
