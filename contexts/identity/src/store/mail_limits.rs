//! How much was mailed to people who need not want it, by whom and to whom: invitations, and links that prove an address.

use jiff::Timestamp;
use mpanel_kernel::ids::{TenantId, Uuid};
use mpanel_kernel::names::EmailAddress;
use mpanel_pg::{Error, PlatformTx, TenantTx, Ts, Tx};

use crate::InvitationLimits;

/// Whether there was room for one more.
pub enum Counted {
    Done,
    /// Not before so many seconds have passed.
    Full {
        retry_after: u32,
    },
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
        ("full", Some(free)) => Counted::Full {
            retry_after: seconds_until(free.into(), now),
        },
        _ => Counted::Waiting,
    })
}

/// Counts a link to an address that somebody of the transaction's tenant wants to have: as an invitation to it, and bounded by what
/// one address gets alone.
pub async fn count_proof(
    tx: &mut TenantTx,
    to: &EmailAddress,
    limits: InvitationLimits,
    now: Timestamp,
) -> Result<Counted, Error> {
    let home = tx.tenant();
    let limits = InvitationLimits {
        per_tenant_day: u32::MAX,
        waiting: u32::MAX,
        ..limits
    };
    count(tx, home, to, limits, now).await
}

fn seconds_until(free: Timestamp, now: Timestamp) -> u32 {
    let seconds = free.duration_since(now).as_secs().max(1);
    u32::try_from(seconds).unwrap_or(u32::MAX)
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
