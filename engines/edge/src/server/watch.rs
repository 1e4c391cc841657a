//! What is watched about each connection: how many requests are open, since when nothing moves, the raw head of the
//! request being read, and for whom bytes come and go. One sweep a quarter of a second reads the first three, so no
//! request pays for a timer.

use std::cell::{Cell, RefCell};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::head::RawHead;
use crate::counters::Counters;
use crate::options::Limits;

/// What a connection is told to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Run,
    /// Finish what is open and take nothing new.
    Drain,
    Kill,
}

/// One connection's state; lives on one thread.
pub(crate) struct Watch {
    /// The thread's clock, moved by each sweep: precise enough, and free to read.
    clock: Rc<Cell<Instant>>,
    opened: Instant,
    open: Cell<u32>,
    served: Cell<bool>,
    http2: Cell<bool>,
    idle_since: Cell<Instant>,
    head_since: Cell<Option<Instant>>,
    body_wait_since: Cell<Option<Instant>>,
    write_stuck_since: Cell<Option<Instant>>,
    /// What comes is no HTTP any more.
    tunnel: Cell<bool>,
    /// When a byte came or went last.
    moved: Cell<Instant>,
    order: Cell<Order>,
    waker: RefCell<Option<Waker>>,
    head: RefCell<RawHead>,
    meter: RefCell<Meter>,
}

/// Whose counters the bytes of a connection go to: those of the entry that was asked last, or whose answer is being
/// sent. HTTP/1 asks for one thing at a time. Where several sites share an HTTP/2 connection, which takes a certificate
/// with all of their names, every byte is still counted once, and bodies go to whom they belong.
struct Meter {
    charged: Arc<Counters>,
    /// Whether somebody has been asked for; until then `charged` is nobody.
    known: bool,
    /// Bytes that came for whoever is asked for next.
    read: u64,
    /// Bytes that left before anybody was asked for: the greeting of HTTP/2.
    written: u64,
}

impl Watch {
    /// `nobody` is charged with what belongs to no request.
    pub(crate) fn new(clock: Rc<Cell<Instant>>, nobody: &Arc<Counters>) -> Rc<Self> {
        let now = clock.get();
        Rc::new(Self {
            clock,
            opened: now,
            open: Cell::new(0),
            served: Cell::new(false),
            http2: Cell::new(false),
            idle_since: Cell::new(now),
            head_since: Cell::new(None),
            body_wait_since: Cell::new(None),
            write_stuck_since: Cell::new(None),
            tunnel: Cell::new(false),
            moved: Cell::new(now),
            order: Cell::new(Order::Run),
            waker: RefCell::new(None),
            head: RefCell::default(),
            meter: RefCell::new(Meter {
                charged: Arc::clone(nobody),
                known: false,
                read: 0,
                written: 0,
            }),
        })
    }

    /// From now on bytes are counted here, those that led to it included.
    fn charge(&self, counters: &Arc<Counters>) {
        let mut meter = self.meter.borrow_mut();
        if !Arc::ptr_eq(&meter.charged, counters) {
            meter.charged = Arc::clone(counters);
        }
        meter.known = true;
        meter.settle();
    }

    fn count_read(&self, bytes: usize) {
        self.moved.set(self.clock.get());
        let mut meter = self.meter.borrow_mut();
        if self.open.get() > 0 {
            meter.charged.received(bytes as u64);
        } else {
            meter.read += bytes as u64;
        }
    }

    fn count_written(&self, bytes: usize) {
        self.moved.set(self.clock.get());
        let mut meter = self.meter.borrow_mut();
        if meter.known {
            meter.charged.sent(bytes as u64);
        } else {
            meter.written += bytes as u64;
        }
    }

    /// A request's head has been read; it stays open until the guard is dropped.
    pub(crate) fn open_request(self: &Rc<Self>, http2: bool, has_body: bool) -> OpenRequest {
        self.open.set(self.open.get() + 1);
        self.served.set(true);
        self.head_since.set(None);
        self.http2.set(http2);
        if !http2 {
            self.head.borrow_mut().opened(has_body);
        }
        OpenRequest(Rc::clone(self))
    }

    /// The connection stays busy when the request that began it is over.
    pub(crate) fn open_tunnel(self: &Rc<Self>) -> OpenRequest {
        self.open.set(self.open.get() + 1);
        OpenRequest(Rc::clone(self))
    }

    /// From now on what comes is no HTTP.
    pub(crate) fn begin_tunnel(&self) {
        self.tunnel.set(true);
    }

    /// Whether nothing has come after the head of the present HTTP/1 request, as far as that is known.
    pub(crate) fn is_quiet(&self) -> bool {
        self.head.borrow().is_all()
    }

    /// How long nothing has come or gone.
    pub(crate) fn still_for(&self) -> Duration {
        self.clock.get().saturating_duration_since(self.moved.get())
    }

    /// The client owes body bytes (`true`), or has just sent some.
    pub(crate) fn body_wait(&self, waiting: bool) {
        let since = if waiting {
            self.body_wait_since.get().or(Some(self.clock.get()))
        } else {
            None
        };
        self.body_wait_since.set(since);
    }

    /// Whether the head of the present HTTP/1 request is read in the same way by all; see [`RawHead::is_clear`].
    pub(crate) fn framing_is_clear(&self, method: &str) -> bool {
        self.head.borrow().is_clear(method)
    }

