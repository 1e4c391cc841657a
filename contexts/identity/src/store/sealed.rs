use jiff::Timestamp;
use mpanel_events::SealedColumn;
use mpanel_kernel::ids::{TenantId, UserId};
use mpanel_pg::{Error, PlatformTx, TenantTx, Ts, Tx};

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

/// Somebody whose second factor was lost and who does not know.
pub struct Untold {
    pub home: TenantId,
    pub user: UserId,
    pub email: String,
}

/// Takes away the second factors that nobody can check any more, with the codes that stood in for them.
pub async fn forget(tx: &mut PlatformTx, now: Timestamp) -> Result<(), Error> {
    sqlx::query!(
        "delete from identity.backup_codes c using identity.users u
         where u.tenant_id = c.tenant_id and u.id = c.user_id and u.totp_secret is not null"
    )
    .execute(tx.conn())
    .await?;
    sqlx::query!(
        "update identity.users
         set totp_lost_at = case when totp_secret is null then totp_lost_at else $1 end,
             totp_lost_told = totp_secret is null and totp_lost_told,
             totp_secret = null, totp_pending = null, totp_last_step = null
         where totp_secret is not null or totp_pending is not null",
        Ts(now) as _
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Those who have to be told that their second factor was lost.
pub async fn untold(tx: &mut PlatformTx, most: i64) -> Result<Vec<Untold>, Error> {
    let rows = sqlx::query!(
        "select tenant_id, id, email from identity.users
         where totp_lost_at is not null and not totp_lost_told order by id limit $1",
        most
    )
    .fetch_all(tx.conn())
    .await?;
    let untold = rows.into_iter().map(|row| Untold {
        home: TenantId::from_uuid(row.tenant_id),
        user: UserId::from_uuid(row.id),
        email: row.email,
    });
    Ok(untold.collect())
}

/// Notes that somebody is told in this transaction; false when they have been, or have another factor by now.
pub async fn set_told(tx: &mut TenantTx, user: UserId) -> Result<bool, Error> {
    let done = sqlx::query!(
        "update identity.users set totp_lost_told = true
         where tenant_id = $1 and id = $2 and totp_lost_at is not null and not totp_lost_told",
        tx.tenant().uuid(),
        user.uuid(),
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
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
