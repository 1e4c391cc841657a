//! Listeners, worker threads, connections.
//!
//! Each worker is one thread with its own runtime, accepting from every listener, so a connection never changes
//! threads and needs no locks.

mod conn;
mod gate;
mod handshake;
mod head;
mod watch;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch as signal;

use crate::certs;
use crate::edge::Shared;
use crate::upstream;
pub(crate) use conn::{ConnInfo, Worker};
pub(crate) use gate::Gate;
pub(crate) use watch::{OpenRequest, Watch};

/// What a listener is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Sites over plain HTTP.
    EdgeHttp,
    /// Sites, and the panel's host names, over TLS.
    EdgeHttps,
    /// The panel alone, whatever the host name; TLS, or plain HTTP when both ends are on this machine.
    Panel,
}

/// An open socket with its role.
#[derive(Debug)]
pub struct Listener {
    role: Role,
    socket: TcpListener,
}

impl Listener {
    /// Takes an open, listening socket.
    #[must_use]
    pub fn new(role: Role, socket: TcpListener) -> Self {
        Self { role, socket }
    }
}

/// A started engine. Dropping it stops it at once.
#[derive(Debug)]
pub struct Running {
    threads: Vec<std::thread::JoinHandle<usize>>,
    stop: signal::Sender<Option<Instant>>,
    addresses: Vec<(Role, SocketAddr)>,
}

/// How stopping went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stopped {
    /// Connections cut off because their requests outlasted the grace period.
    pub aborted: usize,
}

impl Running {
    /// Where the listeners listen.
    #[must_use]
    pub fn addresses(&self) -> &[(Role, SocketAddr)] {
        &self.addresses
    }

    /// Tells clients that their connections close, serving on for a quarter of `grace` or two seconds; then stops accepting, lets
    /// open requests finish for what is left of `grace`, and waits for the threads. Blocks.
    #[must_use]
    pub fn stop(mut self, grace: Duration) -> Stopped {
        self.stop.send_replace(Some(Instant::now() + grace));
        let aborted = self.threads.drain(..).map(|thread| thread.join().unwrap_or(0)).sum();
        Stopped { aborted }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.send_replace(Some(Instant::now()));
    }
}

pub(crate) fn start(shared: &Arc<Shared>, listeners: Vec<Listener>) -> io::Result<Running> {
    let count = match shared.options.threads {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        count => count,
    };
    let site_tls = certs::server_config(shared, false).map_err(io::Error::other)?;
    let panel_tls = certs::server_config(shared, true).map_err(io::Error::other)?;
    let mut addresses = Vec::new();
    for listener in &listeners {
        listener.socket.set_nonblocking(true)?;
        addresses.push((listener.role, listener.socket.local_addr()?));
    }
    let (stop, stopping) = signal::channel(None);
    let mut threads = Vec::new();
    for index in 0..count {
        let sockets = listeners
            .iter()
            .map(|listener| listener.socket.try_clone().map(|socket| (listener.role, socket)))
            .collect::<io::Result<Vec<_>>>()?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(16)
            .build()?;
        let tls = handshake::Tls {
            sites: Arc::clone(&site_tls),
            panel: Arc::clone(&panel_tls),
        };
        let (shared, stopping) = (Arc::clone(shared), stopping.clone());
        let run = move || {
            let aborted = tokio::task::LocalSet::new().block_on(&runtime, conn::work(shared, sockets, tls, stopping));
            // A blocking read on a dead disk must not hold up the end.
            runtime.shutdown_timeout(Duration::from_millis(100));
            aborted
        };
        threads.push(std::thread::Builder::new().name(format!("edge-{index}")).spawn(run)?);
    }
    threads.push(watch_pools(shared, stopping)?);
    Ok(Running {
        threads,
        stop,
        addresses,
    })
}

/// One thread looks after the servers behind, for all workers.
fn watch_pools(
    shared: &Arc<Shared>,
    stopping: signal::Receiver<Option<Instant>>,
) -> io::Result<std::thread::JoinHandle<usize>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(4)
        .build()?;
    let shared = Arc::clone(shared);
    std::thread::Builder::new()
        .name("edge-pools".to_owned())
        .spawn(move || {
            tokio::task::LocalSet::new().block_on(&runtime, upstream::watch(shared, stopping));
            // A look-up that hangs must not hold up the end.
            runtime.shutdown_background();
            0
        })
}
