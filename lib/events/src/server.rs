use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use mpanel_feed::Usage;
use mpanel_feed::frame::{self, ClientFrame, Hello, Item, Mode, PROTOCOL, Position, Role, ServerFrame};
use mpanel_kernel::clock::SharedClock;
use mpanel_pg::Db;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior};

use crate::served::{Connection, ConsumerStatus, ServedBoard};
use crate::states::states_after;
use crate::tail::{FeedRow, Tail, position};

/// At most this often a connection is silent; see `mpanel_feed`.
const HEARTBEAT: Duration = if cfg!(test) {
    Duration::from_millis(200)
} else {
    mpanel_feed::HEARTBEAT
};
const HELLO_WITHIN: Duration = Duration::from_secs(5);
/// A consumer that neither takes what it is sent nor acknowledges a heartbeat for so long is gone, or hangs; it may be at work
/// on a large snapshot until then. Nobody waits that long in this crate's own tests.
const SILENCE: Duration = if cfg!(test) {
    Duration::from_secs(2)
} else {
    Duration::from_secs(60)
};
const CONNECTIONS: usize = 64;

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

/// Keeps what data planes report to have counted.
#[async_trait]
pub trait UsageSink: Send + Sync + 'static {
    /// Keeps a report of `node`, as [`NodeDirectory::hello`] has called it. What was kept before is not counted again:
    /// reports come twice.
    ///
    /// # Errors
    /// When it is not kept; the node then reports it again.
    async fn keep(&self, node: &str, usage: &Usage) -> Result<(), Box<dyn std::error::Error + Send + Sync>>;
}

