//! What happens to a request: it is answered from memory, waits for an answer that is on its way, fetches one for
//! everybody, or passes to the origin.

use std::fmt::Display;
use std::future::Future;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderMap, Method, Response, header};
use http_body::Body;
use tokio::sync::oneshot;

use super::config::Rules;
use super::fetch::{Errand, Lease, Told};
use super::fill::{Failed, Fill, Opened, Ticket};
use super::key::{Key, has_conditions};
use super::object::Object;
use super::passing::{Passing, keep_to_us, say, share};
use super::policy::{Freshness, Terms};
use super::purge::{Belongs, Purged};
use super::serve::{Answer, How, flowing, whole};
use super::{Cache, fetch};

/// Where answers come from.
pub(crate) trait Origin: Clone + 'static {
    /// Comes as it is taken.
    type Body: Body<Data = Bytes, Error = Self::Error> + Unpin + 'static;
    /// Why it broke off.
    type Error: Display;

    /// Asks; the request has no body. A failure is an answer, too.
    fn fetch(&self, request: Parts) -> impl Future<Output = Response<Self::Body>> + 'static;
}

/// A request as the cache sees it.
pub(crate) struct Asked<'a> {
    pub(crate) parts: &'a Parts,
    /// `host[:port]`, normalised: what the origin is told.
    pub(crate) authority: &'a str,
    pub(crate) https: bool,
    pub(crate) has_body: bool,
}

/// What is to be done.
pub(crate) enum Outcome<B> {
    Answer(Response<Answer<B>>),
    /// The request goes to the origin as it is, and its answer through [`Cache::passed`].
    Pass(Passing),
}

/// How often a request looks again when what it waited for was not for it.
const ATTEMPTS: usize = 4;

/// Answers a request, or says that it passes.
pub(crate) async fn respond<O: Origin>(
    cache: &Arc<Cache>,
    rules: &Arc<Rules>,
    asked: &Asked<'_>,
    origin: impl FnOnce() -> O,
) -> Outcome<O::Body> {
    match at_once(cache, rules, asked) {
        Ok(outcome) => outcome,
        Err(later) => Box::pin(fetched(cache, rules, asked, &origin(), *later)).await,
    }
}

/// What is known of a request that memory alone does not answer.
struct Later {
    key: Key,
    target: PathAndQuery,
    path: String,
    stale: Option<Arc<Object>>,
}

/// The way without waiting: what is fresh in memory, and what the cache has no business with.
fn at_once<B>(cache: &Cache, rules: &Rules, asked: &Asked<'_>) -> Result<Outcome<B>, Box<Later>> {
    let parts = asked.parts;
    let passing = |passing: Passing| {
        rules.site.counters.passed.add(1);
        Ok(Outcome::Pass(passing))
    };
    let (key, path) = match classify(rules, asked) {
        Ok(found) => found,
        Err(why) => return passing(why),
    };
    let now = cache.clock.now();
    let mut stale = None;
    if let Some((object, verdict)) = cache.store.find(key.as_bytes(), &parts.headers) {
        let terms = &object.head.terms;
        if !suits(rules, &parts.headers, terms) {
            return passing(Passing::new("bypass"));
        }
        match terms.freshness(now) {
            Freshness::Fresh(_) if verdict == Purged::No => {
                rules.site.counters.hits.add(1);
                return Ok(Outcome::Answer(whole(rules, object, parts, now, How::Hit)));
            }
            _ => stale = Some(object),
        }
    }
    if parts.method == Method::HEAD {
        // With conditions of its own it is the client's affair.
        let stale = stale.filter(|_| !has_conditions(&parts.headers));
        return passing(Passing {
            kept: stale.zip(key.target()),
            ..Passing::new("method")
        });
    }
    let Some(target) = key.target() else {
        return passing(Passing::new("bypass"));
    };
    Err(Box::new(Later {
        key,
        target,
        path,
        stale,
    }))
}

async fn fetched<O: Origin>(
    cache: &Arc<Cache>,
    rules: &Arc<Rules>,
    asked: &Asked<'_>,
    origin: &O,
    later: Later,
) -> Outcome<O::Body> {
    let mut flow = Flow {
        cache,
        rules,
        asked,
        origin,
        key: later.key.as_bytes().into(),
        path: later.path,
        target: later.target,
        stale: later.stale,
    };
    if let Some(object) = flow.while_revalidate() {
        rules.site.counters.stale.add(1);
        return flow.whole(object, How::Hit);
    }
    flow.run().await
}

