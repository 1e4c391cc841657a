use jiff::Timestamp;
use mpanel_authz::{Allowed, actions};
use mpanel_kernel::ids::{ReleaseId, SiteId};
use mpanel_kernel::paging::PageRequest;
use mpanel_pg::{TenantTx, Ts, Tx};

use crate::authz;
use crate::domain::{Release, ReleaseState, Upload};
use crate::error::Error;

/// What a release begins with.
pub struct NewRelease<'a> {
    pub id: ReleaseId,
    pub number: i32,
    pub upload: &'a Upload,
    pub note: Option<&'a str>,
    pub created_by: &'a str,
}

pub async fn insert(
    tx: &mut TenantTx,
    allowed: &Allowed<authz::Release, actions::Create>,
    site: SiteId,
    new: &NewRelease<'_>,
    now: Timestamp,
) -> Result<(), Error> {
    allowed.holds_in(tx.tenant())?;
    sqlx::query!(
        "insert into sites.releases
             (tenant_id, site_id, id, number, filename, sha256, size, note, created_by, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        tx.tenant().uuid(),
        site.uuid(),
        new.id.uuid(),
        new.number,
        new.upload.filename,
        new.upload.sha256,
        new.upload.size,
        new.note,
        new.created_by,
        Ts(now) as _,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Notes how many bytes of disk space are counted for it.
pub async fn set_reserved(tx: &mut TenantTx, site: SiteId, id: ReleaseId, bytes: i64) -> Result<(), Error> {
    sqlx::query!(
        "update sites.releases set reserved = $4 where tenant_id = $1 and site_id = $2 and id = $3",
        tx.tenant().uuid(),
        site.uuid(),
        id.uuid(),
        bytes,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// What unpacking has made: files, bytes, and whether there is a `404.html` at the top.
pub async fn set_unpacked(
    tx: &mut TenantTx,
    site: SiteId,
    id: ReleaseId,
    (files, bytes, has_404): (i64, i64, bool),
) -> Result<(), Error> {
    sqlx::query!(
        "update sites.releases set files = $4, bytes = $5, has_404 = $6
         where tenant_id = $1 and site_id = $2 and id = $3",
        tx.tenant().uuid(),
        site.uuid(),
        id.uuid(),
        files,
        bytes,
        has_404,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Buries a release because somebody asks for it.
pub async fn bury(
    tx: &mut TenantTx,
    allowed: &Allowed<authz::Release, actions::Delete>,
    site: SiteId,
    id: ReleaseId,
) -> Result<(), Error> {
    allowed.holds_in(tx.tenant())?;
    set_state(tx, site, id, ReleaseState::Deleting).await
}

/// What follows, step by step, from a deployment, a switch or a removal that was allowed when it began.
pub async fn set_state(tx: &mut TenantTx, site: SiteId, id: ReleaseId, state: ReleaseState) -> Result<(), Error> {
    sqlx::query!(
        "update sites.releases set state = $4 where tenant_id = $1 and site_id = $2 and id = $3",
        tx.tenant().uuid(),
        site.uuid(),
        id.uuid(),
        state.as_str(),
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Makes it the active one instead of `replaced`; the caller has seen to that one.
pub async fn activate(
    tx: &mut TenantTx,
    site: SiteId,
    id: ReleaseId,
    replaced: Option<ReleaseId>,
    now: Timestamp,
) -> Result<(), Error> {
    sqlx::query!(
        "update sites.releases set state = 'active', activated_at = $4, replaced = $5
         where tenant_id = $1 and site_id = $2 and id = $3",
        tx.tenant().uuid(),
        site.uuid(),
        id.uuid(),
        Ts(now) as _,
        replaced.map(ReleaseId::uuid),
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Gives it up, with the reason.
pub async fn fail(tx: &mut TenantTx, site: SiteId, id: ReleaseId, problem: &str) -> Result<(), Error> {
    sqlx::query!(
        "update sites.releases set state = 'failed', problem = $4, files = null, bytes = null
         where tenant_id = $1 and site_id = $2 and id = $3",
        tx.tenant().uuid(),
        site.uuid(),
        id.uuid(),
        problem,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Removes the row; returns the bytes that were counted for it, `None` when somebody was faster.
pub async fn delete(tx: &mut TenantTx, site: SiteId, id: ReleaseId) -> Result<Option<i64>, Error> {
    Ok(sqlx::query_scalar!(
        "delete from sites.releases where tenant_id = $1 and site_id = $2 and id = $3 and state = 'deleting'
         returning reserved",
        tx.tenant().uuid(),
        site.uuid(),
        id.uuid(),
    )
    .fetch_optional(tx.conn())
    .await?)
}

/// Buries what is beyond the `keep` newest of the site that can be served, and the oldest of those
/// that failed. The active one counts and always stays.
pub async fn bury_oldest(tx: &mut TenantTx, site: SiteId, keep: i32) -> Result<Vec<ReleaseId>, Error> {
    let rows = sqlx::query_scalar!(
        "update sites.releases set state = 'deleting'
         where tenant_id = $1 and site_id = $2 and id in (
             (select id from sites.releases where tenant_id = $1 and site_id = $2 and state in ('ready', 'active')
              order by state = 'active' desc, number desc offset $3)
             union all
             (select id from sites.releases where tenant_id = $1 and site_id = $2 and state = 'failed'
              order by number desc offset $3))
           and state in ('ready', 'failed')
         returning id",
        tx.tenant().uuid(),
        site.uuid(),
        i64::from(keep),
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(ReleaseId::from_uuid).collect())
}

/// Bytes of disk space that are counted for all releases of the site.
pub async fn reserved(tx: &mut TenantTx, site: SiteId) -> Result<i64, Error> {
    Ok(sqlx::query_scalar!(
        r#"select coalesce(sum(reserved), 0)::bigint as "sum!" from sites.releases where tenant_id = $1 and site_id = $2"#,
        tx.tenant().uuid(),
        site.uuid(),
    )
    .fetch_one(tx.conn())
    .await?)
}

pub async fn get(tx: &mut TenantTx, site: SiteId, id: ReleaseId) -> Result<Option<Release>, Error> {
    Ok(select(tx, site, Some(id), None, 1).await?.pop())
}

/// A page, newest first.
pub async fn list(tx: &mut TenantTx, site: SiteId, page: PageRequest) -> Result<Vec<Release>, Error> {
    select(tx, site, None, page.after.map(ReleaseId::from_uuid), page.fetch()).await
}

/// All of them.
pub async fn all(tx: &mut TenantTx, site: SiteId) -> Result<Vec<Release>, Error> {
    select(tx, site, None, None, i64::MAX).await
}

async fn select(
    tx: &mut TenantTx,
    site: SiteId,
    only: Option<ReleaseId>,
    before: Option<ReleaseId>,
    most: i64,
) -> Result<Vec<Release>, Error> {
    let rows = sqlx::query!(
        r#"select id, number, state, files, bytes, has_404, reserved, replaced, filename, sha256, size, note, problem,
                  created_by, created_at as "created_at: Ts", activated_at as "activated_at: Ts"
           from sites.releases
           where tenant_id = $1 and site_id = $2
             and ($3::uuid is null or id = $3) and ($4::uuid is null or id < $4)
           order by id desc limit $5"#,
        tx.tenant().uuid(),
        site.uuid(),
        only.map(ReleaseId::uuid),
        before.map(ReleaseId::uuid),
        most,
    )
    .fetch_all(tx.conn())
    .await?;
    let releases = rows.into_iter().map(|row| {
        Ok(Release {
            site,
            id: ReleaseId::from_uuid(row.id),
            number: row.number,
            state: ReleaseState::stored(&row.state)?,
            files: row.files,
            bytes: row.bytes,
            has_404: row.has_404,
            reserved: row.reserved,
            replaced: row.replaced.map(ReleaseId::from_uuid),
            filename: row.filename,
            sha256: row.sha256,
            size: row.size,
            note: row.note,
            problem: row.problem,
            created_by: row.created_by,
            created_at: row.created_at.0,
            activated_at: row.activated_at.map(Timestamp::from),
        })
    });
    releases.collect()
}
