use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use mpanel_feed::frame::{self, ClientFrame, Hello, Item, Mode, PROTOCOL, Position, ServerFrame};
use mpanel_kernel::clock::SharedClock;
use mpanel_pg::{Db, Tx};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::sync::broadcast::error::RecvError;

use crate::Error;
use crate::served::{Connection, ConsumerStatus, ServedBoard};
use crate::tail::{FeedRow, Tail, position, rows_after};

/// At most this often a connection is silent; see `mpanel_feed`.
const HEARTBEAT: Duration = Duration::from_secs(5);
const HELLO_WITHIN: Duration = Duration::from_secs(5);
const CONNECTIONS: usize = 64;
const BATCH: i64 = 500;

/// A task to start.
pub type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A process is not let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused(pub String);

/// Knows the machines and who may speak for them.
#[async_trait]
pub trait NodeDirectory: Send + Sync + 'static {
    /// A process introduces itself; the answer is its node's id.
    ///
    /// # Errors
    /// [`Refused`] when a process of this user may not be one of this role.
    async fn hello(&self, hello: &Hello, peer_uid: u32) -> Result<String, Refused>;
}

/// Sends states to data planes and collects what they acknowledge.
#[derive(Clone)]
pub struct FeedServer {
    pub db: Db,
    pub tail: Tail,
    pub board: ServedBoard,
    pub nodes: Arc<dyn NodeDirectory>,
    pub clock: SharedClock,
}

