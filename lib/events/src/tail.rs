use std::sync::Arc;
use std::time::Duration;

use mpanel_feed::frame::Position;
use mpanel_kernel::ids::TenantId;
use mpanel_pg::{Db, Tx};
use serde_json::Value;
use sqlx::postgres::PgListener;
use tokio::sync::{broadcast, watch};

use crate::{Error, metrics, notice_restore};

const BATCH: i64 = 500;
/// Bytes of values after which a batch takes no further row.
const BATCH_BYTES: i64 = 1 << 20;
const POLL: Duration = Duration::from_secs(1);
/// Rows a slow subscriber may be behind before it has to read the table instead.
const BUFFER: usize = 1024;

/// One row of the feed.
#[derive(Debug, Clone, PartialEq)]
pub struct FeedRow {
    pub seq: i64,
    pub tenant: Option<TenantId>,
    /// A state for data planes, or an event.
    pub is_state: bool,
    pub topic: String,
    pub key: String,
    pub generation: i64,
    /// Of an event. A state's is where the newest states are: it is read by those who want it.
    pub value: Option<Value>,
}

/// This process' view of the feed: new rows as they come, to any number of subscribers.
#[derive(Clone)]
pub struct Tail {
    rows: broadcast::Sender<Arc<FeedRow>>,
    last: watch::Sender<i64>,
    epoch: watch::Sender<String>,
}

impl Default for Tail {
    fn default() -> Self {
        Self {
            rows: broadcast::channel(BUFFER).0,
            last: watch::channel(-1).0,
            epoch: watch::channel(String::new()).0,
        }
    }
}

impl Tail {
    /// Rows from now on. One that lags is told so and reads what it missed from the table.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<FeedRow>> {
        self.rows.subscribe()
    }

    /// The last row's number; -1 before the first look.
    #[must_use]
    pub fn last(&self) -> watch::Receiver<i64> {
        self.last.subscribe()
    }

    /// The history that is followed; empty before the first look. When it is another one, what was seen is past.
    #[must_use]
    pub fn epoch(&self) -> watch::Receiver<String> {
        self.epoch.subscribe()
    }

    /// Follows the feed for ever.
    pub async fn run(&self, db: Db) {
        loop {
            if let Err(error) = self.follow(&db).await {
                tracing::warn!(%error, "the feed cannot be followed and is tried again");
                tokio::time::sleep(POLL).await;
            }
        }
    }

    async fn follow(&self, db: &Db) -> Result<(), Error> {
        let mut listener = PgListener::connect_with(db.pool()).await?;
        listener.listen("mpanel_feed").await?;
        // Whatever cut the connection may have put a copy in place of the database, whose numbers begin where it was made.
        notice_restore(db).await?;
        let position = position(db).await?.0;
        if *self.epoch.borrow() != position.epoch {
            self.last.send_replace(position.seq);
            self.epoch.send_replace(position.epoch);
        }
        loop {
            loop {
                let after = *self.last.borrow();
                let (rows, more) = rows_after(db, after, BATCH).await?;
                for row in rows {
                    let seq = row.seq;
                    // No subscriber is no error.
                    let _ = self.rows.send(Arc::new(row));
                    self.last.send_replace(seq);
                    metrics::reached(seq);
                }
                if !more {
                    break;
                }
            }
            if let Ok(received) = tokio::time::timeout(POLL, listener.recv()).await {
                received?;
            }
        }
    }
}

/// Where the feed stands, and up to which number its rows are gone.
pub(crate) async fn position(db: &Db) -> Result<(Position, i64), Error> {
    let mut tx = db.spine().await?;
    let row = sqlx::query!("select epoch, last_seq, pruned_seq from spine.feed_meta")
        .fetch_one(tx.conn())
        .await?;
    tx.end_read();
    Ok((
        Position {
            epoch: row.epoch.to_string(),
            seq: row.last_seq,
        },
        row.pruned_seq,
    ))
}

/// Rows above `after`, and whether there may be more after them.
pub(crate) async fn rows_after(db: &Db, after: i64, limit: i64) -> Result<(Vec<FeedRow>, bool), Error> {
    let mut tx = db.spine().await?;
    let rows = sqlx::query!(
        r#"select seq, tenant_id, kind = 'state' as "is_state!", topic, key, generation, value, bytes
           from (
               select *, sum(bytes) over (order by seq) as total
               from (select * from spine.feed where seq > $1 order by seq limit $2) page
           ) summed where total - bytes < $3 order by seq"#,
        after,
        limit,
        BATCH_BYTES,
    )
    .fetch_all(tx.conn())
    .await?;
    tx.end_read();
    let bytes: i64 = rows.iter().map(|row| i64::from(row.bytes)).sum();
    let more = rows.len() as i64 == limit || bytes >= BATCH_BYTES;
    let rows = rows.into_iter().map(|row| FeedRow {
        seq: row.seq,
        tenant: row.tenant_id.map(TenantId::from_uuid),
        is_state: row.is_state,
        topic: row.topic,
        key: row.key,
        generation: row.generation,
        value: row.value,
    });
    Ok((rows.collect(), more))
}

/// One tenant's events after a place, oldest first, for a stream that resumes. `None` when the
/// feed no longer reaches back that far, or is another one since a restore.
///
/// # Errors
/// When the database is away.
pub async fn events_after(
    db: &Db,
    tenant: TenantId,
    after: &Position,
    limit: i64,
) -> Result<Option<Vec<FeedRow>>, Error> {
    let (now, pruned) = position(db).await?;
    if after.epoch != now.epoch || after.seq < pruned || after.seq > now.seq {
        return Ok(None);
    }
    let mut tx = db.spine().await?;
    let rows = sqlx::query!(
        "select seq, topic, key, generation, value from spine.feed
         where tenant_id = $1 and kind = 'event' and seq > $2 order by seq limit $3",
        tenant.uuid(),
        after.seq,
        limit,
    )
    .fetch_all(tx.conn())
    .await?;
    tx.end_read();
    Ok(Some(
        rows.into_iter()
            .map(|row| FeedRow {
                seq: row.seq,
                tenant: Some(tenant),
                is_state: false,
                topic: row.topic,
                key: row.key,
                generation: row.generation,
                value: row.value,
            })
            .collect(),
    ))
}
