//! One worker thread: accepting, TLS, HTTP, and the sweep over its connections.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener as StdListener};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch as signal;

use super::Role;
use super::handshake::{Secured, Tls};
use super::watch::{Lent, Order, Watch, Watched};
use crate::challenge;
use crate::edge::Shared;
use crate::fastcgi::Idle;
use crate::proxy::{Connections, Tunnel};
use crate::route;

const SWEEP: Duration = Duration::from_millis(250);
/// How long those that keep a connection have to hear that it closes, before it does.
const FAREWELL: Duration = Duration::from_secs(2);
/// How long a drain waits for connections that have sent no request yet.
const HANDSHAKE: Duration = Duration::from_secs(1);
const DRAIN_SWEEP: Duration = Duration::from_millis(20);

/// What one thread owns.
pub(crate) struct Worker {
    pub(crate) shared: Arc<Shared>,
    pub(crate) connections: Connections,
    pub(crate) idle: Rc<Idle>,
    tls: Tls,
    http: auto::Builder<LocalExecutor>,
    clock: Rc<Cell<Instant>>,
    /// A stop was asked for: every answer says that its connection closes.
    leaving: Cell<bool>,
    /// Accepted connections that have not ended, also those whose task has not begun yet.
    open: Cell<usize>,
    watches: RefCell<HashMap<u64, Rc<Watch>>>,
    next: Cell<u64>,
}

/// What is known about a connection.
pub(crate) struct ConnInfo {
    pub(crate) role: Role,
    pub(crate) peer: SocketAddr,
    pub(crate) local: SocketAddr,
    /// `None` without TLS.
    pub(crate) tls: Option<Secured>,
    pub(crate) watch: Rc<Watch>,
    /// What goes on after a switch of protocols.
    pub(crate) tunnel: RefCell<Option<Tunnel>>,
}

impl ConnInfo {
    /// Whose request it is, as far as the edge can see.
    pub(crate) fn client(&self) -> IpAddr {
        self.peer.ip().to_canonical()
    }

    /// Whether the bytes never leave this machine.
    pub(crate) fn is_loopback(&self) -> bool {
        self.peer.ip().to_canonical().is_loopback() && self.local.ip().to_canonical().is_loopback()
    }
}

/// Runs hyper's tasks on the thread they were made on.
#[derive(Clone, Copy)]
pub(crate) struct LocalExecutor;

impl<F: Future + 'static> hyper::rt::Executor<F> for LocalExecutor {
    fn execute(&self, future: F) {
        tokio::task::spawn_local(async move {
            future.await;
        });
    }
}

fn http_builder(shared: &Shared) -> auto::Builder<LocalExecutor> {
    let limits = &shared.options.limits;
    let mut builder = auto::Builder::new(LocalExecutor);
    builder.http1().max_buf_size(limits.head_bytes.max(8192));
    builder
        .http2()
        .max_concurrent_streams(limits.h2_streams)
        .max_header_list_size(u32::try_from(limits.head_bytes).unwrap_or(u32::MAX))
        // What one connection may make the edge hold while the panel is slow to read.
        .initial_stream_window_size(256 * 1024)
        .initial_connection_window_size(1024 * 1024)
        .max_send_buf_size(256 * 1024);
    builder
}

/// The life of a worker. Returns the number of connections that had to be cut off.
pub(crate) async fn work(
    shared: Arc<Shared>,
    sockets: Vec<(Role, StdListener)>,
    tls: Tls,
    mut stopping: signal::Receiver<Option<Instant>>,
) -> usize {
    let worker = Rc::new(Worker {
        connections: Connections::default(),
        idle: Rc::default(),
        http: http_builder(&shared),
        shared,
        tls,
        clock: Rc::new(Cell::new(Instant::now())),
        leaving: Cell::new(false),
        open: Cell::new(0),
        watches: RefCell::default(),
        next: Cell::new(0),
    });
    let accepting: Vec<_> = sockets
        .into_iter()
        .map(|(role, socket)| tokio::task::spawn_local(accept(Rc::clone(&worker), role, socket)))
        .collect();
    let mut sweep = tokio::time::interval(SWEEP);
    sweep.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let deadline = loop {
        tokio::select! {
            _ = sweep.tick() => worker.sweep(),
            changed = stopping.changed() => {
                let deadline = *stopping.borrow();
                match deadline {
                    Some(deadline) => break deadline,
                    None if changed.is_err() => break Instant::now(),
                    None => {}
                }
            }
        }
    };
    worker.part(deadline).await;
    accepting.iter().for_each(tokio::task::JoinHandle::abort);
    worker.drain(deadline).await
}

