//! Asking the origin on behalf of everybody. This runs beside the request that caused it, so that the others do not
//! depend on that one's patience.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Response, StatusCode, header};
use http_body::Body;
use tokio::sync::oneshot;

use super::Cache;
use super::config::Rules;
use super::fill::{Failed, Fill};
use super::flow::Origin;
use super::key::Variant;
use super::object::{Head, Object, joined};
use super::policy::{Freshness, Refusal, Times, judge};
use super::purge::{Belongs, Purged, tags};

/// How long an answer is fetched on when nobody wants it any more.
const DESERTED: Duration = Duration::from_secs(30);
/// Without a byte from the origin.
const STALL: Duration = Duration::from_secs(60);
/// Bytes of a head that are kept.
const MAX_HEAD: usize = 64 * 1024;

/// The right to ask for an address, which ends with it.
pub(crate) struct Lease {
    cache: Arc<Cache>,
    key: Arc<[u8]>,
    fill: Arc<Fill>,
}

impl Lease {
    pub(crate) fn new(cache: &Arc<Cache>, key: &Arc<[u8]>, fill: Arc<Fill>) -> Self {
        Self {
            cache: Arc::clone(cache),
            key: Arc::clone(key),
            fill,
        }
    }

    /// Keeps an answer and gives it to all who wait.
    fn settle(&self, object: &Arc<Object>) {
        self.cache.store.settle(&self.key, &self.fill, Some(object));
        self.fill.finish(object);
    }

    /// There is nothing for those who wait.
    fn give_up(&self, why: Failed) {
        self.cache.store.settle(&self.key, &self.fill, None);
        self.fill.fail(why);
    }
}

impl Drop for Lease {
    /// Also when the thread goes down with its tasks: nobody waits for what nobody fetches.
    fn drop(&mut self) {
        self.give_up(Failed::Broken);
    }
}

/// What the one who asked gets.
pub(crate) enum Told<B> {
    /// What all get.
    Begun,
    /// What was kept is still true.
    Unchanged(Arc<Object>),
    /// An answer for this request only.
    Uncacheable(Response<B>),
    /// No answer worth having, but a stale one that may be used.
    Failing,
}

pub(crate) struct Errand {
    pub(crate) cache: Arc<Cache>,
    pub(crate) rules: Arc<Rules>,
    pub(crate) lease: Lease,
    pub(crate) request: Parts,
    pub(crate) stale: Option<Arc<Object>>,
}

pub(crate) async fn run<O: Origin>(errand: Errand, origin: O, tell: oneshot::Sender<Told<O::Body>>) {
    let Errand {
        cache,
        rules,
        lease,
        mut request,
        stale,
    } = errand;
    let sent = cache.clock.now();
    let asked = request.headers.clone();
    let validated = stale.filter(|stale| stale.head.is_validated() && stale.head.status == StatusCode::OK);
    let old = validated.as_ref();
    if let Some(old) = old {
        let fields = [
            (header::ETAG, header::IF_NONE_MATCH),
            (header::LAST_MODIFIED, header::IF_MODIFIED_SINCE),
        ];
        for (validator, condition) in fields {
            if let Some(value) = old.head.headers.get(validator) {
                request.headers.insert(condition, value.clone());
            }
        }
    }
    let response = origin.fetch(request).await;
    let times = Times {
        sent,
        received: cache.clock.now(),
    };
    let status = response.status();
    if let Some(old) = old.filter(|_| status == StatusCode::NOT_MODIFIED) {
        rules.site.counters.revalidated.add(1);
        return match renewed(&rules, old, &asked, response.headers(), times, &lease.fill.belongs()) {
            Ok(object) => {
                lease.settle(&object);
                // Who asked may be gone.
                let _ = tell.send(Told::Unchanged(object));
            }
            Err(_) => {
                old.leave();
                // Still true, but not for long: only who asked gets it.
                lease.give_up(Failed::Uncacheable);
                let _ = tell.send(Told::Unchanged(Arc::clone(old)));
            }
        };
    }
    let failing = matches!(status.as_u16(), 500 | 502 | 503 | 504);
    if failing
        && let Some(old) = &old
        && may_stand_in(old, times)
    {
        lease.give_up(Failed::Broken);
        let _ = tell.send(Told::Failing);
        return;
    }
    keep(&cache, &rules, lease, &asked, times, response, tell).await;
}

fn may_stand_in(old: &Object, times: Times) -> bool {
    match old.head.terms.freshness(times.received) {
        Freshness::Stale { if_error, .. } => if_error,
        Freshness::Fresh(_) => true,
    }
}

