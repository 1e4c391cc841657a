use jiff::Timestamp;
use mpanel_events::SealedColumn;
use mpanel_pg::{Error, PlatformTx, Ts, Tx};

pub const SEALED: &[SealedColumn] = &[
    SealedColumn {
        table: "identity.users",
        column: "totp_secret",
        what: "second factors of people",
        lost: "their owners sign in by password alone, and set up an authenticator app and backup codes anew",
        count: "select count(*) from identity.users where totp_secret is not null",
    },
    SealedColumn {
        table: "identity.users",
        column: "totp_pending",
        what: "second factors that were being set up",
        lost: "their owners begin again",
        count: "select count(*) from identity.users where totp_pending is not null",
    },
];

/// Takes away the second factors that nobody can check any more, with the codes that stood in for them.
pub async fn forget(tx: &mut PlatformTx) -> Result<(), Error> {
    sqlx::query!(
        "delete from identity.backup_codes c using identity.users u
         where u.tenant_id = c.tenant_id and u.id = c.user_id and u.totp_secret is not null"
    )
    .execute(tx.conn())
    .await?;
    sqlx::query!(
        "update identity.users set totp_secret = null, totp_pending = null, totp_last_step = null
         where totp_secret is not null or totp_pending is not null"
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Ends every session of everybody; says how many there were.
pub async fn end_sessions(tx: &mut PlatformTx, now: Timestamp) -> Result<u64, Error> {
    let done = sqlx::query!(
        "update identity.sessions set ended_at = $1 where ended_at is null",
        Ts(now) as _
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected())
}