/// Sends states to data planes and collects what they acknowledge and report.
#[derive(Clone)]
pub struct FeedServer {
    pub db: Db,
    pub tail: Tail,
    pub board: ServedBoard,
    pub nodes: Arc<dyn NodeDirectory>,
    /// Without one, edges keep what they have to report.
    pub usage: Option<Arc<dyn UsageSink>>,
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
            refused: Vec::new(),
            last_seen: self.clock.now(),
        });
        let (answers, answered) = mpsc::channel(1);
        // Whichever ends first ends the connection.
        let result = tokio::select! {
            result = self.send(hello, &node, &mut to, answered) => result,
            result = self.receive(hello, &connection, from, answers) => result,
        };
        self.board
            .update(&connection, self.clock.now(), |status| status.connected = false);
        result
    }

    fn takes_usage_of(&self, hello: &Hello) -> bool {
        self.usage.is_some() && hello.role == Role::Edge
    }

    async fn receive(
        &self,
        hello: &Hello,
        connection: &Connection,
        mut from: OwnedReadHalf,
        answers: mpsc::Sender<ServerFrame>,
    ) -> io::Result<()> {
        loop {
            let said = tokio::time::timeout(SILENCE, frame::read(&mut from)).await;
            match said.map_err(|_| silent())?? {
                ClientFrame::Ack { seq } => {
                    self.board.update(connection, self.clock.now(), |status| {
                        status.acked_seq = status.acked_seq.max(seq);
                    });
                }
                ClientFrame::Refused { refused } => {
                    for refusal in &refused {
                        tracing::error!(
                            process = hello.process,
                            topic = refusal.topic,
                            key = refusal.key,
                            reason = refusal.reason,
                            "a data plane cannot serve what it was sent"
                        );
                    }
                    self.board
                        .update(connection, self.clock.now(), |status| status.refused = refused);
                }
                ClientFrame::Usage(usage) => match &self.usage {
                    Some(sink) if self.takes_usage_of(hello) => {
                        let seq = usage.seq;
                        let answer = match sink.keep(connection.node(), &usage).await {
                            Ok(()) => ServerFrame::UsageTaken { seq },
                            Err(error) => {
                                tracing::warn!(error, "usage is not kept and will be reported again");
                                ServerFrame::UsageNotKept { seq }
                            }
                        };
                        answers.send(answer).await.map_err(io::Error::other)?;
                    }
                    _ => return Err(io::Error::other("usage of a process that has none to report")),
                },
                ClientFrame::Hello(_) => return Err(io::Error::other("a second hello")),
            }
        }
    }

    async fn send(
        &self,
        hello: &Hello,
        node: &str,
        to: &mut OwnedWriteHalf,
        mut answers: mpsc::Receiver<ServerFrame>,
    ) -> io::Result<()> {
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
            usage: self.takes_usage_of(hello),
            refusals: true,
        };
        write(to, &welcome).await?;
        let sent = match resumes {
            Some(had) => had.seq,
            None => self.snapshot(hello, &now.epoch, to).await?,
        };
        let mut sent = self.catch_up(hello, &now.epoch, sent, to).await?;
        let mut heartbeat = tokio::time::interval_at(Instant::now() + HEARTBEAT, HEARTBEAT);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            // However much comes that is not for data planes. The tables are asked as well: they know what a tail that
            // lost its database has not seen, and whether this is still the history that was begun with.
            let row = tokio::select! {
                row = rows.recv() => row,
                _ = heartbeat.tick() => {
                    sent = self.catch_up(hello, &now.epoch, sent, to).await?;
                    continue;
                }
                Some(answer) = answers.recv() => {
                    write(to, &answer).await?;
                    continue;
                }
            };
            match row {
                Ok(row) if row.seq <= sent => {}
                Ok(row) if !concerns(hello, &row) => sent = row.seq,
                Ok(_) | Err(RecvError::Lagged(_)) => sent = self.catch_up(hello, &now.epoch, sent, to).await?,
                Err(RecvError::Closed) => return Ok(()),
            }
        }
    }

    /// Sends the states that are newer than `sent`; returns up to where all is sent now.
    async fn catch_up(&self, hello: &Hello, epoch: &str, mut sent: i64, to: &mut OwnedWriteHalf) -> io::Result<i64> {
        loop {
            let page = states_after(&self.db, &hello.topics, sent, true)
                .await
                .map_err(io::Error::other)?;
            if page.epoch != epoch || page.pruned_seq > sent {
                // It comes again and is sent a snapshot.
                return Err(io::Error::other("the feed no longer reaches back to a slow consumer"));
            }
            for item in page.items {
                sent = item.seq;
                send_item(to, item).await?;
            }
            if !page.more {
                let seq = sent.max(page.last_seq);
                write(to, &ServerFrame::Heartbeat { seq }).await?;
                return Ok(seq);
            }
        }
    }

    async fn snapshot(&self, hello: &Hello, epoch: &str, to: &mut OwnedWriteHalf) -> io::Result<i64> {
        let (mut after, mut seq) = (0, None);
        loop {
            let page = states_after(&self.db, &hello.topics, after, false)
                .await
                .map_err(io::Error::other)?;
            // As of the first page: what changes or goes while the others are read is sent once more.
            let seq = *seq.get_or_insert(page.last_seq);
            for item in page.items {
                after = item.seq;
                send_item(to, item).await?;
            }
            if !page.more {
                let position = Position {
                    epoch: epoch.to_owned(),
                    seq,
                };
                write(to, &ServerFrame::SnapshotEnd { position }).await?;
                return Ok(seq);
            }
        }
    }
}

/// Nobody else waits for a consumer that takes nothing: it has its own connection, and this is how long that stands.
async fn write(to: &mut OwnedWriteHalf, frame: &ServerFrame) -> io::Result<()> {
    let written = tokio::time::timeout(SILENCE, frame::write(to, frame)).await;
    written.map_err(|_| silent())?
}

fn silent() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "a consumer has fallen silent")
}

fn concerns(hello: &Hello, row: &FeedRow) -> bool {
    row.is_state && hello.topics.contains(&row.topic)
}

/// Sends an item. One that no frame can carry is left out: it must not keep all others from being sent.
async fn send_item(to: &mut OwnedWriteHalf, item: Item) -> io::Result<()> {
    let (topic, key) = (item.topic.clone(), item.key.clone());
    match write(to, &ServerFrame::Item(item)).await {
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            tracing::error!(topic, key, "a state is too large for the feed and is not sent");
            Ok(())
        }
        sent => sent,
    }
}
