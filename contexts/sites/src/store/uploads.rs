use jiff::Timestamp;
use mpanel_authz::{Allowed, actions};
use mpanel_kernel::ids::{SiteId, UploadId};
use mpanel_pg::{TenantTx, Ts, Tx};

use crate::authz;
use crate::domain::{Upload, UploadState};
use crate::error::Error;

pub async fn insert(
    tx: &mut TenantTx,
    allowed: &Allowed<authz::Upload, actions::Create>,
    upload: &Upload,
) -> Result<(), Error> {
    allowed.holds_in(tx.tenant())?;
    sqlx::query!(
        "insert into sites.uploads (tenant_id, site_id, id, filename, size, created_at, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7)",
        tx.tenant().uuid(),
        upload.site.uuid(),
        upload.id.uuid(),
        upload.filename,
        upload.size,
        Ts(upload.created_at) as _,
        Ts(upload.expires_at) as _,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Notes that so many bytes are on disk and where their hash stands, which also keeps the upload from being given
/// up; `false` when it no longer takes any.
pub async fn advance(
    tx: &mut TenantTx,
    allowed: &Allowed<authz::Upload, actions::Modify>,
    upload: &Upload,
    received: i64,
    hashing: &[u8],
    expires: Timestamp,
) -> Result<bool, Error> {
    allowed.holds_in(tx.tenant())?;
    let done = sqlx::query!(
        "update sites.uploads set received = $4, hashing = $5, expires_at = $6
         where tenant_id = $1 and site_id = $2 and id = $3 and state = 'open'",
        tx.tenant().uuid(),
        upload.site.uuid(),
        upload.id.uuid(),
        received,
        hashing,
        Ts(expires) as _,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() > 0)
}

/// All bytes are there; `false` when the upload is no longer open.
pub async fn finish(
    tx: &mut TenantTx,
    allowed: &Allowed<authz::Upload, actions::Modify>,
    upload: &Upload,
    sha256: &str,
    expires: Timestamp,
) -> Result<bool, Error> {
    allowed.holds_in(tx.tenant())?;
    let done = sqlx::query!(
        "update sites.uploads set received = size, hashing = null, sha256 = $4, state = 'finished', expires_at = $5
         where tenant_id = $1 and site_id = $2 and id = $3 and state = 'open'",
        tx.tenant().uuid(),
        upload.site.uuid(),
        upload.id.uuid(),
        sha256,
        Ts(expires) as _,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Buries an upload because somebody asks for it.
pub async fn bury(
    tx: &mut TenantTx,
    allowed: &Allowed<authz::Upload, actions::Delete>,
    at: (SiteId, UploadId),
    now: Timestamp,
) -> Result<bool, Error> {
    allowed.holds_in(tx.tenant())?;
    set_state(tx, at, UploadState::Deleting, now).await
}

/// Sets the state, and until when the reconciler leaves it alone: what follows from a release that uses it or is given
/// up, and from time.
pub async fn set_state(
    tx: &mut TenantTx,
    (site, id): (SiteId, UploadId),
    state: UploadState,
    expires: Timestamp,
) -> Result<bool, Error> {
    let done = sqlx::query!(
        "update sites.uploads set state = $4, expires_at = $5 where tenant_id = $1 and site_id = $2 and id = $3",
        tx.tenant().uuid(),
        site.uuid(),
        id.uuid(),
        state.as_str(),
        Ts(expires) as _,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Has the reconciler leave it alone until then.
pub async fn postpone(tx: &mut TenantTx, (site, id): (SiteId, UploadId), expires: Timestamp) -> Result<(), Error> {
    sqlx::query!(
        "update sites.uploads set expires_at = $4 where tenant_id = $1 and site_id = $2 and id = $3",
        tx.tenant().uuid(),
        site.uuid(),
        id.uuid(),
        Ts(expires) as _,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// How many uploads take bytes: of the site, and of all sites of the tenant.
pub async fn open(tx: &mut TenantTx, site: SiteId) -> Result<(i64, i64), Error> {
    let row = sqlx::query!(
        r#"select count(*) filter (where site_id = $2) as "of_site!", count(*) as "of_tenant!"
           from sites.uploads where tenant_id = $1 and state = 'open'"#,
        tx.tenant().uuid(),
        site.uuid(),
    )
    .fetch_one(tx.conn())
    .await?;
    Ok((row.of_site, row.of_tenant))
}

/// Bytes that all tenants' open uploads will still write, this transaction's included. Until it ends, nobody else
/// is told.
pub async fn unwritten(tx: &mut TenantTx) -> Result<u64, Error> {
    let bytes = sqlx::query_scalar!(r#"select sites.unwritten() as "bytes!""#)
        .fetch_one(tx.conn())
        .await?;
    Ok(u64::try_from(bytes).unwrap_or_default())
}

/// Removes a tombstone; returns its size, `None` when somebody was faster.
pub async fn delete(tx: &mut TenantTx, site: SiteId, id: UploadId) -> Result<Option<i64>, Error> {
    Ok(sqlx::query_scalar!(
        "delete from sites.uploads where tenant_id = $1 and site_id = $2 and id = $3 and state = 'deleting' returning size",
        tx.tenant().uuid(),
        site.uuid(),
        id.uuid(),
    )
    .fetch_optional(tx.conn())
    .await?)
}

/// Locks the upload, so that changes of it follow each other.
pub async fn lock(tx: &mut TenantTx, site: SiteId, id: UploadId) -> Result<Upload, Error> {
    sqlx::query!(
        "select id from sites.uploads where tenant_id = $1 and site_id = $2 and id = $3 for update",
        tx.tenant().uuid(),
        site.uuid(),
        id.uuid(),
    )
    .fetch_optional(tx.conn())
    .await?
    .ok_or(Error::NotFound)?;
    get(tx, site, id).await?.ok_or(Error::NotFound)
}

pub async fn get(tx: &mut TenantTx, site: SiteId, id: UploadId) -> Result<Option<Upload>, Error> {
    Ok(select(tx, site, Some(id)).await?.pop())
}

/// All of a site's.
pub async fn all(tx: &mut TenantTx, site: SiteId) -> Result<Vec<Upload>, Error> {
    select(tx, site, None).await
}

async fn select(tx: &mut TenantTx, site: SiteId, only: Option<UploadId>) -> Result<Vec<Upload>, Error> {
    let rows = sqlx::query!(
        r#"select id, filename, size, received, hashing, sha256, state,
                  created_at as "created_at: Ts", expires_at as "expires_at: Ts"
           from sites.uploads where tenant_id = $1 and site_id = $2 and ($3::uuid is null or id = $3) order by id"#,
        tx.tenant().uuid(),
        site.uuid(),
        only.map(UploadId::uuid),
    )
    .fetch_all(tx.conn())
    .await?;
    let uploads = rows.into_iter().map(|row| {
        Ok(Upload {
            site,
            id: UploadId::from_uuid(row.id),
            filename: row.filename,
            size: row.size,
            received: row.received,
            hashing: row.hashing,
            sha256: row.sha256,
            state: UploadState::stored(&row.state)?,
            created_at: row.created_at.0,
            expires_at: row.expires_at.0,
        })
    });
    uploads.collect()
}
