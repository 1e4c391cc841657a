use mpanel_kernel::ids::{TenantId, UserId};
use mpanel_pg::{SpineTx, TenantTx, Tx};

/// Removes what stands under the transaction's tenant, which is going for good.
pub async fn erase(tx: &mut TenantTx) -> Result<(), mpanel_pg::Error> {
    sqlx::query!("select identity.erase_tenant()")
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// The tenant that somebody is at home in.
pub async fn home(tx: &mut SpineTx, person: UserId) -> Result<Option<TenantId>, mpanel_pg::Error> {
    let home = sqlx::query_scalar!("select tenant_id from identity.users where id = $1", person.uuid())
        .fetch_optional(tx.conn())
        .await?;
    Ok(home.map(TenantId::from_uuid))
}

/// Blanks from where somebody at home in the transaction's tenant signed in or tried to; in how many lines. When and with what
/// result stays.
pub async fn sign_ins(tx: &mut TenantTx, person: UserId) -> Result<u64, mpanel_pg::Error> {
    let done = sqlx::query!(
        "update identity.sign_ins set address = null, user_agent = ''
         where tenant_id = $1 and user_id = $2 and (address is not null or user_agent <> '')",
        tx.tenant().uuid(),
        person.uuid(),
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected())
}
