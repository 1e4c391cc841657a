//! In which realm accounts are, by where their home stands in the tree.

use jiff::Timestamp;
use mpanel_pg::{PlatformTx, Ts, Tx};

use crate::error::Error;

/// Moves accounts to the realm of the nearest brand at or above their home, some at a time, and ends their sessions in
/// the realm before. An account stays where it is as long as its home has another of the same address there, and is none
/// of those that are counted: however many stay, the others go. Returns how many were moved.
pub async fn settle(tx: &mut PlatformTx, now: Timestamp, most: i64) -> Result<u64, Error> {
    let moved = sqlx::query_scalar!(
        r#"with branded as (
             select distinct on (s.descendant) s.descendant as tenant_id, r.id as realm_id
             from identity.realms r join tenancy.subtree s on s.tenant_id = r.brand
             order by s.descendant, s.depth
         ), misplaced as (
             select u.tenant_id, u.id, u.email_normalised, coalesce(b.realm_id, common.id) as wanted
             from identity.users u
             join identity.realms common on common.brand is null
             left join branded b on b.tenant_id = u.tenant_id
             where u.realm_id <> coalesce(b.realm_id, common.id)
         ), chosen as (
             -- One of an address at a time: two of one home may be on their way to the same realm.
             select distinct on (p.tenant_id, p.email_normalised) p.tenant_id, p.id, p.wanted
             from misplaced p
             where not exists (
                 select from identity.users o
                 where o.tenant_id = p.tenant_id and o.realm_id = p.wanted and o.email_normalised = p.email_normalised)
             order by p.tenant_id, p.email_normalised, p.id limit $1
         ), moved as (
             update identity.users u set realm_id = c.wanted from chosen c
             where u.tenant_id = c.tenant_id and u.id = c.id
             returning u.tenant_id, u.id
         ), ended as (
             update identity.sessions e set ended_at = $2 from moved m
             where e.tenant_id = m.tenant_id and e.user_id = m.id and e.ended_at is null
         )
         select count(*) as "moved!" from moved"#,
        most,
        Ts(now) as _,
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(moved.unsigned_abs())
}
