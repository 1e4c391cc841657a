use jiff::Timestamp;
use mpanel_authz::{Allowed, actions};
use mpanel_crypto::TokenHash;
use mpanel_kernel::ids::UserId;
use mpanel_kernel::names::EmailAddress;
use mpanel_pg::{TenantTx, Ts, Tx};

use crate::authz;
use crate::error::Error;

/// Remembers which address an account of the transaction's tenant is to have, in place of an earlier wish.
pub async fn wish(
    tx: &mut TenantTx,
    _allowed: &Allowed<authz::Account, actions::Modify>,
    user: UserId,
    email: &EmailAddress,
    (token, expires_at): (&TokenHash, Timestamp),
) -> Result<(), Error> {
    sqlx::query!(
        "insert into identity.email_changes (tenant_id, user_id, email, email_normalised, token_hash, expires_at)
         values ($1, $2, $3, $4, $5, $6)
         on conflict (tenant_id, user_id) do update
         set email = excluded.email, email_normalised = excluded.email_normalised, token_hash = excluded.token_hash,
             expires_at = excluded.expires_at",
        tx.tenant().uuid(),
        user.uuid(),
        email.as_str(),
        email.normalised(),
        token.as_bytes(),
        Ts(expires_at) as _,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Takes the wish of a user whose token this is, once; returns the address.
pub async fn take(
    tx: &mut TenantTx,
    _allowed: &Allowed<authz::Account, actions::Modify>,
    user: UserId,
    token: &TokenHash,
    now: Timestamp,
) -> Result<Option<String>, Error> {
    let email = sqlx::query_scalar!(
        "delete from identity.email_changes
         where tenant_id = $1 and user_id = $2 and token_hash = $3 and expires_at > $4 returning email",
        tx.tenant().uuid(),
        user.uuid(),
        token.as_bytes(),
        Ts(now) as _,
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(email)
}

/// Gives an account of the transaction's tenant an address that its owner has proven; `false` when another account of
/// the tenant has it.
pub async fn set(tx: &mut TenantTx, user: UserId, email: &EmailAddress, now: Timestamp) -> Result<bool, Error> {
    let done = sqlx::query!(
        "update identity.users u set email = $3, email_normalised = $4, email_proven_at = $5
         where tenant_id = $1 and id = $2 and not exists (
             select from identity.users other
             where other.tenant_id = $1 and other.realm_id = u.realm_id and other.email_normalised = $4 and other.id <> $2)",
        tx.tenant().uuid(),
        user.uuid(),
        email.as_str(),
        email.normalised(),
        Ts(now) as _,
    )
    .execute(tx.conn())
    .await;
    match done {
        Ok(done) => Ok(done.rows_affected() == 1),
        // Somebody was quicker by a moment.
        Err(sqlx::Error::Database(error)) if error.is_unique_violation() => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// An account's owner has opened what was mailed to its address.
pub async fn prove(tx: &mut TenantTx, user: UserId, now: Timestamp) -> Result<(), Error> {
    sqlx::query!(
        "update identity.users set email_proven_at = coalesce(email_proven_at, $3) where tenant_id = $1 and id = $2",
        tx.tenant().uuid(),
        user.uuid(),
        Ts(now) as _,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}
