//! The newest states, a page at a time: what data planes are sent.

use mpanel_feed::frame::Item;
use mpanel_pg::{Db, PlatformTx, Tx};
use serde_json::Value;

use crate::Error;

const PAGE: i64 = 500;
/// Bytes of values after which a page takes no further one: pages are built in memory.
const PAGE_BYTES: i64 = 1 << 20;

/// Some of the newest states, by number, and what the feed said at the same moment.
pub(crate) struct StatePage {
    pub(crate) items: Vec<Item>,
    /// Whether there may be others after the last of them.
    pub(crate) more: bool,
    pub(crate) epoch: String,
    /// With no more to come, everything up to here is known.
    pub(crate) last_seq: i64,
    /// What went up to here may have left no trace.
    pub(crate) pruned_seq: i64,
}

/// The topics' states with a number above `after`; those that are gone only when asked for.
///
/// Whoever reads page after page until there is no more has the newest state of every object: one
/// that changes meanwhile moves to a page still to come.
pub(crate) async fn states_after(db: &Db, topics: &[String], after: i64, gone: bool) -> Result<StatePage, Error> {
    let mut tx = db.spine().await?;
    let rows = sqlx::query!(
        r#"select m.epoch, m.last_seq, m.pruned_seq,
                  s.seq as "seq?", s.topic as "topic?", s.key as "key?", s.generation as "generation?",
                  s.value as "value?", s.bytes as "bytes?"
           from spine.feed_meta m left join (
               select * from (
                   select *, sum(bytes) over (order by seq) as total from (
                       select seq, topic, key, generation, value, bytes from spine.feed_state
                       where seq > $2 and topic = any($1) and ($3 or value is not null)
                       order by seq limit $4
                   ) page
               ) summed where total - bytes < $5
           ) s on true
           order by s.seq"#,
        topics,
        after,
        gone,
        PAGE,
        PAGE_BYTES,
    )
    .fetch_all(tx.conn())
    .await?;
    tx.end_read();
    let mut page = StatePage {
        items: Vec::with_capacity(rows.len()),
        more: false,
        epoch: String::new(),
        last_seq: after,
        pruned_seq: 0,
    };
    let mut bytes = 0;
    for row in rows {
        page.epoch = row.epoch.to_string();
        page.last_seq = row.last_seq;
        page.pruned_seq = row.pruned_seq;
        let (Some(seq), Some(topic), Some(key), Some(generation)) = (row.seq, row.topic, row.key, row.generation)
        else {
            continue;
        };
        bytes += i64::from(row.bytes.unwrap_or_default());
        page.items.push(Item {
            seq,
            topic,
            key,
            generation,
            value: row.value,
        });
    }
    page.more = page.items.len() as i64 == PAGE || bytes >= PAGE_BYTES;
    Ok(page)
}

/// The newest states of a topic that have reached the feed, by key.
///
/// # Errors
/// When the database is away.
pub async fn current_states(tx: &mut PlatformTx, topic: &str) -> Result<Vec<(String, i64, Value)>, Error> {
    let rows = sqlx::query!(
        r#"select key, generation, value as "value!" from spine.feed_state
           where topic = $1 and value is not null order by key"#,
        topic,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| (row.key, row.generation, row.value))
        .collect())
}
