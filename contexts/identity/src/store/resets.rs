use jiff::Timestamp;
use mpanel_crypto::TokenHash;
use mpanel_kernel::ids::{TenantId, UserId};
use mpanel_pg::{SpineTx, TenantTx, Ts, Tx};

use crate::error::Error;

/// Makes this the only link to a new password of an account of the transaction's tenant.
pub async fn offer(tx: &mut TenantTx, user: UserId, token: &TokenHash, expires_at: Timestamp) -> Result<(), Error> {
    sqlx::query!(
        "insert into identity.password_resets (tenant_id, user_id, token_hash, expires_at) values ($1, $2, $3, $4)
         on conflict (tenant_id, user_id) do update set token_hash = excluded.token_hash, expires_at = excluded.expires_at",
        tx.tenant().uuid(),
        user.uuid(),
        token.as_bytes(),
        Ts(expires_at) as _,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Whose password a token may set, and the home of the account.
pub async fn find(tx: &mut SpineTx, token: &TokenHash, now: Timestamp) -> Result<Option<(UserId, TenantId)>, Error> {
    let row = sqlx::query!(
        "select user_id, tenant_id from identity.password_resets where token_hash = $1 and expires_at > $2",
        token.as_bytes(),
        Ts(now) as _,
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|row| (UserId::from_uuid(row.user_id), TenantId::from_uuid(row.tenant_id))))
}

/// Uses a token up; of two that come together one gets `false`.
pub async fn take(tx: &mut TenantTx, token: &TokenHash, now: Timestamp) -> Result<bool, Error> {
    let done = sqlx::query!(
        "delete from identity.password_resets where tenant_id = $1 and token_hash = $2 and expires_at > $3",
        tx.tenant().uuid(),
        token.as_bytes(),
        Ts(now) as _,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Takes a link back that somebody has no more use for: who changed the password by hand, or the address.
pub async fn withdraw(tx: &mut TenantTx, user: UserId) -> Result<(), Error> {
    sqlx::query!(
        "delete from identity.password_resets where tenant_id = $1 and user_id = $2",
        tx.tenant().uuid(),
        user.uuid(),
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Gives an activated account of the transaction's tenant another password; `false` when there is none such.
pub async fn set_password(tx: &mut TenantTx, user: UserId, hash: &str) -> Result<bool, Error> {
    let done = sqlx::query!(
        "update identity.users set password_hash = $3
         where tenant_id = $1 and id = $2 and password_hash is not null",
        tx.tenant().uuid(),
        user.uuid(),
        hash,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Ends all of the user's sessions; returns how many.
pub async fn end_sessions(tx: &mut TenantTx, user: UserId, now: Timestamp) -> Result<u64, Error> {
    let done = sqlx::query!(
        "update identity.sessions set ended_at = $3 where tenant_id = $1 and user_id = $2 and ended_at is null",
        tx.tenant().uuid(),
        user.uuid(),
        Ts(now) as _,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected())
}
