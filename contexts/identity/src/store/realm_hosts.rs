//! Realms of brands, and the names at which their people sign in.

use jiff::Timestamp;
use mpanel_authz::{Allowed, actions};
use mpanel_kernel::ids::TenantId;
use mpanel_kernel::paging::PageRequest;
use mpanel_pg::{SpineTx, TenantTx, Ts, Tx};

use crate::authz;
use crate::domain::{Realm, RealmId};
use crate::error::Error;

/// The realm of who signs in at a host; `otherwise` is that of hosts that belong to none.
pub async fn at(tx: &mut SpineTx, host: &str, otherwise: RealmId) -> Result<RealmId, Error> {
    let found = sqlx::query_scalar!("select realm_id from identity.realm_hosts where host = $1", host)
        .fetch_optional(tx.conn())
        .await?;
    Ok(found.map_or(otherwise, RealmId::from_uuid))
}

/// The same within the change of a tenant.
pub async fn of_host(tx: &mut TenantTx, host: &str, otherwise: RealmId) -> Result<RealmId, Error> {
    let found = sqlx::query_scalar!("select identity.realm_of_host($1)", host)
        .fetch_one(tx.conn())
        .await?;
    Ok(found.map_or(otherwise, RealmId::from_uuid))
}

/// The realm of people at home in the transaction's tenant or one below it.
pub async fn of_tenant(tx: &mut TenantTx, home: TenantId) -> Result<RealmId, mpanel_pg::Error> {
    let id = sqlx::query_scalar!(r#"select identity.realm_of($1) as "id!""#, home.uuid())
        .fetch_one(tx.conn())
        .await?;
    Ok(RealmId::from_uuid(id))
}

/// Makes the realm of a brand, in a transaction of the platform, and moves the accounts there; returns how many, or
/// `None` when the tenant has one already.
pub async fn create(
    tx: &mut TenantTx,
    allowed: &Allowed<authz::Realm, actions::Create>,
    id: RealmId,
    (brand, name): (TenantId, &str),
    now: Timestamp,
) -> Result<Option<u64>, Error> {
    allowed.holds_in(tx.tenant())?;
    let moved = sqlx::query_scalar!(
        "select identity.add_realm($1, $2, $3, $4)",
        id.uuid(),
        brand.uuid(),
        name,
        Ts(now) as _,
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(moved.map(i64::unsigned_abs))
}

/// Replaces a realm's names, in a transaction of the platform; `false` when another has one of them.
pub async fn set_hosts(tx: &mut TenantTx, realm: RealmId, hosts: &[String]) -> Result<bool, Error> {
    let done = sqlx::query_scalar!(
        r#"select identity.set_realm_hosts($1, $2) as "done!""#,
        realm.uuid(),
        hosts,
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(done)
}

/// Renames a realm, in a transaction of the platform.
pub async fn rename(tx: &mut TenantTx, realm: RealmId, name: &str) -> Result<bool, Error> {
    let done = sqlx::query_scalar!(r#"select identity.rename_realm($1, $2) as "done!""#, realm.uuid(), name,)
        .fetch_one(tx.conn())
        .await?;
    Ok(done)
}

pub async fn list(tx: &mut SpineTx, page: PageRequest) -> Result<Vec<Realm>, Error> {
    select(tx, None, page).await
}

pub async fn get(tx: &mut SpineTx, id: RealmId) -> Result<Option<Realm>, Error> {
    Ok(select(tx, Some(id), PageRequest::default()).await?.pop())
}

async fn select(tx: &mut SpineTx, only: Option<RealmId>, page: PageRequest) -> Result<Vec<Realm>, Error> {
    let rows = sqlx::query!(
        r#"select r.id, r.name, r.brand, r.created_at as "created_at: Ts",
                  array(select h.host from identity.realm_hosts h where h.realm_id = r.id order by h.host) as "hosts!"
           from identity.realms r
           where ($1::uuid is null or r.id = $1) and ($2::uuid is null or r.id > $2)
           order by r.id limit $3"#,
        only.map(RealmId::uuid) as _,
        page.after,
        page.fetch(),
    )
    .fetch_all(tx.conn())
    .await?;
    let realms = rows.into_iter().map(|row| Realm {
        id: RealmId::from_uuid(row.id),
        name: row.name,
        brand: row.brand.map(TenantId::from_uuid),
        hosts: row.hosts,
        created_at: row.created_at.0,
    });
    Ok(realms.collect())
}
