//! An answer on its way from the origin, read by everybody who asked for it meanwhile. Whoever reads is woken with each
//! piece; nobody waits longer for having come later.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::HeaderMap;

use super::object::{Head, Object};
use super::purge::{Belongs, Purged};

/// What a body that is not kept may hold in memory, for its slowest reader.
const WINDOW: u64 = 256 * 1024;

/// Why there is nothing to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failed {
    /// The answer is for one request only.
    Uncacheable,
    /// There is no answer.
    Broken,
}

/// What a reader finds first.
#[derive(Clone, Debug)]
pub(crate) enum Opened {
    /// The head, while the body is on its way.
    Flowing(Arc<Head>),
    /// All of it.
    Whole(Arc<Object>),
}

impl Opened {
    pub(crate) fn head(&self) -> &Head {
        match self {
            Self::Flowing(head) => head,
            Self::Whole(object) => &object.head,
        }
    }
}

#[derive(Debug)]
pub(crate) struct Fill {
    /// The fields of the request that went out, for those that the answer may vary on.
    request: HeaderMap,
    /// Others may read it.
    open: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    belongs: Belongs,
    phase: Phase,
    readers: Vec<Option<Reader>>,
    writer: Option<Waker>,
    /// When something came from the origin last, and when the last reader left.
    moved: Instant,
    left: Instant,
}

#[derive(Debug)]
enum Phase {
    Asking,
    Flowing(Flow),
    Done(Arc<Object>),
    Failed(Failed),
}

#[derive(Debug)]
struct Flow {
    head: Arc<Head>,
    pieces: VecDeque<Bytes>,
    /// The number of the first of them.
    first: usize,
    held: u64,
    /// Too large to be kept: what everybody has read is let go.
    passing: bool,
    ended: bool,
}

#[derive(Debug, Default)]
struct Reader {
    /// The piece it wants next, and the bytes it has had.
    piece: usize,
    offset: u64,
    waker: Option<Waker>,
}

/// What comes next for a reader.
#[derive(Debug)]
pub(crate) enum Next {
    Piece(Bytes),
    /// The rest is in the whole, from this byte on.
    Whole(Arc<Object>, u64),
    End,
    Broken,
}

