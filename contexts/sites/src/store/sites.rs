use jiff::Timestamp;
use mpanel_authz::{Allowed, actions};
use mpanel_kernel::ids::{NodeId, ReleaseId, SiteId};
use mpanel_kernel::names::{DomainName, Slug, Title};
use mpanel_kernel::paging::PageRequest;
use mpanel_pg::{TenantTx, Ts, Tx};

use crate::authz;
use crate::domain::{Site, SiteSettings, SiteState, SiteSummary};
use crate::error::Error;

/// What a site begins with.
pub struct NewSite<'a> {
    pub id: SiteId,
    pub name: &'a Title,
    pub slug: &'a Slug,
    pub preview_host: &'a DomainName,
    pub node: NodeId,
    pub keep_releases: i32,
}

pub async fn insert(
    tx: &mut TenantTx,
    allowed: &Allowed<authz::Site, actions::Create>,
    new: &NewSite<'_>,
    now: Timestamp,
) -> Result<(), Error> {
    allowed.holds_in(tx.tenant())?;
    sqlx::query!(
        "insert into sites.sites (tenant_id, id, name, slug, preview_host, node_id, keep_releases, due_at, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $8)",
        tx.tenant().uuid(),
        new.id.uuid(),
        new.name.as_str(),
        new.slug.as_str(),
        new.preview_host.as_str(),
        new.node.uuid(),
        new.keep_releases,
        Ts(now) as _,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Whether some site of the tenant has this preview name.
pub async fn has_preview(tx: &mut TenantTx, name: &DomainName) -> Result<bool, Error> {
    Ok(sqlx::query_scalar!(
        r#"select exists(select from sites.sites where tenant_id = $1 and preview_host = $2) as "exists!""#,
        tx.tenant().uuid(),
        name.as_str(),
    )
    .fetch_one(tx.conn())
    .await?)
}

/// Changes name and settings; the caller has locked the site.
pub async fn update(
    tx: &mut TenantTx,
    allowed: &Allowed<authz::Site, actions::Modify>,
    id: SiteId,
    name: &str,
    settings: &SiteSettings,
) -> Result<(), Error> {
    allowed.holds_in(tx.tenant())?;
    sqlx::query!(
        "update sites.sites
         set name = $3, spa_fallback = $4, not_found_page = $5, https_redirect = $6, keep_releases = $7,
             version = version + 1
         where tenant_id = $1 and id = $2",
        tx.tenant().uuid(),
        id.uuid(),
        name,
        settings.spa_fallback,
        settings.not_found_page,
        settings.https_redirect,
        settings.keep_releases,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Sets the tombstone.
pub async fn bury(tx: &mut TenantTx, allowed: &Allowed<authz::Site, actions::Delete>, id: SiteId) -> Result<(), Error> {
    allowed.holds_in(tx.tenant())?;
    sqlx::query!(
        "update sites.sites set state = 'deleting', ready = false, summary = 'is being deleted', version = version + 1
         where tenant_id = $1 and id = $2",
        tx.tenant().uuid(),
        id.uuid(),
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Takes the tombstone off.
pub async fn unbury(tx: &mut TenantTx, id: SiteId) -> Result<(), Error> {
    sqlx::query!(
        "update sites.sites set state = 'active', summary = '', version = version + 1 where tenant_id = $1 and id = $2",
        tx.tenant().uuid(),
        id.uuid(),
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Notes that a removal takes things away from here on.
pub async fn set_losing(tx: &mut TenantTx, id: SiteId) -> Result<(), Error> {
    sqlx::query!(
        "update sites.sites set losing = true where tenant_id = $1 and id = $2",
        tx.tenant().uuid(),
        id.uuid(),
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Whether a removal, this one or one before, has begun to take things away; not so of a site that is gone.
pub async fn is_losing(tx: &mut TenantTx, id: SiteId) -> Result<bool, Error> {
    let losing = sqlx::query_scalar!(
        "select losing from sites.sites where tenant_id = $1 and id = $2",
        tx.tenant().uuid(),
        id.uuid(),
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(losing.unwrap_or_default())
}

/// Locks the site, so that changes of it follow each other.
pub async fn lock(tx: &mut TenantTx, id: SiteId) -> Result<Site, Error> {
    sqlx::query!(
        "select id from sites.sites where tenant_id = $1 and id = $2 for update",
        tx.tenant().uuid(),
        id.uuid(),
    )
    .fetch_optional(tx.conn())
    .await?
    .ok_or(Error::NotFound)?;
    get(tx, id).await?.ok_or(Error::NotFound)
}

/// As [`lock`], for changes that a site which is being deleted no longer takes.
pub async fn lock_active(tx: &mut TenantTx, id: SiteId) -> Result<Site, Error> {
    lock(tx, id).await?.active()
}

/// The number of the site's next release.
pub async fn next_release(tx: &mut TenantTx, id: SiteId) -> Result<i32, Error> {
    sqlx::query_scalar!(
        "update sites.sites set last_release = last_release + 1 where tenant_id = $1 and id = $2 returning last_release",
        tx.tenant().uuid(),
        id.uuid(),
    )
    .fetch_optional(tx.conn())
    .await?
    .ok_or(Error::NotFound)
}

pub async fn set_active(tx: &mut TenantTx, id: SiteId, release: Option<ReleaseId>) -> Result<(), Error> {
    sqlx::query!(
        "update sites.sites set active_release_id = $3 where tenant_id = $1 and id = $2",
        tx.tenant().uuid(),
        id.uuid(),
        release.map(ReleaseId::uuid),
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// A new generation, at which the reconciler is to look; the row stays locked.
pub async fn bump(tx: &mut TenantTx, id: SiteId, now: Timestamp) -> Result<i64, Error> {
    sqlx::query_scalar!(
        "update sites.sites set generation = greatest(generation + 1, $3), due_at = least(due_at, $4)
         where tenant_id = $1 and id = $2 returning generation",
        tx.tenant().uuid(),
        id.uuid(),
        now.as_millisecond(),
        Ts(now) as _,
    )
    .fetch_optional(tx.conn())
    .await?
    .ok_or(Error::NotFound)
}

/// Remembers what is published.
pub async fn set_published(tx: &mut TenantTx, id: SiteId, digest: &str) -> Result<(), Error> {
    sqlx::query!(
        "update sites.sites set published = $3 where tenant_id = $1 and id = $2",
        tx.tenant().uuid(),
        id.uuid(),
        digest,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

pub async fn published(tx: &mut TenantTx, id: SiteId) -> Result<String, Error> {
    sqlx::query_scalar!(
        "select published from sites.sites where tenant_id = $1 and id = $2",
        tx.tenant().uuid(),
        id.uuid(),
    )
    .fetch_optional(tx.conn())
    .await?
    .ok_or(Error::NotFound)
}

/// Counts the releases' files anew.
pub async fn count_bytes(tx: &mut TenantTx, id: SiteId) -> Result<(), Error> {
    sqlx::query!(
        "update sites.sites s
         set disk_bytes = (select coalesce(sum(r.bytes), 0)::bigint from sites.releases r
                           where r.tenant_id = s.tenant_id and r.site_id = s.id and r.state <> 'failed')
         where s.tenant_id = $1 and s.id = $2",
        tx.tenant().uuid(),
        id.uuid(),
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

pub async fn delete(tx: &mut TenantTx, id: SiteId) -> Result<bool, Error> {
    let done = sqlx::query!(
        "delete from sites.sites where tenant_id = $1 and id = $2",
        tx.tenant().uuid(),
        id.uuid(),
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() > 0)
}

/// The gid of the tenant's processes; its first site brings it about.
pub async fn group(tx: &mut TenantTx) -> Result<i32, Error> {
    sqlx::query!(
        "insert into sites.groups (tenant_id) values ($1) on conflict do nothing",
        tx.tenant().uuid(),
    )
    .execute(tx.conn())
    .await?;
    Ok(
        sqlx::query_scalar!("select gid from sites.groups where tenant_id = $1", tx.tenant().uuid())
            .fetch_one(tx.conn())
            .await?,
    )
}

/// The site with what is known of it; `None` when the tenant has no such site.
pub async fn get(tx: &mut TenantTx, id: SiteId) -> Result<Option<Site>, Error> {
    let row = sqlx::query!(
        r#"select id, name, slug, preview_host, primary_host, state, uid, node_id, spa_fallback, not_found_page,
                  https_redirect, keep_releases, active_release_id, generation, observed_generation, ready, summary,
                  conditions::text as "conditions!", disk_bytes, domain_list::text as "domain_list!", version,
                  created_at as "created_at: Ts"
           from sites.sites where tenant_id = $1 and id = $2"#,
        tx.tenant().uuid(),
        id.uuid(),
    )
    .fetch_optional(tx.conn())
    .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Site {
        id: SiteId::from_uuid(row.id),
        name: row.name,
        slug: row.slug,
        preview_host: row.preview_host,
        primary_host: row.primary_host,
        state: SiteState::stored(&row.state)?,
        uid: row.uid,
        node: NodeId::from_uuid(row.node_id),
        settings: SiteSettings {
            spa_fallback: row.spa_fallback,
            not_found_page: row.not_found_page,
            https_redirect: row.https_redirect,
            keep_releases: row.keep_releases,
        },
        active_release: row.active_release_id.map(ReleaseId::from_uuid),
        generation: row.generation,
        observed_generation: row.observed_generation,
        ready: row.ready,
        summary: row.summary,
        conditions: row.conditions,
        disk_bytes: row.disk_bytes,
        domain_list: row.domain_list,
        version: row.version,
        created_at: row.created_at.0,
    }))
}

/// A page, oldest first.
pub async fn list(tx: &mut TenantTx, page: PageRequest) -> Result<Vec<SiteSummary>, Error> {
    let rows = sqlx::query!(
        r#"select id, name, slug, preview_host, primary_host, state, active_release_id, ready,
                  blocked_by::text as "blocked_by!", summary, disk_bytes, domain_list::text as "domain_list!", created_at as "created_at: Ts"
           from sites.sites where tenant_id = $1 and id > $2 order by id limit $3"#,
        tx.tenant().uuid(),
        page.after.unwrap_or_default(),
        page.fetch(),
    )
    .fetch_all(tx.conn())
    .await?;
    let sites = rows.into_iter().map(|row| {
        Ok(SiteSummary {
            id: SiteId::from_uuid(row.id),
            name: row.name,
            slug: row.slug,
            preview_host: row.preview_host,
            primary_host: row.primary_host,
            state: SiteState::stored(&row.state)?,
            active_release: row.active_release_id.map(ReleaseId::from_uuid),
            ready: row.ready,
            blocked_by: row.blocked_by,
            summary: row.summary,
            disk_bytes: row.disk_bytes,
            domain_list: row.domain_list,
            created_at: row.created_at.0,
        })
    });
    sites.collect()
}