/// Whether an answer is for a request of somebody known: the origin said that it is for all.
fn suits(rules: &Rules, request: &HeaderMap, terms: &Terms) -> bool {
    let authorized = request.contains_key(header::AUTHORIZATION);
    let known = request.contains_key(header::COOKIE) && !rules.strip_cookies;
    (!authorized || terms.for_authorized) && (!known || terms.explicit)
}

/// The key and the decoded path, or why the request passes.
fn classify(rules: &Rules, asked: &Asked<'_>) -> Result<(Key, String), Passing> {
    let parts = asked.parts;
    if parts.method != Method::GET && parts.method != Method::HEAD {
        let safe = [Method::OPTIONS, Method::TRACE].contains(&parts.method)
            || ["PROPFIND", "REPORT", "SEARCH", "QUERY"].contains(&parts.method.as_str());
        return Err(Passing {
            changes: !safe,
            ..Passing::new("method")
        });
    }
    // A body could change the answer and is in no key; conditions on changes are the origin's affair.
    let other = asked.has_body
        || [header::UPGRADE, header::IF_MATCH, header::IF_UNMODIFIED_SINCE]
            .iter()
            .any(|name| parts.headers.contains_key(name));
    let raw = parts.uri.path();
    let Ok(path) = crate::path::normalise(raw) else {
        return Err(Passing::new("bypass"));
    };
    let path = format!("/{}", path.relative);
    if other || rules.bypasses(&path, &parts.headers) {
        return Err(Passing::new("bypass"));
    }
    let key = Key::new(rules, asked.https, asked.authority, raw, parts.uri.query());
    key.map(|key| (key, path)).ok_or(Passing::new("bypass"))
}

struct Flow<'a, O> {
    cache: &'a Arc<Cache>,
    rules: &'a Arc<Rules>,
    asked: &'a Asked<'a>,
    origin: &'a O,
    key: Arc<[u8]>,
    path: String,
    target: PathAndQuery,
    stale: Option<Arc<Object>>,
}

enum Entered {
    Kept(Arc<Object>),
    Join(Ticket),
    Lead(Lease, Ticket),
}

