//! Where links in letters lead: to the first name of a brand's realm, since its people sign in nowhere else.

use mpanel_kernel::ids::{TenantId, UserId};
use mpanel_pg::{Error, SpineTx, TenantTx, Tx};

use crate::domain::RealmId;

/// The first name of a realm; `None` of the one without a brand.
pub async fn host_of(tx: &mut SpineTx, realm: RealmId) -> Result<Option<String>, Error> {
    let host = sqlx::query_scalar!(
        "select h.host from identity.realms r join identity.realm_hosts h on h.realm_id = r.id
         where r.id = $1 and r.brand is not null order by h.host limit 1",
        realm.uuid(),
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(host)
}

/// The same of the realm that an account belongs to.
pub async fn host_of_user(tx: &mut SpineTx, user: UserId) -> Result<Option<String>, Error> {
    let host = sqlx::query_scalar!(
        "select h.host from identity.users u
         join identity.realms r on r.id = u.realm_id
         join identity.realm_hosts h on h.realm_id = r.id
         where u.id = $1 and r.brand is not null order by h.host limit 1",
        user.uuid(),
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(host)
}

/// The same of the realm of people at home in the transaction's tenant or one below it.
pub async fn host_of_home(tx: &mut TenantTx, home: TenantId) -> Result<Option<String>, Error> {
    let host = sqlx::query_scalar!("select identity.brand_host($1)", home.uuid());
    Ok(host.fetch_one(tx.conn()).await?)
}

/// The same of an account that is at home in the transaction's tenant.
pub async fn host_of_own(tx: &mut TenantTx, user: UserId) -> Result<Option<String>, Error> {
    let host = sqlx::query_scalar!("select identity.panel_host($1)", user.uuid());
    Ok(host.fetch_one(tx.conn()).await?)
}
