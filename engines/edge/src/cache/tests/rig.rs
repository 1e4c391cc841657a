//! A cache with a clock that tests move, and an origin that answers what they say.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use tokio::sync::{mpsc, oneshot};

use crate::Clock;
use crate::cache::flow::{Asked, Origin, Outcome, respond};
use crate::cache::serve::Answer;
use crate::cache::{Cache, CacheOptions, CachePolicy, Rules};

pub(super) struct TestClock(AtomicU64);

/// Any time will do, as long as HTTP dates can say it.
pub(super) const EPOCH: u64 = 1_800_000_000;

impl Clock for TestClock {
    fn now(&self) -> SystemTime {
        at(self.0.load(SeqCst))
    }
}

pub(super) fn at(millis: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(EPOCH) + Duration::from_millis(millis)
}

pub(super) fn date(seconds: i64) -> String {
    let base = at(0);
    let shift = Duration::from_secs(seconds.unsigned_abs());
    httpdate::fmt_http_date(if seconds < 0 { base - shift } else { base + shift })
}

pub(super) fn fields(lines: &str) -> HeaderMap {
    let mut out = HeaderMap::new();
    for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':').unwrap();
        let name: http::HeaderName = name.parse().unwrap();
        out.append(name, value.trim().parse().unwrap());
    }
    out
}

pub(super) type Piece = Result<Bytes, String>;

/// A body that comes as a test sends it.
pub(super) struct Feed {
    pieces: mpsc::UnboundedReceiver<Piece>,
    length: Option<u64>,
}

impl Body for Feed {
    type Data = Bytes;
    type Error = String;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, String>>> {
        self.pieces
            .poll_recv(cx)
            .map(|piece| piece.map(|piece| piece.map(Frame::data)))
    }

    fn size_hint(&self) -> SizeHint {
        self.length.map(SizeHint::with_exact).unwrap_or_default()
    }
}

/// A request that has come to the origin and waits for its answer.
pub(super) struct Waiting {
    pub(super) request: Parts,
    answer: oneshot::Sender<Response<Feed>>,
}

impl Waiting {
    /// Sends the head; the body follows through what is returned.
    pub(super) fn begin(self, status: u16, lines: &str, length: Option<u64>) -> mpsc::UnboundedSender<Piece> {
        let (send, pieces) = mpsc::unbounded_channel();
        let mut response = Response::new(Feed { pieces, length });
        *response.status_mut() = status.try_into().unwrap();
        *response.headers_mut() = fields(lines);
        drop(self.answer.send(response));
        send
    }

    pub(super) fn answer(self, status: u16, lines: &str, body: &str) {
        let sender = self.begin(status, lines, Some(body.len() as u64));
        if !body.is_empty() {
            sender.send(Ok(Bytes::copy_from_slice(body.as_bytes()))).unwrap();
        }
    }
}

#[derive(Clone, Default)]
pub(super) struct Scripted(Rc<RefCell<VecDeque<Waiting>>>);

impl Origin for Scripted {
    type Body = Feed;
    type Error = String;

    fn fetch(&self, request: Parts) -> impl Future<Output = Response<Feed>> + 'static {
        let (answer, answered) = oneshot::channel();
        self.0.borrow_mut().push_back(Waiting { request, answer });
        async move {
            answered.await.unwrap_or_else(|_| {
                let (_, pieces) = mpsc::unbounded_channel();
                let mut failed = Response::new(Feed {
                    pieces,
                    length: Some(0),
                });
                *failed.status_mut() = http::StatusCode::BAD_GATEWAY;
                failed
            })
        }
    }
}

pub(super) struct Rig {
    pub(super) cache: Arc<Cache>,
    pub(super) rules: Arc<Rules>,
    pub(super) origin: Scripted,
    clock: Arc<TestClock>,
}

/// What a client got.
#[derive(Debug)]
pub(super) struct Got {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    /// `None` when it broke off.
    pub(super) body: Option<String>,
    /// Whether the request went to the origin as it was.
    pub(super) passed: bool,
}

impl Got {
    pub(super) fn field(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(super) fn text(&self) -> &str {
        self.body.as_deref().unwrap()
    }

    pub(super) fn is_hit(&self) -> bool {
        self.field("cache-status").contains("; hit")
    }
}

impl Rig {
    pub(super) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(super) fn with(change: impl FnOnce(&mut CachePolicy)) -> Self {
        Self::sized(64 * 1024 * 1024, change)
    }

