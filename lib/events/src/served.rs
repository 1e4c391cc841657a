use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use mpanel_feed::Refusal;
use mpanel_feed::frame::Role;
use mpanel_pg::{Db, Tx};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::{Error, Tail, metrics};

/// One data-plane process as the feed sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct ConsumerStatus {
    pub node: String,
    pub role: Role,
    pub process: String,
    pub version: String,
    pub connected: bool,
    /// Everything up to here is served by it.
    pub acked_seq: i64,
    /// What it cannot serve of that.
    pub refused: Vec<Refusal>,
    pub last_seen: Timestamp,
}

/// Whether a published state is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Served {
    /// By every connected process of the role.
    Everywhere,
    /// No process of the role is connected; those that run serve what they last heard.
    NobodyConnected,
    /// These have not said so in time.
    Lagging(Vec<String>),
    /// A process cannot serve it, for this reason, and goes on with what it had.
    Refused(String),
    /// The state has not reached the feed in time.
    NotPublished,
}

/// Node and process.
type ProcessKey = (String, String);

/// What each data-plane process has acknowledged.
#[derive(Clone)]
pub struct ServedBoard {
    /// By node and process, with the number of the connection that speaks for it.
    consumers: Arc<Mutex<BTreeMap<ProcessKey, (u64, ConsumerStatus)>>>,
    changed: watch::Sender<u64>,
}

/// One connection of a process. When the process comes back, what its old connection still has to
/// say, its end above all, is about the past.
pub(crate) struct Connection {
    key: ProcessKey,
    number: u64,
}

impl Connection {
    pub(crate) fn node(&self) -> &str {
        &self.key.0
    }
}

impl Default for ServedBoard {
    fn default() -> Self {
        Self {
            consumers: Arc::default(),
            changed: watch::channel(0).0,
        }
    }
}

impl ServedBoard {
    /// Every process that was ever connected since this server started.
    #[must_use]
    pub fn consumers(&self) -> Vec<ConsumerStatus> {
        self.consumers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .values()
            .map(|(_, status)| status.clone())
            .collect()
    }

    pub(crate) fn connected(&self, status: ConsumerStatus) -> Connection {
        let key = (status.node.clone(), status.process.clone());
        let mut consumers = self.consumers.lock().unwrap_or_else(PoisonError::into_inner);
        let number = consumers.get(&key).map_or(0, |(number, _)| number + 1);
        metrics::consumer(&status);
        consumers.insert(key.clone(), (number, status));
        drop(consumers);
        self.changed.send_modify(|n| *n += 1);
        Connection { key, number }
    }

    pub(crate) fn update(&self, connection: &Connection, at: Timestamp, f: impl FnOnce(&mut ConsumerStatus)) {
        let mut consumers = self.consumers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((number, status)) = consumers.get_mut(&connection.key)
            && *number == connection.number
        {
            status.last_seen = at;
            f(status);
            metrics::consumer(status);
        }
        drop(consumers);
        self.changed.send_modify(|n| *n += 1);
    }

    /// How it stands with a generation of an object, topic and key, that has a number in the feed.
    fn look(&self, role: Role, (topic, key, generation): (&str, &str, i64), seq: i64) -> Served {
        let consumers = self.consumers.lock().unwrap_or_else(PoisonError::into_inner);
        let mut connected = consumers
            .values()
            .map(|(_, c)| c)
            .filter(|c| c.role == role && c.connected)
            .peekable();
        if connected.peek().is_none() {
            return Served::NobodyConnected;
        }
        let lagging: Vec<String> = connected
            .filter(|c| c.acked_seq < seq)
            .map(|c| c.process.clone())
            .collect();
        if !lagging.is_empty() {
            return Served::Lagging(lagging);
        }
        let is_this =
            |refusal: &&Refusal| refusal.topic == topic && refusal.key == key && refusal.generation >= generation;
        let of_role = consumers
            .values()
            .map(|(_, c)| c)
            .filter(|c| c.role == role && c.connected);
        let mut refused = of_role.flat_map(|c| &c.refused).filter(is_this);
        match refused.next() {
            Some(refusal) => Served::Refused(refusal.reason.clone()),
            None => Served::Everywhere,
        }
    }

    /// Waits until every connected process of `role` serves the given generation of an object, or
    /// no longer serves it, if that generation is its removal, or says that it cannot.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn wait(
        &self,
        db: &Db,
        tail: &Tail,
        role: Role,
        (topic, key, generation): (&str, &str, i64),
        within: Duration,
    ) -> Result<Served, Error> {
        let deadline = Instant::now() + within;
        let mut last = tail.last();
        let seq = loop {
            if let Some(seq) = published(db, topic, key, generation).await? {
                break seq;
            }
            if tokio::time::timeout_at(deadline, last.changed()).await.is_err() {
                return Ok(Served::NotPublished);
            }
        };
        let mut changed = self.changed.subscribe();
        loop {
            match self.look(role, (topic, key, generation), seq) {
                decided @ (Served::Everywhere | Served::Refused(_)) => return Ok(decided),
                waiting => {
                    if tokio::time::timeout_at(deadline, changed.changed()).await.is_err() {
                        return Ok(waiting);
                    }
                }
            }
        }
    }

    /// Who serves each of these objects, a key with its generation, right now; in their order.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn now(&self, db: &Db, role: Role, topic: &str, objects: &[(&str, i64)]) -> Result<Vec<Served>, Error> {
        let keys: Vec<String> = objects.iter().map(|(key, _)| (*key).to_owned()).collect();
        let generations: Vec<i64> = objects.iter().map(|(_, generation)| *generation).collect();
        let mut tx = db.spine().await?;
        let rows = sqlx::query!(
            r#"select o.at as "at!", f.seq
               from unnest($2::text[], $3::bigint[]) with ordinality as o (key, generation, at)
               join spine.feed_state f on f.topic = $1 and f.key = o.key and f.generation >= o.generation"#,
            topic,
            &keys,
            &generations,
        )
        .fetch_all(tx.conn())
        .await?;
        tx.end_read();
        let mut served = vec![Served::NotPublished; objects.len()];
        for row in rows {
            let at = usize::try_from(row.at - 1).ok();
            if let Some((place, (key, generation))) = at.and_then(|at| Some((served.get_mut(at)?, objects.get(at)?))) {
                *place = self.look(role, (topic, key, *generation), row.seq);
            }
        }
        Ok(served)
    }
}

/// The number under which this or a newer generation of the object stands in the feed.
async fn published(db: &Db, topic: &str, key: &str, generation: i64) -> Result<Option<i64>, Error> {
    let mut tx = db.spine().await?;
    let seq = sqlx::query_scalar!(
        "select seq from spine.feed_state where topic = $1 and key = $2 and generation >= $3",
        topic,
        key,
        generation,
    )
    .fetch_optional(tx.conn())
    .await?;
    tx.end_read();
    Ok(seq)
}
