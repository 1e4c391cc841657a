use std::time::Duration;

use async_trait::async_trait;
use mpanel_feed::frame::Position;
use mpanel_pg::{Db, PlatformTx, Reason, Tx};
use serde_json::Value;

use crate::tail::{FeedRow, Tail, position, rows_after};
use crate::{Error, aside, metrics};

const BATCH: i64 = 200;

/// Keeps something of its own in step with events: a projection, a counter. What it writes and how
/// far it has read commit together, so each event takes effect once.
#[async_trait]
pub trait Consumer: Send + Sync + 'static {
    /// Names its place in the feed; never changed once released.
    fn name(&self) -> &'static str;
    /// Whether it wants to see events of this type.
    fn wants(&self, event: &str) -> bool;
    /// Takes one event on.
    ///
    /// # Errors
    /// The event is set aside and tried again, with those of its tenant behind it in their order; events of others go on.
    /// After [`ATTEMPTS`](crate::ATTEMPTS) it is dead: tried no more until somebody wants it to be, another of the same resource
    /// comes or everything is built anew. Its tenant's go on but for those of its resource, which stay behind it.
    async fn handle(&self, tx: &mut PlatformTx, event: &FeedRow) -> Result<(), Error>;
    /// Builds everything anew from the tables, because the feed no longer reaches back far enough or somebody wants it; a part
    /// at a time, each of which commits before the next, so that nobody waits long for what a part locks. `from` is what the part before said, or
    /// nothing at the beginning; the answer is where the next part begins, and nothing at the end.
    /// Tables are ahead of the feed: an event may follow whose effect is in what was built, so
    /// taking an event on must not depend on its being new.
    ///
    /// # Errors
    /// The part is undone and tried again.
    async fn rebuild(&self, tx: &mut PlatformTx, from: Option<Value>) -> Result<Option<Value>, Error>;
}

