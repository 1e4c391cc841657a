//! In which realm accounts are, by where their home stands in the tree.

use jiff::Timestamp;
use mpanel_pg::{PlatformTx, Ts, Tx};

use crate::error::Error;

/// Moves accounts to the realm of the nearest brand at or above their home, some at a time, and ends their sessions in
/// the realm before. An account stays where it is as long as its home has another of the same address there. Returns how
/// many were moved.
pub async fn settle(tx: &mut PlatformTx, now: Timestamp, most: i64) -> Result<u64, Error> {
    let moved = sqlx::query!(
        "with placed as (
             select u.tenant_id, u.id, u.realm_id, coalesce(
                 (select r.id from identity.realms r join tenancy.subtree s on s.tenant_id = r.brand
                  where s.descendant = u.tenant_id order by s.depth limit 1),
                 (select r.id from identity.realms r where r.brand is null)) as wanted
             from identity.users u
             where exists (select from identity.realms r where r.brand is not null)
         )
         update identity.users u set realm_id = p.wanted
         from (select * from placed where realm_id <> wanted order by tenant_id, id limit $1) p
         where u.tenant_id = p.tenant_id and u.id = p.id and not exists (
             select from identity.users o
             where o.tenant_id = u.tenant_id and o.realm_id = p.wanted and o.email_normalised = u.email_normalised)",
        most,
    )
    .execute(tx.conn())
    .await?;
    sqlx::query!(
        "update identity.sessions e set ended_at = $1
         from identity.users u
         where u.tenant_id = e.tenant_id and u.id = e.user_id and u.realm_id <> e.realm_id and e.ended_at is null",
        Ts(now) as _,
    )
    .execute(tx.conn())
    .await?;
    Ok(moved.rows_affected())
}