impl Worker {
    fn sweep(&self) {
        let now = Instant::now();
        self.clock.set(now);
        let (limits, pressed) = (&self.shared.options.limits, self.shared.gate.is_pressed());
        for watch in self.watches.borrow().values() {
            watch.tell(watch.judge(now, limits, pressed));
        }
        self.connections.sweep(now);
        self.idle.sweep(now);
        self.shared.cache.sweep();
    }

    /// A connection like a client's for requests that the edge sends itself; nobody judges its pace.
    pub(crate) fn on_behalf(&self, conn: &ConnInfo, address: IpAddr, tls: bool) -> ConnInfo {
        ConnInfo {
            role: conn.role,
            peer: SocketAddr::new(address, conn.peer.port()),
            local: conn.local,
            tls: tls.then(Secured::on_behalf),
            watch: Watch::new(Rc::clone(&self.clock), &self.shared.unknown.counters),
            tunnel: RefCell::default(),
        }
    }

    pub(crate) fn is_leaving(&self) -> bool {
        self.leaving.get()
    }

    /// Serves on for a moment, and tells everybody that the connection closes. A connection that is closed without a word takes
    /// a request with it that is just being sent, and nobody knows then whether it was done.
    async fn part(&self, deadline: Instant) {
        self.leaving.set(true);
        let begin = Instant::now();
        let until = begin + FAREWELL.min(deadline.saturating_duration_since(begin) / 4);
        while self.open.get() > 0 && Instant::now() < until {
            self.sweep();
            // Says up to which request it answers, so that the client knows which to send again (GOAWAY).
            for watch in self.watches.borrow().values().filter(|watch| watch.is_http2()) {
                watch.tell(Order::Drain);
            }
            tokio::time::sleep(DRAIN_SWEEP).await;
        }
    }

    async fn drain(&self, deadline: Instant) -> usize {
        let begin = Instant::now();
        loop {
            let now = Instant::now();
            self.clock.set(now);
            // Those in their handshake have a moment too; one that says nothing must not hold up those that wait outside.
            let left = match now.saturating_duration_since(begin) < HANDSHAKE {
                true => self.open.get(),
                false => self.watches.borrow().len(),
            };
            if left == 0 || now >= deadline {
                return left;
            }
            for watch in self.watches.borrow().values().filter(|watch| watch.may_drain(now)) {
                watch.tell(Order::Drain);
            }
            tokio::time::sleep(DRAIN_SWEEP).await;
        }
    }
}

/// Counts a connection from the moment it is accepted: a drain that did not know of it would reset it.
struct Open(Rc<Worker>);

impl Open {
    fn new(worker: &Rc<Worker>) -> Self {
        worker.open.set(worker.open.get() + 1);
        Self(Rc::clone(worker))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.set(self.0.open.get() - 1);
    }
}