/// Runs a consumer for ever.
pub async fn consume(db: Db, tail: Tail, consumer: impl Consumer) {
    let mut last = tail.last();
    loop {
        match consume_available(&db, &consumer).await {
            Ok(()) => {
                // Woken by the feed; the timeout covers a tail that lost its database, and what was set aside.
                let aside = aside::count(&db, consumer.name()).await;
                if let Ok(aside) = &aside {
                    metrics::dead_events(consumer.name(), aside.dead);
                }
                let waiting = aside.map_or(true, |aside| aside.waiting > 0);
                let longest = Duration::from_secs(if waiting { 1 } else { 30 });
                let _ = tokio::time::timeout(longest, last.changed()).await;
            }
            Err(error) => {
                tracing::warn!(consumer = consumer.name(), %error, "consumer of the feed failed and tries again");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

/// Takes on all events there are, and those that were set aside and are due; returns at the feed's end.
///
/// # Errors
/// When the database is away or the consumer cannot be built.
pub async fn consume_available(db: &Db, consumer: &impl Consumer) -> Result<(), Error> {
    let mut careful = false;
    loop {
        let (now, pruned) = position(db).await?;
        let known = stand(&mut db.spine().await?, consumer.name()).await?;
        let reached = known
            .reached
            .as_ref()
            .filter(|reached| !known.rebuilding && reached.epoch == now.epoch && reached.seq >= pruned);
        // Read before the transaction begins: no task holds one connection while it waits for another.
        let rows = match reached {
            Some(reached) => rows_after(db, reached.seq, BATCH).await?.0,
            None => Vec::new(),
        };
        if let Some(reached) = reached {
            match rows.first() {
                None => return aside::retry(db, consumer).await,
                // Pruned since it was looked up: builds itself next time round.
                Some(first) if first.seq != reached.seq + 1 => continue,
                Some(_) => {}
            }
        }
        let mut tx = db.platform(Reason::Project(consumer.name())).await?;
        // One server at a time; whoever comes second sees that it is done.
        sqlx::query!(
            "select pg_advisory_xact_lock(hashtextextended($1, 13))",
            consumer.name()
        )
        .execute(tx.conn())
        .await?;
        if stand(&mut tx, consumer.name()).await? != known {
            continue;
        }
        if reached.is_none() {
            build_part(&mut tx, consumer, &now, pruned).await?;
            tx.commit().await?;
            continue;
        }
        let mut held = aside::held(&mut tx, consumer.name()).await?;
        // All at once as long as nothing goes wrong, which is cheaper; then the same events one by one.
        let wanted = rows.iter().filter(|row| !row.is_state && consumer.wants(&row.topic));
        let keys: Vec<String> = wanted.clone().map(|row| row.key.clone()).collect();
        let mut stopped = aside::stopped(&mut tx, consumer.name(), &keys).await?;
        let mut failed = false;
        for row in wanted {
            if stopped.remove(&(row.tenant, row.key.clone())) {
                aside::revive(&mut tx, consumer.name(), row).await?;
                held.insert(row.tenant);
            }
            if held.contains(&row.tenant) {
                aside::put(&mut tx, consumer.name(), row, None).await?;
            } else if careful {
                if let Err(error) = aside::attempt(&mut tx, consumer, row).await? {
                    tracing::warn!(consumer = consumer.name(), seq = row.seq, %error, "event is set aside");
                    aside::put(&mut tx, consumer.name(), row, Some(&error)).await?;
                    held.insert(row.tenant);
                }
            } else if let Err(error) = consumer.handle(&mut tx, row).await {
                tracing::debug!(consumer = consumer.name(), seq = row.seq, %error, "events are taken on one by one");
                failed = true;
                break;
            }
        }
        if failed {
            careful = true;
            continue;
        }
        if let Some(last) = rows.last() {
            save(&mut tx, consumer.name(), &now.epoch, last.seq).await?;
        }
        tx.commit().await?;
    }
}

/// One part of building a consumer anew. It stands where the feed stood when the first part began: what happened meanwhile is
/// taken on after the last. When the feed does not reach back to there by then, it begins again.
async fn build_part(tx: &mut PlatformTx, consumer: &impl Consumer, now: &Position, pruned: i64) -> Result<(), Error> {
    // Whoever wants it to begin again meanwhile waits for this part, and is not forgotten.
    let begun = sqlx::query!(
        "select epoch, seq, marker from spine.rebuilds where consumer = $1 for update",
        consumer.name()
    )
    .fetch_optional(tx.conn())
    .await?
    .filter(|begun| begun.epoch.to_string() == now.epoch && begun.seq >= pruned);
    let (seq, from) = begun.map_or((now.seq, None), |begun| (begun.seq, begun.marker));
    if from.is_none() {
        tracing::info!(consumer = consumer.name(), "consumer of the feed is built anew");
    }
    if let Some(marker) = consumer.rebuild(tx, from).await? {
        sqlx::query!(
            "insert into spine.rebuilds (consumer, epoch, seq, marker) values ($1, $2::text::uuid, $3, $4)
             on conflict (consumer) do update set epoch = excluded.epoch, seq = excluded.seq, marker = excluded.marker",
            consumer.name(),
            now.epoch,
            seq,
            marker,
        )
        .execute(tx.conn())
        .await?;
        return Ok(());
    }
    sqlx::query!("delete from spine.rebuilds where consumer = $1", consumer.name())
        .execute(tx.conn())
        .await?;
    aside::forget(tx, consumer.name()).await?;
    save(tx, consumer.name(), &now.epoch, seq).await
}

/// Where a consumer stands.
#[derive(PartialEq)]
struct Stand {
    /// How far it has come; `None` when it has never run.
    reached: Option<Position>,
    /// It is built anew, or is to be.
    rebuilding: bool,
}

async fn stand(tx: &mut impl Tx, name: &str) -> Result<Stand, Error> {
    let row = sqlx::query!(
        r#"select c.epoch as "epoch?", c.seq as "seq?", r.consumer as "rebuilding?"
           from (select $1::text as name) n
           left join spine.consumers c on c.name = n.name left join spine.rebuilds r on r.consumer = n.name"#,
        name,
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(Stand {
        reached: row.epoch.zip(row.seq).map(|(epoch, seq)| Position {
            epoch: epoch.to_string(),
            seq,
        }),
        rebuilding: row.rebuilding.is_some(),
    })
}

/// In the history that was read: should there be another by now, everything is built anew.
async fn save(tx: &mut PlatformTx, name: &str, epoch: &str, seq: i64) -> Result<(), Error> {
    sqlx::query!(
        "insert into spine.consumers (name, epoch, seq) values ($1, $2::text::uuid, $3)
         on conflict (name) do update set epoch = excluded.epoch, seq = excluded.seq",
        name,
        epoch,
        seq,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}
