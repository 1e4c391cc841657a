//! How many invitations were mailed, by whom and to whom.

use jiff::Timestamp;
use mpanel_kernel::ids::{TenantId, Uuid};
use mpanel_kernel::names::EmailAddress;
use mpanel_pg::{Error, PlatformTx, TenantTx, Ts, Tx};

use crate::InvitationLimits;

/// Whether there was room for one more.
pub enum Counted {
    Done,
    /// Not before this moment.
    Full(Timestamp),
    /// Too many wait for an answer.
    Waiting,
}

/// Counts an invitation to `home`, the transaction's tenant or one below it, if it may be mailed.
pub async fn count(
    tx: &mut TenantTx,
    home: TenantId,
    to: &EmailAddress,
    limits: InvitationLimits,
    now: Timestamp,
) -> Result<Counted, Error> {
    let row = sqlx::query!(
        r#"select outcome as "outcome!", free_at as "free_at: Ts" from identity.count_invitation($1, $2, $3, $4, $5, $6, $7)"#,
        Uuid::now_v7(),
        home.uuid(),
        to.normalised(),
        Ts(now) as _,
        i64::from(limits.per_tenant_day),
        i64::from(limits.per_address_day),
        i64::from(limits.waiting),
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(match (row.outcome.as_str(), row.free_at) {
        ("ok", _) => Counted::Done,
        ("full", Some(free)) => Counted::Full(free.into()),
        _ => Counted::Waiting,
    })
}

/// Forgets what was mailed before a moment, at most so many rows; says how many.
pub async fn forget(tx: &mut PlatformTx, before: Timestamp, most: i64) -> Result<u64, Error> {
    let done = sqlx::query!(
        "delete from identity.invitation_mails m using (
             select tenant_id, id from identity.invitation_mails where at < $1 limit $2
         ) old where m.tenant_id = old.tenant_id and m.id = old.id",
        Ts(before) as _,
        most,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected())
}
