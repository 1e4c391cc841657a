//! Serving TCP listeners: one thread, one task a connection (RFC 7766).

use std::cell::RefCell;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv6Addr, TcpListener};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::{JoinSet, LocalSet};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::answer::{self, Transport};
use crate::counters::Counters;
use crate::zones::ZoneSet;

/// Room made for each read.
const READ: usize = 2_048;
/// Replies to pipelined queries are sent once they take this much.
const FLUSH_AT: usize = 32 << 10;

/// Limits of the TCP service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TcpConfig {
    /// Open connections in all.
    pub connections: usize,
    /// Open connections of one client: an IPv4 address or an IPv6 /64.
    pub connections_per_client: usize,
    /// Queries on one connection before it is closed.
    pub queries_per_connection: u64,
    /// How long a whole query may take to arrive, and a reply to be taken.
    pub idle: Duration,
    /// How long open connections may go on after the stop.
    pub grace: Duration,
}

impl Default for TcpConfig {
    fn default() -> Self {
        Self {
            connections: 1_000,
            connections_per_client: 100,
            queries_per_connection: 100_000,
            idle: Duration::from_secs(10),
            grace: Duration::from_secs(2),
        }
    }
}

struct Shared {
    zones: Arc<ZoneSet>,
    counters: Arc<Counters>,
    config: TcpConfig,
    stop: watch::Receiver<bool>,
    /// One reply at a time is composed here, then copied to its connection.
    scratch: RefCell<Box<[u8]>>,
    clients: RefCell<HashMap<IpAddr, usize>>,
}

/// Serves until `stop` turns true.
///
/// # Errors
/// When the listeners cannot be used at all.
pub(crate) fn serve(
    listeners: &[TcpListener],
    config: TcpConfig,
    stop: &watch::Receiver<bool>,
    zones: &Arc<ZoneSet>,
    counters: &Arc<Counters>,
) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build()?;
    let shared = Rc::new(Shared {
        zones: Arc::clone(zones),
        counters: Arc::clone(counters),
        config,
        stop: stop.clone(),
        scratch: RefCell::new(vec![0; usize::from(u16::MAX)].into_boxed_slice()),
        clients: RefCell::new(HashMap::new()),
    });
    LocalSet::new().block_on(&runtime, async {
        let mut loops = JoinSet::new();
        for listener in listeners {
            let listener = listener.try_clone()?;
            listener.set_nonblocking(true)?;
            let listener = tokio::net::TcpListener::from_std(listener)?;
            loops.spawn_local(accept(listener, Rc::clone(&shared)));
        }
        while loops.join_next().await.is_some() {}
        Ok(())
    })
}

async fn accept(listener: tokio::net::TcpListener, shared: Rc<Shared>) {
    let mut stop = shared.stop.clone();
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            _ = stop.wait_for(|&stop| stop) => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => match Admission::new(&shared, peer.ip()) {
                    Some(admission) => {
                        shared.counters.accepted();
                        connections.spawn_local(Connection::new(stream, admission).run());
                    }
                    None => shared.counters.rejected(),
                },
                Err(error) => {
                    // Out of descriptors, most likely: they come back as connections close.
                    tracing::warn!(%error, "dns tcp accept failed");
                    sleep(Duration::from_millis(50)).await;
                }
            }
        }
    }
    drop(listener);
    let all = async { while connections.join_next().await.is_some() {} };
    // What is left after the grace is aborted with the set.
    let _ = timeout(shared.config.grace, all).await;
}

/// A place among the connections, given back when dropped.
struct Admission {
    shared: Rc<Shared>,
    client: IpAddr,
}

impl Admission {
    fn new(shared: &Rc<Shared>, address: IpAddr) -> Option<Self> {
        let client = match address.to_canonical() {
            IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
            v4 => v4,
        };
        let mut clients = shared.clients.borrow_mut();
        if clients.values().sum::<usize>() >= shared.config.connections {
            return None;
        }
        let count = clients.entry(client).or_default();
        if *count >= shared.config.connections_per_client {
            return None;
        }
        *count += 1;
        Some(Self {
            shared: Rc::clone(shared),
            client,
        })
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        if let Entry::Occupied(mut entry) = self.shared.clients.borrow_mut().entry(self.client) {
            *entry.get_mut() -= 1;
            if *entry.get() == 0 {
                entry.remove();
            }
        }
    }
}

struct Connection {
    stream: TcpStream,
    admission: Admission,
    input: Vec<u8>,
    output: Vec<u8>,
    queries: u64,
}

impl Connection {
    fn new(stream: TcpStream, admission: Admission) -> Self {
        Self {
            stream,
            admission,
            input: Vec::new(),
            output: Vec::new(),
            queries: 0,
        }
    }

    /// Answers in order until the client ends, idles, sends what must not be answered, or the server stops.
    async fn run(mut self) {
        let _ = self.stream.set_nodelay(true);
        let shared = Rc::clone(&self.admission.shared);
        let mut stop = shared.stop.clone();
        let mut deadline = Instant::now() + shared.config.idle;
        loop {
            let mut used = 0;
            let mut more = true;
            while let (true, Some(message)) = (more, next_message(&self.input[used..])) {
                used += 2 + message.len();
                more = self.reply(&shared, used - message.len()..used);
                deadline = Instant::now() + shared.config.idle;
                if self.output.len() >= FLUSH_AT && !self.flush(shared.config.idle).await {
                    return;
                }
            }
            self.input.drain(..used);
            if !self.flush(shared.config.idle).await || !more || *stop.borrow() {
                break;
            }
            // Less than one message is left over, so this stays below one message and a read.
            self.input.reserve(READ);
            let read = async {
                tokio::select! {
                    _ = stop.wait_for(|&stop| stop) => Ok(0),
                    read = self.stream.read_buf(&mut self.input) => read,
                }
            };
            if !matches!(timely(deadline, read).await, Some(Ok(1..))) {
                break;
            }
        }
        let _ = timeout(shared.config.idle, self.stream.shutdown()).await;
    }

    /// Puts the reply to the message at `range` of the input to the output; false ends the connection.
    fn reply(&mut self, shared: &Shared, range: std::ops::Range<usize>) -> bool {
        let mut scratch = shared.scratch.borrow_mut();
        let outcome = answer::answer(&shared.zones.load(), &self.input[range], Transport::Tcp, &mut scratch);
        shared.counters.query(Transport::Tcp, outcome);
        self.queries += 1;
        let Some(outcome) = outcome else { return false };
        let Ok(len) = u16::try_from(outcome.len) else {
            return false;
        };
        self.output.extend_from_slice(&len.to_be_bytes());
        self.output.extend_from_slice(&scratch[..outcome.len]);
        self.queries < shared.config.queries_per_connection
    }

    async fn flush(&mut self, limit: Duration) -> bool {
        if self.output.is_empty() {
            return true;
        }
        let sent = timeout(limit, self.stream.write_all(&self.output)).await;
        self.output.clear();
        self.output.shrink_to(FLUSH_AT);
        matches!(sent, Ok(Ok(())))
    }
}

async fn timely<T>(deadline: Instant, future: impl Future<Output = T>) -> Option<T> {
    timeout_at(deadline, future).await.ok()
}

/// The first message in `input`, if it is there in full.
fn next_message(input: &[u8]) -> Option<&[u8]> {
    let len = usize::from(u16::from_be_bytes([*input.first()?, *input.get(1)?]));
    input.get(2..2 + len)
}