async fn keep<B>(
    cache: &Cache,
    rules: &Rules,
    lease: Lease,
    asked: &HeaderMap,
    times: Times,
    response: Response<B>,
    tell: oneshot::Sender<Told<B>>,
) where
    B: Body<Data = Bytes> + Unpin,
{
    let (status, headers) = (response.status(), response.headers());
    let length = response.body().size_hint().exact();
    let fits = |length: u64| length <= rules.max_object_bytes && rules.group.takes(length);
    let head = judge(rules, asked, status, headers, times)
        .and_then(|terms| Ok((terms, tags(headers).ok_or(Refusal::Uncacheable)?)))
        .and_then(|(terms, tags)| {
            let variant = Variant::new(rules, headers, asked);
            let head = Head::new(rules, status, headers.clone(), terms, variant, length);
            let small = head.weight() <= MAX_HEAD && length.is_none_or(fits);
            small.then_some((head, tags)).ok_or(Refusal::Uncacheable)
        });
    let (head, tags) = match head {
        Ok(head) => head,
        Err(refusal) => {
            if refusal == Refusal::Uncacheable {
                cache.store.mark(&lease.key, Instant::now());
                lease.give_up(Failed::Uncacheable);
            } else {
                lease.give_up(Failed::Broken);
            }
            // Who asked may be gone; then the origin need not go on.
            let _ = tell.send(Told::Uncacheable(response));
            return;
        }
    };
    let head = Arc::new(head);
    let belongs = lease.fill.belongs().tagged(&tags);
    lease.fill.begin(Arc::clone(&head), belongs.clone());
    let _ = tell.send(Told::Begun);
    let mut held = Held { rules, bytes: 0 };
    if flow(&lease, &mut held, response.into_body()).await {
        match lease.fill.pieces() {
            Some(pieces) => {
                let object = Object::new(
                    Arc::clone(&lease.key),
                    head,
                    joined(pieces),
                    belongs,
                    Arc::clone(&rules.group),
                );
                lease.settle(&object);
            }
            None => {
                cache.store.mark(&lease.key, Instant::now());
                lease.fill.end();
            }
        }
    }
}

/// Memory taken for a body on its way.
struct Held<'a> {
    rules: &'a Rules,
    bytes: u64,
}

impl Held<'_> {
    fn take(&mut self, bytes: u64) -> bool {
        let fits = self.bytes + bytes <= self.rules.max_object_bytes
            && self.rules.group.takes(self.bytes + bytes)
            && self.rules.group.reserve(bytes);
        if fits {
            self.bytes += bytes;
        }
        fits
    }

    /// Gives back what is more than this.
    fn shrink(&mut self, to: u64) {
        let over = self.bytes.saturating_sub(to);
        self.bytes -= over;
        self.rules.group.release(over);
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.shrink(0);
    }
}

/// Passes the body on piece by piece. `false` when it broke off or nobody wants it.
async fn flow<B>(lease: &Lease, held: &mut Held<'_>, mut body: B) -> bool
where
    B: Body<Data = Bytes> + Unpin,
{
    let fill = &lease.fill;
    let mut keep = true;
    loop {
        let next = std::future::poll_fn(|cx| std::pin::Pin::new(&mut body).poll_frame(cx));
        let Ok(frame) = tokio::time::timeout(STALL, next).await else {
            return false;
        };
        let data = match frame {
            None => return true,
            Some(Err(_)) => return false,
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) => data,
                // Trailers are not kept.
                Err(_) => continue,
            },
        };
        if keep && !held.take(data.len() as u64) {
            keep = false;
        }
        // A copy: the piece may be part of a larger buffer, which it would keep.
        fill.push(Bytes::copy_from_slice(&data), keep);
        if !keep {
            if !fill.room().await {
                return false;
            }
            // What its readers have not had yet is still there.
            held.shrink(fill.held());
        } else if fill.deserted().is_some_and(|since| since > DESERTED) {
            return false;
        }
    }
}

/// What was kept, with what a 304 or a `HEAD` says now.
fn renewed(
    rules: &Rules,
    old: &Arc<Object>,
    asked: &HeaderMap,
    newer: &HeaderMap,
    times: Times,
    now: &Belongs,
) -> Result<Arc<Object>, Refusal> {
    let headers = old.head.updated(newer);
    let terms = judge(rules, asked, old.head.status, &headers, times)?;
    let tags = tags(newer).ok_or(Refusal::Uncacheable)?;
    let variant = Variant::new(rules, &headers, asked);
    let head = Head::new(rules, old.head.status, headers, terms, variant, old.head.length);
    Ok(Object::new(
        Arc::clone(&old.key),
        Arc::new(head),
        old.pieces.clone(),
        old.belongs.reborn(now, &tags),
        Arc::clone(&old.group),
    ))
}

/// What an answer to `HEAD` says about what is kept (RFC 9111 §4.3.5).
pub(crate) fn freshen(
    cache: &Cache,
    rules: &Rules,
    old: &Arc<Object>,
    asked: &HeaderMap,
    newer: &HeaderMap,
    times: Times,
) {
    let same = [header::ETAG, header::LAST_MODIFIED, header::CONTENT_LENGTH]
        .iter()
        .all(|name| {
            newer
                .get(name)
                .is_none_or(|value| old.head.headers.get(name) == Some(value))
        });
    if !same {
        return old.outdate();
    }
    // Its own birth: a HEAD that was sent before a purge tells nothing about the time after it.
    if let Ok(object) = renewed(rules, old, asked, newer, times, &old.belongs) {
        if old.verdict() == Purged::Stale {
            object.outdate();
        }
        cache.store.replace(old, &object);
    }
}
