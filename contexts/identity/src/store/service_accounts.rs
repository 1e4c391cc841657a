use jiff::Timestamp;
use mpanel_authz::{Allowed, Role, actions};
use mpanel_kernel::ids::ServiceAccountId;
use mpanel_kernel::paging::PageRequest;
use mpanel_pg::{TenantTx, Ts, Tx};

use crate::authz;
use crate::domain::{Networks, ServiceAccount};
use crate::error::Error;

/// Adds an account to the transaction's tenant; `false` when its name is taken there.
pub async fn create(
    tx: &mut TenantTx,
    allowed: &Allowed<authz::ServiceAccount, actions::Create>,
    account: &ServiceAccount,
) -> Result<bool, Error> {
    allowed.holds_in(tx.tenant())?;
    let done = sqlx::query!(
        "insert into identity.service_accounts (tenant_id, id, name, role, allowed_networks, created_at, created_by)
         values ($1, $2, $3, $4, $5, $6, $7) on conflict do nothing",
        tx.tenant().uuid(),
        account.id.uuid(),
        account.name,
        account.role.as_str(),
        &account.networks.texts(),
        Ts(account.created_at) as _,
        account.created_by,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Writes what may change; `false` when another account of the tenant has the name.
pub async fn update(
    tx: &mut TenantTx,
    allowed: &Allowed<authz::ServiceAccount, actions::Modify>,
    account: &ServiceAccount,
) -> Result<bool, Error> {
    allowed.holds_in(tx.tenant())?;
    let done = sqlx::query!(
        "update identity.service_accounts a set name = $3, role = $4, allowed_networks = $5, disabled_at = $6
         where a.tenant_id = $1 and a.id = $2 and not exists (
             select from identity.service_accounts other
             where other.tenant_id = $1 and other.id <> $2 and lower(other.name) = lower($3))",
        tx.tenant().uuid(),
        account.id.uuid(),
        account.name,
        account.role.as_str(),
        &account.networks.texts(),
        account.disabled_at.map(Ts) as _,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Removes an account with its tokens; `false` when there is none such.
pub async fn delete(
    tx: &mut TenantTx,
    allowed: &Allowed<authz::ServiceAccount, actions::Delete>,
    id: ServiceAccountId,
) -> Result<bool, Error> {
    allowed.holds_in(tx.tenant())?;
    let done = sqlx::query!(
        "delete from identity.service_accounts where tenant_id = $1 and id = $2",
        tx.tenant().uuid(),
        id.uuid(),
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Accounts of the transaction's tenant.
pub async fn list(tx: &mut TenantTx, page: PageRequest) -> Result<Vec<ServiceAccount>, Error> {
    select(tx, None, page).await
}

/// An account of the transaction's tenant.
pub async fn get(tx: &mut TenantTx, id: ServiceAccountId) -> Result<Option<ServiceAccount>, Error> {
    Ok(select(tx, Some(id), PageRequest::default()).await?.pop())
}

/// The same, its row locked to the end of the transaction.
pub async fn lock(tx: &mut TenantTx, id: ServiceAccountId) -> Result<Option<ServiceAccount>, Error> {
    sqlx::query!(
        "select id from identity.service_accounts where tenant_id = $1 and id = $2 for update",
        tx.tenant().uuid(),
        id.uuid(),
    )
    .fetch_optional(tx.conn())
    .await?;
    get(tx, id).await
}

async fn select(
    tx: &mut TenantTx,
    only: Option<ServiceAccountId>,
    page: PageRequest,
) -> Result<Vec<ServiceAccount>, Error> {
    let rows = sqlx::query!(
        r#"select a.id, a.name, a.role, a.allowed_networks, a.created_at as "created_at: Ts", a.created_by,
                  a.disabled_at as "disabled_at: Ts",
                  (select max(t.last_used_at) from identity.api_tokens t
                   where t.tenant_id = a.tenant_id and t.service_id = a.id) as "last_used_at: Ts"
           from identity.service_accounts a
           where a.tenant_id = $1 and ($2::uuid is null or a.id = $2) and ($3::uuid is null or a.id > $3)
           order by a.id limit $4"#,
        tx.tenant().uuid(),
        only.map(ServiceAccountId::uuid) as _,
        page.after,
        page.fetch(),
    )
    .fetch_all(tx.conn())
    .await?;
    let at = |at: Option<Ts>| at.map(|at: Ts| -> Timestamp { at.0 });
    let accounts = rows.into_iter().map(|row| ServiceAccount {
        id: ServiceAccountId::from_uuid(row.id),
        name: row.name,
        // What is not known may the least.
        role: row.role.parse().unwrap_or(Role::Viewer),
        networks: Networks::stored(&row.allowed_networks),
        created_at: row.created_at.0,
        created_by: row.created_by,
        disabled_at: at(row.disabled_at),
        last_used_at: at(row.last_used_at),
    });
    Ok(accounts.collect())
}
