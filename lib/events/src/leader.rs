use std::time::Duration;

use mpanel_pg::{Db, SpineTx, Tx};
use sqlx::postgres::PgListener;
use uuid::Uuid;

use crate::Error;

/// Rows moved in one transaction.
const BATCH: i64 = 500;
/// How many rows the feed keeps for consumers that were away; beyond it they take a snapshot.
const KEPT: i64 = 100_000;
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
        while move_committed(db).await? == BATCH {}
        // Notifications that came meanwhile are in the listener's buffer; take one, ignore the rest.
        if let Ok(received) = tokio::time::timeout(POLL, listener.recv()).await {
            received?;
            while matches!(tokio::time::timeout(Duration::ZERO, listener.recv()).await, Ok(Ok(_))) {}
        }
    }
}

/// Moves one batch; returns how many rows.
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
        r#"with gone as (
               delete from spine.outbox where id in (select id from spine.outbox order by id limit $1) returning *
           ), numbered as (
               insert into spine.feed (seq, tenant_id, kind, topic, key, generation, value, at)
               select $2 + row_number() over (order by id), tenant_id, kind, topic, key, generation, value, at from gone
               returning seq
           )
           select count(*) as "moved!" from numbered"#,
        BATCH,
        base,
    )
    .fetch_one(tx.conn())
    .await?;
    fold_states(&mut tx, base).await?;
    let last = base + moved;
    sqlx::query!("update spine.feed_meta set last_seq = $1", last)
        .execute(tx.conn())
        .await?;
    if base / 1000 != last / 1000 {
        prune(&mut tx, last - KEPT).await?;
    }
    tx.commit().await?;
    Ok(moved)
}

/// Brings the newest state of each object up to date with the rows after `base`.
async fn fold_states(tx: &mut SpineTx, base: i64) -> Result<(), Error> {
    sqlx::query!(
        "insert into spine.feed_state (topic, key, seq, generation, value)
         select distinct on (topic, key) topic, key, seq, generation, value
         from spine.feed where seq > $1 and kind = 'state' order by topic, key, seq desc
         on conflict (topic, key) do update
         set seq = excluded.seq, generation = excluded.generation, value = excluded.value",
        base,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
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

/// Starts a new epoch, after a database was restored: every consumer then takes a snapshot.
///
/// # Errors
/// When the database is away.
pub async fn new_epoch(db: &Db) -> Result<Uuid, Error> {
    let mut tx = db.spine().await?;
    let epoch = sqlx::query_scalar!("update spine.feed_meta set epoch = gen_random_uuid() returning epoch")
        .fetch_one(tx.conn())
        .await?;
    tx.commit().await?;
    Ok(epoch)
}
