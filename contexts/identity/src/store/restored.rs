//! What does not come back from a backup.

use jiff::Timestamp;
use mpanel_pg::{Error, PlatformTx, Ts, Tx};

/// Makes every link useless that was handed out or mailed. Whoever was invited stays so, with an invitation that has expired.
pub async fn forget_links(tx: &mut PlatformTx, now: Timestamp) -> Result<(), Error> {
    // Another key as well, which nobody has: the clock may be a wrong one and go back.
    sqlx::query!(
        "update identity.activations
         set token_hash = sha256(uuid_send(gen_random_uuid())), mail_token_hash = null, expires_at = least(expires_at, $1)",
        Ts(now) as _
    )
    .execute(tx.conn())
    .await?;
    sqlx::query!("delete from identity.password_resets")
        .execute(tx.conn())
        .await?;
    sqlx::query!("delete from identity.email_changes")
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Revokes every API token, of people and of service accounts; says how many there were.
pub async fn revoke_tokens(tx: &mut PlatformTx) -> Result<u64, Error> {
    let done = sqlx::query!("delete from identity.api_tokens")
        .execute(tx.conn())
        .await?;
    Ok(done.rows_affected())
}
