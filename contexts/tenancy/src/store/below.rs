use mpanel_kernel::ids::TenantId;
use mpanel_pg::{Error, PlatformTx, Tx};

/// A tenant and those below it that need not be asked; only of those few that have said that they want to be it is asked
/// whether that counts now.
pub async fn open_to(tx: &mut PlatformTx, tenant: TenantId) -> Result<Vec<TenantId>, Error> {
    let ids = sqlx::query_scalar!(
        "select s.descendant from tenancy.subtree s
         left join tenancy.support_settings c on c.tenant_id = s.descendant and c.consent
         where s.tenant_id = $1
           and (s.depth = 0 or c.tenant_id is null or not tenancy.demands_consent(s.descendant))",
        tenant.uuid(),
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(ids.into_iter().map(TenantId::from_uuid).collect())
}

/// Whether `one` is the tenant, or below it and need not be asked.
pub async fn is_open_to(tx: &mut PlatformTx, tenant: TenantId, one: TenantId) -> Result<bool, Error> {
    let open = sqlx::query_scalar!(
        r#"select exists (
               select from tenancy.subtree s
               where s.tenant_id = $1 and s.descendant = $2
                 and (s.depth = 0 or not tenancy.demands_consent(s.descendant))) as "open!""#,
        tenant.uuid(),
        one.uuid(),
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(open)
}