impl<O: Origin> Flow<'_, O> {
    /// The request for everybody.
    fn request(&self) -> Parts {
        let mut parts = self.asked.parts.clone();
        share(self.rules, &self.target, &mut parts);
        parts
    }

    /// Finds a place: behind one who asks already, or in front. Alone, nobody else may come behind.
    fn enter(&self, alone: bool) -> Entered {
        let request = &self.asked.parts.headers;
        let (cache, now) = (self.cache, cache_now(self.cache));
        let marked = cache.store.is_marked(&self.key, Instant::now());
        cache.store.at(&self.key, |slot| {
            if let Some((object, Purged::No)) = slot.find(request)
                && matches!(object.head.terms.freshness(now), Freshness::Fresh(_))
                && suits(self.rules, request, &object.head.terms)
            {
                return Entered::Kept(Arc::clone(object));
            }
            let alone = alone || marked;
            if !alone {
                let newest = slot.newest().map(|object| &**object);
                let mut fills = slot.fills.iter();
                let ticket = fills
                    .find(|fill| fill.is_for(request, newest, cache.patience))
                    .and_then(Ticket::take);
                if let Some(ticket) = ticket {
                    return Entered::Join(ticket);
                }
            }
            let born = cache.sequence.now();
            let belongs = Belongs::new(&self.rules.site, self.asked.authority, &self.path, born);
            let fill = Fill::new(request.clone(), belongs, !alone);
            slot.fills.push(Arc::clone(&fill));
            let ticket = Ticket::take(&fill).expect("nothing of a new fill is gone");
            Entered::Lead(Lease::new(cache, &self.key, fill), ticket)
        })
    }

    /// A stale answer that may be used at once; somebody asks for a new one in the background.
    fn while_revalidate(&mut self) -> Option<Arc<Object>> {
        let stale = self.stale.as_ref()?;
        let now = cache_now(self.cache);
        match stale.head.terms.freshness(now) {
            Freshness::Stale {
                while_revalidate: true, ..
            } => {}
            // Purged softly.
            Freshness::Fresh(_) if !stale.head.terms.while_revalidate.is_zero() => {}
            _ => return None,
        }
        let object = Arc::clone(stale);
        match self.enter(false) {
            Entered::Kept(newer) => return Some(newer),
            Entered::Join(_) => {}
            Entered::Lead(lease, ticket) => {
                drop(ticket);
                self.send(lease);
            }
        }
        Some(object)
    }

    fn send(&self, lease: Lease) -> oneshot::Receiver<Told<O::Body>> {
        let (tell, told) = oneshot::channel();
        let errand = Errand {
            cache: Arc::clone(self.cache),
            rules: Arc::clone(self.rules),
            lease,
            request: self.request(),
            stale: self.stale.clone(),
        };
        tokio::task::spawn_local(fetch::run(errand, self.origin.clone(), tell));
        told
    }

    async fn run(&mut self) -> Outcome<O::Body> {
        let counters = &self.rules.site.counters;
        let mut alone = false;
        for _ in 0..ATTEMPTS {
            match self.enter(alone) {
                Entered::Kept(object) => {
                    counters.hits.add(1);
                    return self.whole(object, How::Hit);
                }
                Entered::Join(ticket) => {
                    let opened = tokio::time::timeout(self.cache.patience, ticket.open()).await;
                    match opened {
                        // Too slow: who has waited long enough takes over, and others come behind.
                        Err(_) => ticket.close(),
                        Ok(Ok(opened)) => {
                            // What is to be asked for anew each time is for the one who asked.
                            alone = !self.is_fresh(&opened);
                            if !alone && let Some(answer) = self.joined(opened, ticket) {
                                counters.collapsed.add(1);
                                return answer;
                            }
                        }
                        Ok(Err(Failed::Uncacheable)) => alone = true,
                        Ok(Err(Failed::Broken)) => {
                            if let Some(answer) = self.in_need() {
                                return answer;
                            }
                            alone = true;
                        }
                    }
                }
                Entered::Lead(lease, ticket) => {
                    counters.misses.add(1);
                    return self.lead(lease, ticket).await;
                }
            }
        }
        counters.passed.add(1);
        Outcome::Pass(Passing::new("miss"))
    }

    async fn lead(&mut self, lease: Lease, ticket: Ticket) -> Outcome<O::Body> {
        let conditional = has_conditions(&self.asked.parts.headers);
        match self.send(lease).await {
            Ok(Told::Begun) => match ticket.open().await {
                Ok(opened) => self.opened(opened, ticket, How::Miss),
                Err(_) => Outcome::Pass(Passing::new("miss")),
            },
            Ok(Told::Unchanged(object)) => self.whole(object, How::Revalidated),
            Ok(Told::Failing) => match self.in_need() {
                Some(answer) => answer,
                None => Outcome::Pass(Passing::new("stale")),
            },
            // The answer is for this request, as long as it was this request that was sent.
            Ok(Told::Uncacheable(_)) if conditional => Outcome::Pass(Passing::new("miss")),
            Ok(Told::Uncacheable(response)) => {
                let mut response = response.map(Answer::Origin);
                keep_to_us(response.headers_mut());
                say(self.rules, response.headers_mut(), "uri-miss");
                Outcome::Answer(response)
            }
            Err(_) => Outcome::Pass(Passing::new("miss")),
        }
    }

    /// A stale answer where the origin fails, if the origin allowed that.
    fn in_need(&self) -> Option<Outcome<O::Body>> {
        let stale = self.stale.as_ref()?;
        let allowed = match stale.head.terms.freshness(cache_now(self.cache)) {
            Freshness::Stale { if_error, .. } => if_error,
            Freshness::Fresh(_) => true,
        };
        if !allowed {
            return None;
        }
        self.rules.site.counters.stale.add(1);
        Some(self.whole(Arc::clone(stale), How::Hit))
    }

    fn is_fresh(&self, opened: &Opened) -> bool {
        let terms = &opened.head().terms;
        matches!(terms.freshness(cache_now(self.cache)), Freshness::Fresh(_))
    }

    /// `None` when what another one asked for is not what this request gets.
    fn joined(&self, opened: Opened, ticket: Ticket) -> Option<Outcome<O::Body>> {
        let head = opened.head();
        let request = &self.asked.parts.headers;
        if !suits(self.rules, request, &head.terms) || !head.variant.matches(request) {
            return None;
        }
        Some(self.opened(opened, ticket, How::Collapsed))
    }

    fn opened(&self, opened: Opened, ticket: Ticket, how: How) -> Outcome<O::Body> {
        match opened {
            Opened::Whole(object) => self.whole(object, how),
            Opened::Flowing(head) => {
                let now = cache_now(self.cache);
                Outcome::Answer(flowing(self.rules, &head, ticket, self.asked.parts, now, how))
            }
        }
    }

    fn whole(&self, object: Arc<Object>, how: How) -> Outcome<O::Body> {
        let now = cache_now(self.cache);
        Outcome::Answer(whole(self.rules, object, self.asked.parts, now, how))
    }
}

fn cache_now(cache: &Cache) -> std::time::SystemTime {
    cache.clock.now()
}
