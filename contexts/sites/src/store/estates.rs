//! What a tenant has as a whole: to be found, and to be removed.

use mpanel_kernel::ids::{SiteId, TenantId};
use mpanel_pg::{PlatformTx, TenantTx, Tx};
use mpanel_tenancy_contract::{Described, Item, ItemKind, Subject};

use crate::error::Error;

/// Sites that one page holds.
const PAGE: i64 = 500;

/// The tenant's sites that carry no tombstone, a few of them; and how many carry one.
pub async fn left(tx: &mut TenantTx, most: i64) -> Result<(Vec<SiteId>, i64), Error> {
    let tenant = tx.tenant().uuid();
    let active = sqlx::query_scalar!(
        "select id from sites.sites where tenant_id = $1 and state = 'active' order by id limit $2",
        tenant,
        most,
    )
    .fetch_all(tx.conn())
    .await?;
    let deleting = sqlx::query_scalar!(
        r#"select count(*) as "count!" from sites.sites where tenant_id = $1 and state = 'deleting'"#,
        tenant,
    )
    .fetch_one(tx.conn())
    .await?;
    Ok((active.into_iter().map(SiteId::from_uuid).collect(), deleting))
}

/// How many there are, and the names of some.
pub type Named = (i64, Vec<String>);

/// The sites of the transaction's tenant, those that are being removed among them, and the files on their way in.
pub async fn all(tx: &mut TenantTx) -> Result<(Named, Named), mpanel_pg::Error> {
    let tenant = tx.tenant().uuid();
    let sites = sqlx::query!(
        r#"select count(*) as "count!", coalesce((array_agg(name order by name))[1:5], '{}') as "some!"
           from sites.sites where tenant_id = $1"#,
        tenant,
    )
    .fetch_one(tx.conn())
    .await?;
    let uploads = sqlx::query!(
        r#"select count(*) as "count!", coalesce((array_agg(filename order by filename))[1:5], '{}') as "some!"
           from sites.uploads where tenant_id = $1"#,
        tenant,
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(((sites.count, sites.some), (uploads.count, uploads.some)))
}

/// Forgets what stands beside a tenant's sites, once these are gone. What visitors have used stays: it may still have to
/// be billed. The group's number is not given to another tenant: the sequence never goes back.
pub async fn forget(tx: &mut TenantTx) -> Result<(), Error> {
    let tenant = tx.tenant().uuid();
    sqlx::query!("delete from sites.paused where tenant_id = $1", tenant)
        .execute(tx.conn())
        .await?;
    sqlx::query!("delete from sites.groups where tenant_id = $1", tenant)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// A site's name and all its host names.
pub async fn describe(tx: &mut PlatformTx, owner: TenantId, site: SiteId) -> Result<Described, mpanel_pg::Error> {
    let row = sqlx::query!(
        r#"select s.name, s.preview_host, s.state,
                  array(select d.name from sites.domains d
                        where d.tenant_id = s.tenant_id and d.site_id = s.id order by d.name) as "domains!"
           from sites.sites s where s.tenant_id = $1 and s.id = $2"#,
        owner.uuid(),
        site.uuid(),
    )
    .fetch_optional(tx.conn())
    .await?;
    let items = row.map(|row| items(row.name, row.preview_host, row.domains, &row.state));
    Ok(Described {
        subject: Subject::Site(site),
        owner,
        items: items.unwrap_or_default(),
    })
}

/// Sites of all tenants, by tenant and id.
pub async fn page(tx: &mut PlatformTx, after: Option<(TenantId, SiteId)>) -> Result<Vec<Described>, mpanel_pg::Error> {
    let rows = sqlx::query!(
        r#"select s.tenant_id, s.id, s.name, s.preview_host, s.state,
                  array(select d.name from sites.domains d
                        where d.tenant_id = s.tenant_id and d.site_id = s.id order by d.name) as "domains!"
           from sites.sites s where (s.tenant_id, s.id) > ($1, $2) order by s.tenant_id, s.id limit $3"#,
        after.map(|(tenant, _)| tenant.uuid()).unwrap_or_default(),
        after.map(|(_, site)| site.uuid()).unwrap_or_default(),
        PAGE,
    )
    .fetch_all(tx.conn())
    .await?;
    let rows = rows.into_iter().map(|row| Described {
        subject: Subject::Site(SiteId::from_uuid(row.id)),
        owner: TenantId::from_uuid(row.tenant_id),
        items: items(row.name, row.preview_host, row.domains, &row.state),
    });
    Ok(rows.collect())
}

fn items(name: String, preview: String, domains: Vec<String>, state: &str) -> Vec<Item> {
    let status = if state == "active" { "active" } else { "deleting" };
    let item = |kind, name| Item { kind, name, status };
    let hosts = std::iter::once(preview).chain(domains);
    std::iter::once(item(ItemKind::Site, name))
        .chain(hosts.map(|host| item(ItemKind::Domain, host)))
        .collect()
}
