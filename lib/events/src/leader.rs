use std::time::Duration;

use mpanel_pg::{Db, SpineTx, Tx};
use sqlx::postgres::PgListener;

use crate::Error;

/// Rows moved in one transaction, and bytes of values after which it takes no further one.
const BATCH: i64 = 500;
const BATCH_BYTES: i64 = 16 << 20;
/// How many rows, and bytes of events, the feed keeps for those who were away; beyond it they start anew.
const KEPT: i64 = 100_000;
const KEPT_BYTES: i64 = 64 << 20;
/// A lost notification delays a change by at most this long.
const POLL: Duration = Duration::from_secs(1);

/// Moves committed rows of the outbox to the feed, for ever. Several servers may run it: the lock
/// on the feed's counter lets one move at a time, and readers see numbers in their order.
pub async fn run_leader(db: Db) {
    loop {
        if let Err(error) = lead(&db).await {
            tracing::warn!(%error, "the feed's leader lost the database and tries again");
            tokio::time::sleep(POLL).await;
        }
    }
}

async fn lead(db: &Db) -> Result<(), Error> {
    let mut listener = PgListener::connect_with(db.pool()).await?;
    listener.listen("mpanel_outbox").await?;
    loop {
        while move_committed(db).await? > 0 {}
        // Notifications that came meanwhile are in the listener's buffer; take one, ignore the rest.
        if let Ok(received) = tokio::time::timeout(POLL, listener.recv()).await {
            received?;
            while matches!(tokio::time::timeout(Duration::ZERO, listener.recv()).await, Ok(Ok(_))) {}
        }
    }
}

/// Moves one batch; returns how many rows, none when nothing waits.
///
/// # Errors
/// When the database is away.
pub async fn move_committed(db: &Db) -> Result<i64, Error> {
    let mut tx = db.spine().await?;
    let waiting = sqlx::query_scalar!(r#"select exists(select from spine.outbox) as "waiting!""#)
        .fetch_one(tx.conn())
        .await?;
    if !waiting {
        return Ok(0);
    }
    // The counter's row lock is taken before the rows are looked at, so numbers become visible in order.
    let base = sqlx::query_scalar!("select last_seq from spine.feed_meta for update")
        .fetch_one(tx.conn())
        .await?;
    let moved = sqlx::query_scalar!(
        r#"with picked as (
               select id from (
                   select id, bytes, sum(bytes) over (order by id) as total
                   from (select id, bytes from spine.outbox order by id limit $1) page
               ) summed where total - bytes < $2
           ), gone as (
               delete from spine.outbox where id in (select id from picked) returning *
           ), numbered as (
               select $3 + row_number() over (order by id) as seq, * from gone
           ), fed as (
               insert into spine.feed (seq, tenant_id, kind, topic, key, generation, value, at)
               select seq, tenant_id, kind, topic, key, generation, case kind when 'event' then value end, at
               from numbered
           ), folded as (
               insert into spine.feed_state (topic, key, seq, generation, value)
               select distinct on (topic, key) topic, key, seq, generation, value
               from numbered where kind = 'state' order by topic, key, seq desc
               on conflict (topic, key) do update
               set seq = excluded.seq, generation = excluded.generation, value = excluded.value
           )
           select count(*) as "moved!" from numbered"#,
        BATCH,
        BATCH_BYTES,
        base,
    )
    .fetch_one(tx.conn())
    .await?;
    let last = base + moved;
    sqlx::query!("update spine.feed_meta set last_seq = $1", last)
        .execute(tx.conn())
        .await?;
    if base / 1000 != last / 1000 {
        let up_to = (last - KEPT).max(past_bytes(&mut tx, KEPT_BYTES).await?);
        prune(&mut tx, up_to).await?;
    }
    tx.commit().await?;
    Ok(moved)
}

/// The newest number up to which rows must go for the rest to have at most `most` bytes of values; 0 when none must.
pub(crate) async fn past_bytes(tx: &mut SpineTx, most: i64) -> Result<i64, Error> {
    let up_to = sqlx::query_scalar!(
        "select max(seq) from (select seq, sum(bytes) over (order by seq desc) as total from spine.feed) summed
         where total > $1",
        most,
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(up_to.unwrap_or(0))
}

pub(crate) async fn prune(tx: &mut SpineTx, up_to: i64) -> Result<(), Error> {
    if up_to <= 0 {
        return Ok(());
    }
    sqlx::query!("delete from spine.feed where seq <= $1", up_to)
        .execute(tx.conn())
        .await?;
    sqlx::query!("delete from spine.feed_state where value is null and seq <= $1", up_to)
        .execute(tx.conn())
        .await?;
    sqlx::query!(
        "update spine.feed_meta set pruned_seq = greatest(pruned_seq, $1)",
        up_to
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}
