use jiff::Timestamp;
use mpanel_crypto::TokenHash;
use mpanel_kernel::ids::{TenantId, UserId};
use mpanel_kernel::names::EmailAddress;
use mpanel_pg::{SpineTx, TenantTx, Ts, Tx};

use crate::error::Error;

/// Makes this the only link to a new password of an account of the transaction's tenant; `false` when the account has not,
/// or no longer, the address to which the link is to go.
pub async fn offer(
    tx: &mut TenantTx,
    user: UserId,
    to: &EmailAddress,
    (token, expires_at): (&TokenHash, Timestamp),
) -> Result<bool, Error> {
    let done = sqlx::query!(
        "insert into identity.password_resets (tenant_id, user_id, email_normalised, token_hash, expires_at)
         select u.tenant_id, u.id, u.email_normalised, $4, $5 from identity.users u
         where u.tenant_id = $1 and u.id = $2 and u.email_normalised = $3
         on conflict (tenant_id, user_id) do update
         set email_normalised = excluded.email_normalised, token_hash = excluded.token_hash, expires_at = excluded.expires_at",
        tx.tenant().uuid(),
        user.uuid(),
        to.normalised(),
        token.as_bytes(),
        Ts(expires_at) as _,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Whose password a token may set, and the home of the account.
pub async fn find(tx: &mut SpineTx, token: &TokenHash, now: Timestamp) -> Result<Option<(UserId, TenantId)>, Error> {
    let row = sqlx::query!(
        "select r.user_id, r.tenant_id from identity.password_resets r
         join identity.users u on u.tenant_id = r.tenant_id and u.id = r.user_id
         where r.token_hash = $1 and r.expires_at > $2 and r.email_normalised = u.email_normalised",
        token.as_bytes(),
        Ts(now) as _,
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|row| (UserId::from_uuid(row.user_id), TenantId::from_uuid(row.tenant_id))))
}

/// Uses a token of the user's up; of two that come together one gets `false`. So does whoever reads a mailbox that is the
/// account's no more: the account is held, so that its address stays what it is until the password is set.
pub async fn take(tx: &mut TenantTx, user: UserId, token: &TokenHash, now: Timestamp) -> Result<bool, Error> {
    let done = sqlx::query!(
        "with account as (
             select u.id, u.email_normalised from identity.users u
             where u.tenant_id = $1 and u.id = $2 for no key update
         )
         delete from identity.password_resets r using account a
         where r.tenant_id = $1 and r.user_id = a.id and r.email_normalised = a.email_normalised
           and r.token_hash = $3 and r.expires_at > $4",
        tx.tenant().uuid(),
        user.uuid(),
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
