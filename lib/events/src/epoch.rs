//! Numbers of the feed mean something within one history only. A database that was restored, or
//! whose standby took over, goes on with another one: the epoch tells them apart.

use mpanel_pg::{Db, SpineTx, Tx};
use uuid::Uuid;

use crate::Error;

/// Starts a new epoch if the database is a copy of the one that was used before: restored from a
/// dump, recovered to an earlier time, or a standby that was promoted. Every consumer then takes a
/// snapshot, and whatever it had learned after the copy was made is forgotten. Returns whether it was.
///
/// It is told by where the feed's table lies: the cluster's identifier, the timeline of its log and
/// the table's file. A cold copy of a cluster's folder that is put back in place has all three as
/// before, and is told only by consumers that have seen higher numbers than it.
///
/// # Errors
/// When the database is away.
pub async fn notice_restore(db: &Db) -> Result<bool, Error> {
    let mut tx = db.spine().await?;
    let origin = sqlx::query_scalar!(
        r#"select concat_ws('/', system_identifier, left(pg_walfile_name(pg_current_wal_lsn()), 8),
                            pg_relation_filenode('spine.feed_meta')) as "origin!"
           from pg_control_system()"#
    )
    .fetch_one(tx.conn())
    .await?;
    let before = sqlx::query_scalar!("select origin from spine.feed_meta for update")
        .fetch_one(tx.conn())
        .await?;
    let restored = before.as_ref().is_some_and(|before| *before != origin);
    if restored {
        renew(&mut tx).await?;
    }
    if before.as_ref() != Some(&origin) {
        sqlx::query!("update spine.feed_meta set origin = $1", origin)
            .execute(tx.conn())
            .await?;
        tx.commit().await?;
    }
    Ok(restored)
}

pub(crate) async fn renew(tx: &mut SpineTx) -> Result<Uuid, Error> {
    Ok(
        sqlx::query_scalar!("update spine.feed_meta set epoch = gen_random_uuid() returning epoch")
            .fetch_one(tx.conn())
            .await?,
    )
}
