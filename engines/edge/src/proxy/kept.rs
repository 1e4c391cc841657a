//! Connections of one thread to the servers of all pools.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::time::{Duration, Instant};

use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;

use super::stream::RequestBody;
use crate::upstream::{Member, Pool};

pub(super) type Sender = http1::SendRequest<RequestBody>;

/// What is held of an answer on its way to a client who does not read, or twice that; its head is far shorter.
const BUFFER: usize = 32 * 1024;
/// How long a connection is kept that nobody uses.
const KEPT: Duration = Duration::from_secs(60);

struct Kept {
    sender: Sender,
    since: Instant,
}

/// By server. A connection is here from the moment its answer has begun, and is used again once it says that it is
/// ready: nobody has to wait for the end of an answer on its behalf.
#[derive(Default)]
pub(crate) struct Connections(RefCell<HashMap<u64, (usize, Vec<Kept>)>>);

impl Connections {
    pub(super) fn take(&self, member: &Member) -> Option<Sender> {
        let mut all = self.0.borrow_mut();
        let (_, kept) = all.get_mut(&member.id)?;
        let at = kept.iter().rposition(|kept| kept.sender.is_ready())?;
        Some(kept.swap_remove(at).sender)
    }

    pub(super) fn give_back(&self, pool: &Pool, member: &Member, sender: Sender) {
        if pool.keep == 0 || sender.is_closed() {
            return;
        }
        let since = Instant::now();
        let mut all = self.0.borrow_mut();
        let (keep, kept) = all.entry(member.id).or_default();
        *keep = pool.keep;
        kept.push(Kept { sender, since });
    }

    /// Lets go of connections that servers have closed, that are too many, or that nobody has used for a while.
    pub(crate) fn sweep(&self, now: Instant) {
        self.0.borrow_mut().retain(|_, (keep, kept)| {
            let mut idle = 0;
            kept.retain(|kept| {
                let ready = kept.sender.is_ready();
                idle += usize::from(ready);
                let spare = ready && (idle > *keep || now.saturating_duration_since(kept.since) > KEPT);
                !kept.sender.is_closed() && !spare
            });
            !kept.is_empty()
        });
    }

    pub(super) async fn connect(pool: &Pool, member: &Member) -> io::Result<Sender> {
        let stream = pool.connect(member).await?;
        let (mut sender, connection) = http1::Builder::new()
            .max_buf_size(BUFFER)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(io::Error::other)?;
        tokio::task::spawn_local(async move {
            if let Err(error) = connection.with_upgrades().await {
                tracing::debug!(%error, "connection to a server ended");
            }
        });
        sender.ready().await.map_err(io::Error::other)?;
        Ok(sender)
    }
}