impl Fill {
    pub(crate) fn new(request: HeaderMap, belongs: Belongs, open: bool) -> Arc<Self> {
        let now = Instant::now();
        Arc::new(Self {
            request,
            open: AtomicBool::new(open),
            state: Mutex::new(State {
                belongs,
                phase: Phase::Asking,
                readers: Vec::new(),
                writer: None,
                moved: now,
                left: now,
            }),
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nobody may join any more: it is too slow, or purged.
    pub(crate) fn close(&self) {
        self.open.store(false, Relaxed);
    }

    /// Whether a request may wait for this answer. `varies` is an older answer of the same address.
    pub(crate) fn is_for(&self, request: &HeaderMap, varies: Option<&Object>, patience: Duration) -> bool {
        if !self.open.load(Relaxed) {
            return false;
        }
        let state = self.lock();
        if state.belongs.verdict_on_its_way() != Purged::No || state.moved.elapsed() > patience {
            return false;
        }
        match &state.phase {
            // Two requests between which the older answer makes no difference; the newer one may still tell them apart.
            Phase::Asking => varies.is_none_or(|older| older.head.variant.of(request).matches(&self.request)),
            Phase::Flowing(flow) => flow.first == 0 && flow.head.variant.matches(request),
            Phase::Done(object) => object.head.variant.matches(request),
            Phase::Failed(_) => false,
        }
    }

    /// Where answers belong whose request went out with this one.
    pub(crate) fn belongs(&self) -> Belongs {
        self.lock().belongs.clone()
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let (out, wakers) = {
            let mut state = self.lock();
            let out = change(&mut state);
            state.moved = Instant::now();
            let readers = state.readers.iter_mut().flatten();
            let wakers: Vec<Waker> = readers.filter_map(|reader| reader.waker.take()).collect();
            (out, wakers)
        };
        wakers.into_iter().for_each(Waker::wake);
        out
    }

    /// The head has come.
    pub(crate) fn begin(&self, head: Arc<Head>, belongs: Belongs) {
        self.change(|state| {
            state.belongs = belongs;
            state.phase = Phase::Flowing(Flow {
                head,
                pieces: VecDeque::new(),
                first: 0,
                held: 0,
                passing: false,
                ended: false,
            });
        });
    }

    /// Another piece. With `keep`, it stays until the end.
    pub(crate) fn push(&self, piece: Bytes, keep: bool) {
        if piece.is_empty() {
            return;
        }
        self.change(|state| {
            if let Phase::Flowing(flow) = &mut state.phase {
                flow.passing |= !keep;
                flow.held += piece.len() as u64;
                flow.pieces.push_back(piece);
            }
            state.let_go();
        });
        if !keep {
            self.close();
        }
    }

    /// Waits until the slowest reader has made room. `false` when nobody reads any more.
    pub(crate) async fn room(&self) -> bool {
        poll_fn(|cx| {
            let mut state = self.lock();
            state.let_go();
            if state.readers.iter().all(Option::is_none) {
                return Poll::Ready(false);
            }
            match &state.phase {
                Phase::Flowing(flow) if flow.held > WINDOW => {
                    state.writer = Some(cx.waker().clone());
                    Poll::Pending
                }
                _ => Poll::Ready(true),
            }
        })
        .await
    }

    /// Everything that has come, if all of it is still here.
    pub(crate) fn pieces(&self) -> Option<Vec<Bytes>> {
        match &self.lock().phase {
            Phase::Flowing(flow) if !flow.passing => Some(flow.pieces.iter().cloned().collect()),
            _ => None,
        }
    }

    /// Bytes in memory of a body on its way.
    pub(crate) fn held(&self) -> u64 {
        match &self.lock().phase {
            Phase::Flowing(flow) => flow.held,
            _ => 0,
        }
    }

    /// The body has ended and is not kept.
    pub(crate) fn end(&self) {
        self.change(|state| {
            if let Phase::Flowing(flow) = &mut state.phase {
                flow.ended = true;
            }
        });
    }

    pub(crate) fn finish(&self, object: &Arc<Object>) {
        self.change(|state| {
            state.belongs = object.belongs.clone();
            state.phase = Phase::Done(Arc::clone(object));
        });
    }

    pub(crate) fn fail(&self, why: Failed) {
        self.close();
        self.change(|state| {
            let over = match &state.phase {
                Phase::Done(_) | Phase::Failed(_) => true,
                Phase::Flowing(flow) => flow.ended,
                Phase::Asking => false,
            };
            if !over {
                state.phase = Phase::Failed(why);
            }
        });
    }

    /// For how long nobody has been reading.
    pub(crate) fn deserted(&self) -> Option<Duration> {
        let state = self.lock();
        state.readers.iter().all(Option::is_none).then(|| state.left.elapsed())
    }
}

impl State {
    /// Drops what every reader has had, once the body is not kept.
    fn let_go(&mut self) {
        let Phase::Flowing(flow) = &mut self.phase else { return };
        if !flow.passing {
            return;
        }
        let slowest = self.readers.iter().flatten().map(|reader| reader.piece).min();
        let slowest = slowest.unwrap_or(usize::MAX);
        while flow.first < slowest
            && let Some(piece) = flow.pieces.pop_front()
        {
            flow.first += 1;
            flow.held -= piece.len() as u64;
        }
        if flow.held <= WINDOW
            && let Some(writer) = self.writer.take()
        {
            writer.wake();
        }
    }
}

/// A place among the readers.
#[derive(Debug)]
pub(crate) struct Ticket {
    fill: Arc<Fill>,
    at: usize,
}

impl Ticket {
    /// `None` when its beginning is gone.
    pub(crate) fn take(fill: &Arc<Fill>) -> Option<Self> {
        let mut state = fill.lock();
        if matches!(&state.phase, Phase::Flowing(flow) if flow.first > 0) {
            return None;
        }
        let free = state.readers.iter().position(Option::is_none);
        let at = free.unwrap_or(state.readers.len());
        if free.is_none() {
            state.readers.push(None);
        }
        state.readers[at] = Some(Reader::default());
        Some(Self {
            fill: Arc::clone(fill),
            at,
        })
    }

    /// Nobody else is to wait for this.
    pub(crate) fn close(&self) {
        self.fill.close();
    }

    /// The head, or what came instead.
    pub(crate) async fn open(&self) -> Result<Opened, Failed> {
        poll_fn(|cx| {
            let mut state = self.fill.lock();
            let opened = match &state.phase {
                Phase::Asking => None,
                Phase::Flowing(flow) => Some(Ok(Opened::Flowing(Arc::clone(&flow.head)))),
                Phase::Done(object) => Some(Ok(Opened::Whole(Arc::clone(object)))),
                Phase::Failed(why) => Some(Err(*why)),
            };
            match opened {
                Some(opened) => Poll::Ready(opened),
                None => {
                    state.wait(self.at, cx);
                    Poll::Pending
                }
            }
        })
        .await
    }

    pub(crate) fn poll_next(&self, cx: &mut Context<'_>) -> Poll<Next> {
        let mut state = self.fill.lock();
        let state = &mut *state;
        let Some(Some(reader)) = state.readers.get_mut(self.at) else {
            return Poll::Ready(Next::Broken);
        };
        let next = match &state.phase {
            Phase::Asking => None,
            Phase::Failed(_) => Some(Next::Broken),
            Phase::Done(object) => Some(Next::Whole(Arc::clone(object), reader.offset)),
            Phase::Flowing(flow) => match reader.piece.checked_sub(flow.first) {
                None => Some(Next::Broken),
                Some(at) => match flow.pieces.get(at) {
                    Some(piece) => {
                        reader.piece += 1;
                        reader.offset += piece.len() as u64;
                        Some(Next::Piece(piece.clone()))
                    }
                    None => flow.ended.then_some(Next::End),
                },
            },
        };
        match next {
            Some(next) => {
                state.let_go();
                Poll::Ready(next)
            }
            None => {
                state.wait(self.at, cx);
                Poll::Pending
            }
        }
    }
}

impl State {
    fn wait(&mut self, at: usize, cx: &Context<'_>) {
        if let Some(Some(reader)) = self.readers.get_mut(at) {
            reader.waker = Some(cx.waker().clone());
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut state = self.fill.lock();
        if let Some(reader) = state.readers.get_mut(self.at) {
            *reader = None;
        }
        state.left = Instant::now();
        state.let_go();
        if let Some(writer) = state.writer.take() {
            writer.wake();
        }
    }
}