    fn on_read(&self, bytes: &[u8]) {
        if bytes.is_empty() || self.tunnel.get() {
            return;
        }
        if self.open.get() == 0 && self.head_since.get().is_none() {
            self.head_since.set(Some(self.clock.get()));
        }
        if !self.http2.get() {
            self.head.borrow_mut().read(bytes);
        }
    }

    /// What the sweep decides. `pressed` shortens idling when connections run out.
    pub(crate) fn judge(&self, now: Instant, limits: &Limits, pressed: bool) -> Order {
        let since = |start: Instant| now.saturating_duration_since(start);
        let over = |start: Option<Instant>, limit| start.is_some_and(|start| since(start) > limit);
        if over(self.write_stuck_since.get(), limits.stall_timeout) {
            return Order::Kill;
        }
        if self.open.get() > 0 {
            let stalled = over(self.body_wait_since.get(), limits.stall_timeout);
            return if stalled { Order::Kill } else { Order::Run };
        }
        if !self.served.get() {
            return if since(self.opened) > limits.head_timeout {
                Order::Kill
            } else {
                Order::Run
            };
        }
        if !self.http2.get() && over(self.head_since.get(), limits.head_timeout) {
            return Order::Kill;
        }
        let idle = if pressed {
            limits.idle_timeout.min(Duration::from_secs(5))
        } else {
            limits.idle_timeout
        };
        match since(self.idle_since.get()) {
            // A goodbye first (HTTP/2 GOAWAY); whoever ignores it is cut off.
            time if time > idle + Duration::from_secs(5) => Order::Kill,
            time if time > idle => Order::Drain,
            _ => Order::Run,
        }
    }

    /// Whether it has been asked for something in HTTP/2.
    pub(crate) fn is_http2(&self) -> bool {
        self.http2.get()
    }

    /// Whether a drain may end it: it has served a request, or has had its moment to send one.
    pub(crate) fn may_drain(&self, now: Instant) -> bool {
        self.served.get() || now.saturating_duration_since(self.opened) > Duration::from_millis(500)
    }

    pub(crate) fn tell(&self, order: Order) {
        if self.order.get() == order || order == Order::Run {
            return;
        }
        self.order.set(order);
        if let Some(waker) = self.waker.borrow().as_ref() {
            waker.wake_by_ref();
        }
    }

    /// Called on each poll of the connection.
    pub(crate) fn listen(&self, cx: &Context<'_>) -> Order {
        let mut waker = self.waker.borrow_mut();
        match waker.as_mut() {
            Some(waker) => waker.clone_from(cx.waker()),
            None => *waker = Some(cx.waker().clone()),
        }
        self.order.get()
    }
}

impl Meter {
    fn settle(&mut self) {
        let (read, written) = (std::mem::take(&mut self.read), std::mem::take(&mut self.written));
        if read > 0 {
            self.charged.received(read);
        }
        if written > 0 {
            self.charged.sent(written);
        }
    }
}

impl Drop for Meter {
    /// What came last led to nothing.
    fn drop(&mut self) {
        self.settle();
    }
}

/// A request that has not been answered to the end.
pub(crate) struct OpenRequest(Rc<Watch>);

impl OpenRequest {
    pub(crate) fn watch(&self) -> Rc<Watch> {
        Rc::clone(&self.0)
    }

    /// The request is for the entry of these counters, or its answer's body goes on.
    pub(crate) fn charge(&self, counters: &Arc<Counters>) {
        self.0.charge(counters);
    }
}

impl Drop for OpenRequest {
    fn drop(&mut self) {
        let open = self.0.open.get().saturating_sub(1);
        self.0.open.set(open);
        if open == 0 {
            self.0.idle_since.set(self.0.clock.get());
            self.0.body_wait_since.set(None);
            self.0.head.borrow_mut().rest();
        }
    }
}

/// A stream that reports what moves on it.
pub(crate) struct Watched<S> {
    pub(crate) stream: S,
    pub(crate) watch: Rc<Watch>,
}

impl<S> Watched<S> {
    fn written(&self, result: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        let stuck = &self.watch.write_stuck_since;
        match &result {
            Poll::Pending if stuck.get().is_none() => stuck.set(Some(self.watch.clock.get())),
            Poll::Pending => {}
            Poll::Ready(written) => {
                stuck.set(None);
                self.watch.count_written(*written.as_ref().unwrap_or(&0));
            }
        }
        result
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let result = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if result.is_ready() {
            let bytes = buffer.filled().get(before..).unwrap_or_default();
            self.watch.count_read(bytes.len());
            self.watch.on_read(bytes);
        }
        result
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.written(result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write_vectored(cx, bytes);
        self.written(result)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// A stream that outlives the HTTP spoken on it.
pub(crate) struct Lent<S>(Rc<RefCell<Watched<S>>>);

impl<S> Lent<S> {
    pub(crate) fn new(stream: Watched<S>) -> Self {
        Self(Rc::new(RefCell::new(stream)))
    }
}

impl<S> Clone for Lent<S> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Lent<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0.borrow_mut()).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Lent<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.0.borrow_mut()).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.0.borrow_mut()).poll_write_vectored(cx, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.borrow().is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0.borrow_mut()).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0.borrow_mut()).poll_shutdown(cx)
    }
}
