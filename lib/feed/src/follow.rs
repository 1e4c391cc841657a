use std::io;
use std::path::PathBuf;
use std::time::Duration;

use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::{Instant, sleep, timeout};

use crate::frame::{self, ClientFrame, Hello, Item, Mode, PROTOCOL, Role, ServerFrame};
use crate::kept::Kept;
use crate::refused::{Applying, Refusal};
use crate::usage::{Reporting, Reports};

/// The producer sends at least a heartbeat this often; silence of three times as long means it hangs.
pub const HEARTBEAT: Duration = Duration::from_secs(5);
/// Nobody waits that long in this crate's own tests.
const SILENCE: Duration = if cfg!(test) {
    Duration::from_secs(2)
} else {
    HEARTBEAT.saturating_mul(3)
};
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// Changes are gathered for so long before the disk is told to keep what was written to it.
const SETTLE_AFTER: Duration = Duration::from_millis(500);

/// What a data-plane process follows, and where it keeps it.
#[derive(Debug, Clone)]
pub struct Subscription {
    pub socket: PathBuf,
    /// The copy on disk.
    pub snapshot: PathBuf,
    pub role: Role,
    pub process: String,
    pub version: String,
    pub topics: Vec<String>,
    pub public_key: Option<String>,
}

/// What the process has to do; what the callback returned from is acknowledged, as served but for what it returned.
#[derive(Debug)]
pub enum Update<'a> {
    /// Serve exactly these from now on.
    Reset { items: Vec<Item>, node: Option<&'a str> },
    /// One object has changed or gone.
    Item { item: &'a Item, node: Option<&'a str> },
}

