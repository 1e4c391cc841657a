use mpanel_kernel::ids::TenantId;
use mpanel_pg::{Error, PlatformTx, Tx};

/// A tenant and those below it that need not be asked.
pub async fn open_to(tx: &mut PlatformTx, tenant: TenantId) -> Result<Vec<TenantId>, Error> {
    let ids = sqlx::query_scalar!(
        "select s.descendant from tenancy.subtree s
         where s.tenant_id = $1 and (s.depth = 0 or not tenancy.demands_consent(s.descendant))",
        tenant.uuid(),
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(ids.into_iter().map(TenantId::from_uuid).collect())
}