    pub(super) fn sized(memory_bytes: u64, change: impl FnOnce(&mut CachePolicy)) -> Self {
        let clock = Arc::new(TestClock(AtomicU64::new(0)));
        let options = CacheOptions {
            memory_bytes,
            patience: Duration::from_millis(200),
        };
        let cache = Cache::new(&options, Arc::clone(&clock) as Arc<dyn Clock>);
        let mut policy = CachePolicy::default();
        change(&mut policy);
        let rules = cache.rules(&policy, "www.example", "site").unwrap().unwrap();
        Self {
            cache,
            rules,
            origin: Scripted::default(),
            clock,
        }
    }

    pub(super) fn rules(&self, site: &str, change: impl FnOnce(&mut CachePolicy)) -> Arc<Rules> {
        let mut policy = CachePolicy::default();
        change(&mut policy);
        self.cache.rules(&policy, "www.example", site).unwrap().unwrap()
    }

    pub(super) fn pass(&self, seconds: u64) {
        self.clock.0.fetch_add(seconds * 1000, SeqCst);
    }

    /// Sends a request; the answer comes once the origin's has.
    pub(super) fn send(&self, request: &str, lines: &str) -> tokio::task::JoinHandle<Got> {
        self.send_by(&self.rules, request, lines)
    }

    pub(super) fn send_by(&self, rules: &Arc<Rules>, request: &str, lines: &str) -> tokio::task::JoinHandle<Got> {
        let (method, target) = request.split_once(' ').unwrap();
        let mut made = Request::builder().method(method).uri(target).body(()).unwrap();
        *made.headers_mut() = fields(lines);
        let (cache, rules, origin) = (Arc::clone(&self.cache), Arc::clone(rules), self.origin.clone());
        tokio::task::spawn_local(async move { ask(&cache, &rules, &origin, made.into_parts().0).await })
    }

    /// The next request that comes to the origin.
    pub(super) async fn asked(&self) -> Waiting {
        for _ in 0..10_000 {
            if let Some(waiting) = self.origin.0.borrow_mut().pop_front() {
                return waiting;
            }
            tokio::task::yield_now().await;
        }
        panic!("nothing came to the origin");
    }

    pub(super) fn origin_next(&self) -> Option<Waiting> {
        self.origin.0.borrow_mut().pop_front()
    }

    /// Whether nothing waits at the origin once everything has run that could.
    pub(super) async fn is_quiet(&self) -> bool {
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        self.origin.0.borrow().is_empty()
    }

    /// A request for which the origin must be asked, and its answer.
    pub(super) async fn miss(&self, request: &str, asked: &str, answer: &str, body: &str) -> Got {
        let got = self.send(request, asked);
        self.asked().await.answer(200, answer, body);
        got.await.unwrap()
    }

    /// A request for which nobody asks the origin.
    pub(super) async fn kept(&self, request: &str, asked: &str) -> Got {
        let got = self.send(request, asked);
        assert!(self.is_quiet().await, "{request} came to the origin");
        got.await.unwrap()
    }

    pub(super) fn purge(&self, what: crate::PurgeWhat, soft: bool) {
        let purge = crate::Purge {
            site: "site".to_owned(),
            what,
            soft,
        };
        self.cache.purge(&purge, Some(&self.rules));
    }
}

async fn ask(cache: &Arc<Cache>, rules: &Arc<Rules>, origin: &Scripted, parts: Parts) -> Got {
    let asked = Asked {
        parts: &parts,
        authority: "www.example",
        https: true,
        has_body: false,
    };
    let (response, passed) = match respond(cache, rules, &asked, || origin.clone()).await {
        Outcome::Answer(response) => (response, false),
        Outcome::Pass(passing) => {
            let mut sent = parts.clone();
            passing.prepare(rules, &mut sent);
            let mut response = origin.fetch(sent).await.map(Answer::Origin);
            let status = response.status();
            cache.passed(rules, &asked, &passing, status, response.headers_mut());
            (response, true)
        }
    };
    let (head, body) = response.into_parts();
    let body = match body {
        Answer::Empty => Some(Bytes::new()),
        Answer::Full(bytes) => Some(bytes),
        Answer::Cached(body) => body.collect().await.ok().map(http_body_util::Collected::to_bytes),
        Answer::Origin(body) => body.collect().await.ok().map(http_body_util::Collected::to_bytes),
    };
    Got {
        status: head.status.as_u16(),
        headers: head.headers,
        body: body.map(|body| String::from_utf8_lossy(&body).into_owned()),
        passed,
    }
}

pub(super) fn run(future: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, future);
}
