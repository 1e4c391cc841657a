use jiff::Timestamp;
use mpanel_authz::{Allowed, actions};
use mpanel_kernel::ids::SiteId;
use mpanel_kernel::names::DomainName;
use mpanel_pg::{TenantTx, Ts, Tx, constraint};

use crate::authz;
use crate::domain::DomainKind;
use crate::error::Error;

/// A domain as it is to be.
pub struct NewDomain<'a> {
    pub name: &'a DomainName,
    pub kind: DomainKind,
    pub target: Option<&'a str>,
    pub status: Option<u16>,
}

pub async fn insert(
    tx: &mut TenantTx,
    allowed: &Allowed<authz::Domain, actions::Create>,
    site: SiteId,
    new: &NewDomain<'_>,
    now: Timestamp,
) -> Result<(), Error> {
    allowed.holds_in(tx.tenant())?;
    sqlx::query!(
        "insert into sites.domains (tenant_id, site_id, name, kind, target, status, created_at)
         values ($1, $2, $3, $4, $5, $6, $7)",
        tx.tenant().uuid(),
        site.uuid(),
        new.name.as_str(),
        new.kind.as_str(),
        new.target,
        new.status.map(i32::from),
        Ts(now) as _,
    )
    .execute(tx.conn())
    .await
    .map_err(|error| match constraint(&error) {
        Some("domains_name" | "domains_pkey") => Error::DomainExists(new.name.to_string()),
        _ => error.into(),
    })?;
    Ok(())
}

/// Whether some site of the tenant has the domain.
pub async fn exists(tx: &mut TenantTx, name: &DomainName) -> Result<bool, Error> {
    Ok(sqlx::query_scalar!(
        r#"select exists(select from sites.domains where tenant_id = $1 and name = $2) as "exists!""#,
        tx.tenant().uuid(),
        name.as_str(),
    )
    .fetch_one(tx.conn())
    .await?)
}

/// Makes the primary domain an alias.
pub async fn demote(tx: &mut TenantTx, site: SiteId) -> Result<(), Error> {
    sqlx::query!(
        "update sites.domains set kind = 'alias' where tenant_id = $1 and site_id = $2 and kind = 'primary'",
        tx.tenant().uuid(),
        site.uuid(),
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Takes a name from a site because somebody asks for it; `false` when the site does not have it.
pub async fn remove(
    tx: &mut TenantTx,
    allowed: &Allowed<authz::Domain, actions::Delete>,
    site: SiteId,
    name: &DomainName,
) -> Result<bool, Error> {
    allowed.holds_in(tx.tenant())?;
    delete(tx, site, name).await
}

/// Takes a name from a site that is being removed.
pub async fn delete(tx: &mut TenantTx, site: SiteId, name: &DomainName) -> Result<bool, Error> {
    let done = sqlx::query!(
        "delete from sites.domains where tenant_id = $1 and site_id = $2 and name = $3",
        tx.tenant().uuid(),
        site.uuid(),
        name.as_str(),
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() > 0)
}
