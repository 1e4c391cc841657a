use mpanel_pg::{TenantTx, Tx};

/// Removes what stands under the transaction's tenant, which is going for good.
pub async fn erase(tx: &mut TenantTx) -> Result<(), mpanel_pg::Error> {
    sqlx::query!("select identity.erase_tenant()")
        .execute(tx.conn())
        .await?;
    Ok(())
}