/// Applies the copy on disk at once, then follows the control plane for ever: connects, resumes or
/// takes a fresh snapshot, acknowledges, and tries again when the connection ends.
pub async fn follow(subscription: Subscription, apply: impl FnMut(Update<'_>) -> Vec<Refusal>) {
    follow_and_report(subscription, apply, ()).await;
}

/// As [`follow`], and reports usage over the same connection.
pub async fn follow_and_report(
    subscription: Subscription,
    apply: impl FnMut(Update<'_>) -> Vec<Refusal>,
    mut reports: impl Reports,
) {
    let (mut kept, mut applying) = (Kept::load(&subscription.snapshot), Applying::new(apply));
    if kept.mirror().position.is_some() {
        applying.apply(everything(&kept));
    }
    let mut pause = FIRST_PAUSE;
    loop {
        let connected = Instant::now();
        let end = session(&subscription, &mut kept, &mut applying, &mut reports).await;
        if let Err(error) = end {
            tracing::debug!(%error, "feed connection ended");
        }
        if connected.elapsed() > LONGEST_PAUSE {
            pause = FIRST_PAUSE;
        }
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

async fn session<F: FnMut(Update<'_>) -> Vec<Refusal>>(
    subscription: &Subscription,
    kept: &mut Kept,
    applying: &mut Applying<F>,
    reports: &mut impl Reports,
) -> io::Result<()> {
    let (mut from, mut to) = UnixStream::connect(&subscription.socket).await?.into_split();
    let hello = Hello {
        protocol: PROTOCOL,
        role: subscription.role,
        process: subscription.process.clone(),
        version: subscription.version.clone(),
        position: kept.mirror().position.clone(),
        topics: subscription.topics.clone(),
        public_key: subscription.public_key.clone(),
    };
    frame::write(&mut to, &ClientFrame::Hello(hello)).await?;
    let (mode, epoch, usage, refusals) = match receive(&mut from).await? {
        ServerFrame::Welcome {
            protocol: PROTOCOL,
            node,
            position,
            mode,
            usage,
            refusals,
        } => {
            kept.name_node(node);
            (mode, position.epoch, usage, refusals)
        }
        ServerFrame::Refused { reason } => {
            tracing::error!(reason, "the control plane refuses this process");
            return Err(io::Error::other("refused"));
        }
        other => return Err(io::Error::other(format!("expected a welcome, got {other:?}"))),
    };
    applying.connected(refusals);
    match mode {
        Mode::Snapshot => take_snapshot(kept, &epoch, (&mut from, &mut to), applying).await?,
        Mode::Resume => {
            let had = kept.mirror().position.as_ref().map(|position| &position.epoch);
            if had != Some(&epoch) {
                return Err(out_of_order("another history is to be resumed"));
            }
        }
    }
    let reporting = Reporting::new(reports, usage);
    stream(kept, &epoch, (from, to), applying, reporting).await
}

fn everything(kept: &Kept) -> Update<'_> {
    Update::Reset {
        items: kept.mirror().items().collect(),
        node: kept.mirror().node.as_deref(),
    }
}

async fn take_snapshot<F: FnMut(Update<'_>) -> Vec<Refusal>>(
    kept: &mut Kept,
    epoch: &str,
    (from, to): (&mut OwnedReadHalf, &mut OwnedWriteHalf),
    applying: &mut Applying<F>,
) -> io::Result<()> {
    let mut items: Vec<Item> = Vec::new();
    loop {
        match receive(from).await? {
            ServerFrame::Item(item) => {
                if items.last().is_some_and(|last| item.seq <= last.seq) {
                    return Err(out_of_order("an item of the snapshot"));
                }
                items.push(item);
            }
            ServerFrame::SnapshotEnd { position } if position.epoch != epoch => {
                return Err(out_of_order("the end of another snapshot"));
            }
            ServerFrame::SnapshotEnd { position } => {
                let seq = position.seq;
                kept.replace(items, position);
                applying.apply(everything(kept));
                kept.save();
                applying.tell(to).await?;
                return frame::write(to, &ClientFrame::Ack { seq }).await;
            }
            ServerFrame::Heartbeat { .. } => {}
            other => return Err(io::Error::other(format!("unexpected in a snapshot: {other:?}"))),
        }
    }
}

async fn stream<F: FnMut(Update<'_>) -> Vec<Refusal>>(
    kept: &mut Kept,
    epoch: &str,
    (mut from, mut to): (OwnedReadHalf, OwnedWriteHalf),
    applying: &mut Applying<F>,
    mut reporting: Reporting<'_, impl Reports>,
) -> io::Result<()> {
    // Reading happens in a task of its own: a frame must not be lost because settling came due.
    let (sender, mut frames) = tokio::sync::mpsc::channel(64);
    #[expect(
        clippy::disallowed_methods,
        reason = "ends with the connection; lib/telemetry would turn the tiers around"
    )]
    let reader = tokio::spawn(async move {
        loop {
            let frame = receive(&mut from).await;
            let ended = frame.is_err();
            if sender.send(frame).await.is_err() || ended {
                return;
            }
        }
    });
    let mut settle_at: Option<Instant> = None;
    // What is behind a snapshot's end may come again. From there on numbers only grow.
    let mut reached = kept
        .mirror()
        .position
        .as_ref()
        .map_or(i64::MIN, |position| position.seq);
    let result = loop {
        if settle_at.is_some_and(|at| at <= Instant::now()) {
            kept.settle();
            settle_at = None;
        }
        let next = match settle_at.into_iter().chain(reporting.due()).min() {
            Some(at) => match tokio::time::timeout_at(at, frames.recv()).await {
                Ok(next) => next,
                Err(_) => {
                    if let Err(error) = reporting.report(&mut to).await {
                        break Err(error);
                    }
                    continue;
                }
            },
            None => frames.recv().await,
        };
        // The place moves with each item. Only a heartbeat says that all up to it was sent, and is acknowledged.
        let (seq, complete) = match next {
            Some(Ok(ServerFrame::Item(item))) if item.seq < reached => break Err(out_of_order("an item")),
            Some(Ok(ServerFrame::Heartbeat { seq })) if seq < reached => break Err(out_of_order("a heartbeat")),
            Some(Ok(ServerFrame::Item(item))) => {
                if kept.apply(&item, epoch) {
                    applying.apply(Update::Item {
                        item: &item,
                        node: kept.mirror().node.as_deref(),
                    });
                }
                (item.seq, false)
            }
            Some(Ok(ServerFrame::Heartbeat { seq })) => (seq, true),
            Some(Ok(ServerFrame::UsageTaken { seq })) => {
                reporting.taken(seq);
                continue;
            }
            Some(Ok(ServerFrame::UsageNotKept { .. })) => {
                reporting.not_kept();
                continue;
            }
            Some(Ok(other)) => break Err(io::Error::other(format!("unexpected in the stream: {other:?}"))),
            Some(Err(error)) => break Err(error),
            None => break Ok(()),
        };
        reached = seq;
        if kept.move_to(seq, epoch) {
            settle_at.get_or_insert_with(|| Instant::now() + SETTLE_AFTER);
        }
        if complete && let Err(error) = acknowledge(applying, seq, &mut to).await {
            break Err(error);
        }
    };
    reader.abort();
    if settle_at.is_some() {
        kept.settle();
    }
    result
}

async fn acknowledge<F: FnMut(Update<'_>) -> Vec<Refusal>>(
    applying: &mut Applying<F>,
    seq: i64,
    to: &mut OwnedWriteHalf,
) -> io::Result<()> {
    applying.tell(to).await?;
    frame::write(to, &ClientFrame::Ack { seq }).await
}

/// A peer that forgets where it was has lost the thread, and whoever follows it would serve what is past.
fn out_of_order(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("out of order: {what}"))
}

async fn receive(from: &mut OwnedReadHalf) -> io::Result<ServerFrame> {
    timeout(SILENCE, frame::read(from))
        .await
        .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
}