async fn accept(worker: Rc<Worker>, role: Role, socket: StdListener) {
    let listener = match TcpListener::from_std(socket) {
        Ok(listener) => listener,
        Err(error) => return tracing::error!(?role, %error, "listener cannot be used"),
    };
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // Full: closed without a word, the cheapest refusal.
                let Some(place) = worker.shared.gate.enter(peer.ip()) else {
                    continue;
                };
                let open = Open::new(&worker);
                let worker = Rc::clone(&worker);
                tokio::task::spawn_local(async move {
                    let (_place, _open) = (place, open);
                    if let Err(error) = connection(worker, role, stream, peer).await {
                        tracing::debug!(?role, %peer, %error, "connection ended");
                    }
                });
            }
            // Out of descriptors, most likely; the clients wait in the queue meanwhile.
            Err(error) => {
                tracing::warn!(?role, %error, "cannot accept");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn connection(worker: Rc<Worker>, role: Role, stream: TcpStream, peer: SocketAddr) -> io::Result<()> {
    stream.set_nodelay(true)?;
    // A client that vanished without a word is noticed even where nothing is being sent.
    let keepalive = socket2::TcpKeepalive::new()
        .with_time(Duration::from_secs(60))
        .with_interval(Duration::from_secs(15));
    socket2::SockRef::from(&stream).set_tcp_keepalive(&keepalive)?;
    let local = stream.local_addr()?;
    let head_timeout = worker.shared.options.limits.head_timeout;
    let secure = match role {
        Role::EdgeHttp => false,
        Role::EdgeHttps => true,
        Role::Panel => tokio::time::timeout(head_timeout, speaks_tls(&stream)).await??,
    };
    let watch = Watch::new(Rc::clone(&worker.clock), &worker.shared.unknown.counters);
    let mut info = ConnInfo {
        role,
        peer,
        local,
        tls: None,
        watch,
        tunnel: RefCell::default(),
    };
    if !secure {
        return serve(worker, info, stream).await;
    }
    let handshake = worker.tls.accept(&worker.shared, role, stream);
    let (mut stream, secured) = tokio::time::timeout(head_timeout, handshake).await??;
    if stream.get_ref().1.alpn_protocol() == Some(challenge::ALPN) {
        // All that was wanted has been shown.
        return tokio::time::timeout(head_timeout, stream.shutdown()).await?;
    }
    info.tls = Some(secured);
    serve(worker, info, stream).await
}

/// A TLS record that starts a handshake begins with 0x16, which no HTTP method does.
async fn speaks_tls(stream: &TcpStream) -> io::Result<bool> {
    let mut first = [0];
    if stream.peek(&mut first).await? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(first == [0x16])
}

/// Takes the connection out of the sweep however it ends.
struct Registered<'a> {
    worker: &'a Worker,
    id: u64,
}

impl Drop for Registered<'_> {
    fn drop(&mut self) {
        self.worker.watches.borrow_mut().remove(&self.id);
    }
}

async fn serve<S>(worker: Rc<Worker>, info: ConnInfo, stream: S) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let id = worker.next.replace(worker.next.get() + 1);
    worker.watches.borrow_mut().insert(id, Rc::clone(&info.watch));
    let _registered = Registered { worker: &worker, id };
    let watch = Rc::clone(&info.watch);
    let stream = Lent::new(Watched {
        stream,
        watch: Rc::clone(&watch),
    });
    let context = Rc::new((Rc::clone(&worker), info));
    let asked = Rc::clone(&context);
    let service = service_fn(move |request| {
        let context = Rc::clone(&asked);
        async move { Ok::<_, Infallible>(route::handle(&context.0, &context.1, request).await) }
    });
    let mut connection = pin!(worker.http.serve_connection(TokioIo::new(stream.clone()), service));
    let mut draining = false;
    std::future::poll_fn(|cx| {
        match watch.listen(cx) {
            Order::Run => {}
            Order::Drain if !draining => {
                draining = true;
                connection.as_mut().graceful_shutdown();
            }
            Order::Drain => {}
            Order::Kill => return Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
        }
        Pin::as_mut(&mut connection).poll(cx).map_err(io::Error::other)
    })
    .await?;
    let Some(tunnel) = context.1.tunnel.take() else {
        return Ok(());
    };
    let mut passing = pin!(tunnel.run(stream));
    std::future::poll_fn(|cx| match watch.listen(cx) {
        Order::Kill => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
        // A drain leaves it the time that there is.
        Order::Run | Order::Drain => passing.as_mut().poll(cx),
    })
    .await
}