impl FeedServer {
    /// Accepts consumers for ever. `spawn` starts a task under a name.
    pub async fn run(self, listener: UnixListener, spawn: impl Fn(Task)) {
        let room = Arc::new(Semaphore::new(CONNECTIONS));
        loop {
            let Ok(permit) = room.clone().acquire_owned().await else {
                return;
            };
            match listener.accept().await {
                Ok((stream, _)) => {
                    let server = self.clone();
                    spawn(Box::pin(async move {
                        let _permit = permit;
                        if let Err(error) = server.session(stream).await {
                            tracing::debug!(%error, "feed connection ended");
                        }
                    }));
                }
                Err(error) => {
                    tracing::warn!(%error, "feed socket cannot accept");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }

    async fn session(&self, stream: UnixStream) -> io::Result<()> {
        let uid = rustix::net::sockopt::socket_peercred(&stream)?.uid.as_raw();
        let (mut from, mut to) = stream.into_split();
        let first = tokio::time::timeout(HELLO_WITHIN, frame::read(&mut from)).await;
        let Ok(Ok(ClientFrame::Hello(hello))) = first else {
            return Err(io::Error::other("no hello"));
        };
        let refusal = if hello.protocol == PROTOCOL {
            match self.nodes.hello(&hello, uid).await {
                Ok(node) => return self.serve(&hello, node, from, to).await,
                Err(Refused(reason)) => reason,
            }
        } else {
            format!("this server speaks protocol {PROTOCOL}, not {}", hello.protocol)
        };
        tracing::warn!(process = hello.process, uid, reason = refusal, "feed consumer refused");
        frame::write(&mut to, &ServerFrame::Refused { reason: refusal }).await
    }

    async fn serve(&self, hello: &Hello, node: String, from: OwnedReadHalf, mut to: OwnedWriteHalf) -> io::Result<()> {
        let connection = self.board.connected(ConsumerStatus {
            node: node.clone(),
            role: hello.role,
            process: hello.process.clone(),
            version: hello.version.clone(),
            connected: true,
            acked_seq: 0,
            last_seen: self.clock.now(),
        });
        // Whichever ends first ends the connection.
        let result = tokio::select! {
            result = self.send(hello, &node, &mut to) => result,
            result = self.receive(&connection, from) => result,
        };
        self.board
            .update(&connection, self.clock.now(), |status| status.connected = false);
        result
    }

    async fn receive(&self, connection: &Connection, mut from: OwnedReadHalf) -> io::Result<()> {
        loop {
            match frame::read(&mut from).await? {
                ClientFrame::Ack { seq } => {
                    self.board.update(connection, self.clock.now(), |status| {
                        status.acked_seq = status.acked_seq.max(seq);
                    });
                }
                ClientFrame::Hello(_) => return Err(io::Error::other("a second hello")),
            }
        }
    }

    async fn send(&self, hello: &Hello, node: &str, to: &mut OwnedWriteHalf) -> io::Result<()> {
        // Subscribed before the table is read: nothing falls between the two.
        let mut rows = self.tail.subscribe();
        let (now, pruned) = position(&self.db).await.map_err(io::Error::other)?;
        let resumes = hello
            .position
            .as_ref()
            .filter(|had| had.epoch == now.epoch && had.seq >= pruned && had.seq <= now.seq);
        let mode = if resumes.is_some() {
            Mode::Resume
        } else {
            Mode::Snapshot
        };
        let welcome = ServerFrame::Welcome {
            protocol: PROTOCOL,
            node: node.to_owned(),
            position: now.clone(),
            mode,
        };
        frame::write(to, &welcome).await?;
        let mut sent = match resumes {
            Some(had) => had.seq,
            None => self.snapshot(hello, &now.epoch, to).await?,
        };
        sent = self.catch_up(hello, sent, to).await?;
        loop {
            match tokio::time::timeout(HEARTBEAT, rows.recv()).await {
                Err(_) => frame::write(to, &ServerFrame::Heartbeat { seq: sent }).await?,
                Ok(Ok(row)) if row.seq <= sent => {}
                Ok(Ok(row)) => {
                    sent = row.seq;
                    self.send_row(hello, &row, to).await?;
                }
                Ok(Err(RecvError::Lagged(_))) => sent = self.catch_up(hello, sent, to).await?,
                Ok(Err(RecvError::Closed)) => return Ok(()),
            }
        }
    }

    async fn send_row(&self, hello: &Hello, row: &FeedRow, to: &mut OwnedWriteHalf) -> io::Result<()> {
        if row.is_state && hello.topics.contains(&row.topic) {
            send_item(to, row.item()).await?;
        }
        Ok(())
    }

    /// Sends what the table has after `sent`; returns the last number.
    async fn catch_up(&self, hello: &Hello, mut sent: i64, to: &mut OwnedWriteHalf) -> io::Result<i64> {
        loop {
            let rows = rows_after(&self.db, sent, BATCH).await.map_err(io::Error::other)?;
            let Some(last) = rows.last().map(|row| row.seq) else {
                break;
            };
            if rows[0].seq != sent + 1 {
                // It comes again and is sent a snapshot.
                return Err(io::Error::other("the feed was pruned under a slow consumer"));
            }
            for row in &rows {
                self.send_row(hello, row, to).await?;
            }
            sent = last;
        }
        frame::write(to, &ServerFrame::Heartbeat { seq: sent }).await?;
        Ok(sent)
    }

    async fn snapshot(&self, hello: &Hello, epoch: &str, to: &mut OwnedWriteHalf) -> io::Result<i64> {
        let (items, seq) = snapshot_items(&self.db, &hello.topics)
            .await
            .map_err(io::Error::other)?;
        for item in items {
            send_item(to, item).await?;
        }
        let position = Position {
            epoch: epoch.to_owned(),
            seq,
        };
        frame::write(to, &ServerFrame::SnapshotEnd { position }).await?;
        Ok(seq)
    }
}

/// Sends an item. One that no frame can carry is left out: it must not keep all others from being sent.
async fn send_item(to: &mut OwnedWriteHalf, item: Item) -> io::Result<()> {
    let (topic, key) = (item.topic.clone(), item.key.clone());
    match frame::write(to, &ServerFrame::Item(item)).await {
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            tracing::error!(topic, key, "a state is too large for the feed and is not sent");
            Ok(())
        }
        sent => sent,
    }
}

/// The newest states of the topics, and the number as of which they are.
async fn snapshot_items(db: &Db, topics: &[String]) -> Result<(Vec<Item>, i64), Error> {
    let mut tx = db.spine().await?;
    // Read first: a row that commits between the two statements is then sent twice, never missed.
    let seq = sqlx::query_scalar!("select last_seq from spine.feed_meta")
        .fetch_one(tx.conn())
        .await?;
    let rows = sqlx::query!(
        "select topic, key, seq, generation, value from spine.feed_state
         where topic = any($1) and value is not null order by seq",
        topics,
    )
    .fetch_all(tx.conn())
    .await?;
    tx.commit().await?;
    let items = rows.into_iter().map(|row| Item {
        seq: row.seq,
        topic: row.topic,
        key: row.key,
        generation: row.generation,
        value: row.value,
    });
    Ok((items.collect(), seq))
}
