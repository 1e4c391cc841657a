//! What is kept of one answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering::AcqRel, Ordering::Acquire, Ordering::Relaxed};

use bytes::{Bytes, BytesMut};
use http::header::{self, HeaderName};
use http::{HeaderMap, HeaderValue, StatusCode};

use super::config::{Rules, SetCookie};
use super::directives::{Directives, MPANEL, SURROGATE};
use super::group::Group;
use super::key::Variant;
use super::policy::Terms;
use super::purge::{Belongs, Purged};

/// Pieces of a body that are smaller are joined once it is whole.
const PIECE: usize = 64 * 1024;
/// What an answer takes besides its own bytes, roughly.
const OVERHEAD: usize = 768;

/// An answer without its body.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    pub(crate) status: StatusCode,
    /// As they are sent, apart from `Age` and `Cache-Status`.
    pub(crate) headers: HeaderMap,
    pub(crate) terms: Terms,
    pub(crate) variant: Variant,
    /// `None` while nobody knows.
    pub(crate) length: Option<u64>,
}

/// Fields that belong to a connection or to this cache (RFC 9111 §3.1), and what is said anew in each answer.
const NOT_KEPT: [HeaderName; 15] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::PROXY_AUTHENTICATE,
    HeaderName::from_static("proxy-authentication-info"),
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::AGE,
    MPANEL,
    SURROGATE,
    HeaderName::from_static("surrogate-key"),
    HeaderName::from_static("cache-tag"),
];

/// Fields that a 304 does not change, because they describe the bytes that are kept (RFC 9111 §3.2).
const OF_THE_BODY: [HeaderName; 3] = [header::CONTENT_LENGTH, header::CONTENT_ENCODING, header::CONTENT_RANGE];

impl Head {
    pub(crate) fn new(
        rules: &Rules,
        status: StatusCode,
        mut headers: HeaderMap,
        terms: Terms,
        variant: Variant,
        length: Option<u64>,
    ) -> Self {
        clean(rules, &mut headers);
        // RFC 9110 §6.6.1: who receives an answer without a date gives it one.
        if !headers.contains_key(header::DATE)
            && let Ok(date) = HeaderValue::try_from(httpdate::fmt_http_date(terms.received))
        {
            headers.insert(header::DATE, date);
        }
        let mut head = Self {
            status,
            headers,
            terms,
            variant,
            length: None,
        };
        if let Some(length) = length {
            head.set_length(length);
        }
        head
    }

    fn set_length(&mut self, length: u64) {
        self.length = Some(length);
        if self.status != StatusCode::NO_CONTENT {
            self.headers.insert(header::CONTENT_LENGTH, length.into());
        }
    }

    /// The head of the whole, once its length is known.
    pub(crate) fn with_length(mut self: Arc<Self>, length: u64) -> Arc<Self> {
        if self.length != Some(length) {
            Arc::make_mut(&mut self).set_length(length);
        }
        self
    }

    /// Fields as a newer 304 or an answer to `HEAD` has them (RFC 9111 §3.2).
    pub(crate) fn updated(&self, newer: &HeaderMap) -> HeaderMap {
        let mut fields = self.headers.clone();
        // What has no date came now.
        fields.remove(header::DATE);
        for name in newer.keys().filter(|name| !OF_THE_BODY.contains(name)) {
            fields.remove(name);
            for value in newer.get_all(name) {
                fields.append(name, value.clone());
            }
        }
        fields
    }

    pub(crate) fn is_validated(&self) -> bool {
        self.headers.contains_key(header::ETAG) || self.headers.contains_key(header::LAST_MODIFIED)
    }

    pub(crate) fn weight(&self) -> usize {
        let fields = self.headers.iter();
        let fields: usize = fields.map(|(name, value)| name.as_str().len() + value.len() + 64).sum();
        fields + self.variant.weight()
    }
}

fn clean(rules: &Rules, headers: &mut HeaderMap) {
    for name in &NOT_KEPT {
        headers.remove(name);
    }
    if rules.set_cookie == SetCookie::Strip {
        headers.remove(header::SET_COOKIE);
    }
    let said = Directives::read(headers);
    for name in said.private_fields.iter().chain(&said.no_cache_fields) {
        headers.remove(name);
    }
}

/// Where the store has an object.
const NOWHERE: u8 = 0;
pub(crate) const SMALL: u8 = 1;
pub(crate) const MAIN: u8 = 2;
const GONE: u8 = 3;

/// A whole answer in memory.
#[derive(Debug)]
pub(crate) struct Object {
    pub(crate) key: Arc<[u8]>,
    pub(crate) head: Arc<Head>,
    pub(crate) pieces: Vec<Bytes>,
    pub(crate) belongs: Belongs,
    pub(crate) weight: u64,
    pub(crate) group: Arc<Group>,
    /// Its address alone was purged softly, or a `HEAD` has shown it to be old.
    outdated: AtomicBool,
    /// Uses since it was last looked at for eviction, up to 3.
    used: AtomicU8,
    place: AtomicU8,
}

impl Object {
    pub(crate) fn new(
        key: Arc<[u8]>,
        head: Arc<Head>,
        pieces: Vec<Bytes>,
        belongs: Belongs,
        group: Arc<Group>,
    ) -> Arc<Self> {
        let body: usize = pieces.iter().map(Bytes::len).sum();
        let weight = (OVERHEAD + key.len() + body + pieces.len() * 32 + head.weight() + belongs.weight()) as u64;
        group.hold(weight);
        belongs.site.counters.held.add(1);
        belongs.site.counters.held_bytes.add(weight);
        Arc::new(Self {
            key,
            head: head.with_length(body as u64),
            pieces,
            belongs,
            weight,
            group,
            outdated: AtomicBool::new(false),
            used: AtomicU8::new(0),
            place: AtomicU8::new(NOWHERE),
        })
    }

    pub(crate) fn verdict(&self) -> Purged {
        match self.belongs.verdict() {
            Purged::No if self.outdated.load(Acquire) => Purged::Stale,
            verdict => verdict,
        }
    }

    pub(crate) fn outdate(&self) {
        self.outdated.store(true, Relaxed);
    }

    pub(crate) fn touch(&self) {
        let used = self.used.load(Relaxed);
        if used < 3 {
            self.used.store(used + 1, Relaxed);
        }
    }

    /// Takes one use; whether there was one.
    pub(crate) fn spend(&self) -> bool {
        let used = self.used.load(Relaxed);
        self.used.store(used.saturating_sub(1), Relaxed);
        used > 0
    }

    pub(crate) fn forget_uses(&self) {
        self.used.store(0, Relaxed);
    }

    /// Moves it, unless it is gone already; returns where it was.
    pub(crate) fn place(&self, to: u8) -> Option<u8> {
        self.place
            .fetch_update(AcqRel, Acquire, |from| (from != GONE).then_some(to))
            .ok()
    }

    /// Takes it out of its group's count, once.
    pub(crate) fn leave(&self) {
        if let Some(from) = self.place(GONE) {
            self.group.left(from, self.weight);
        }
    }

    pub(crate) fn is_gone(&self) -> bool {
        self.place.load(Acquire) == GONE
    }
}

impl Drop for Object {
    fn drop(&mut self) {
        self.leave();
        self.group.let_go(self.weight);
        self.belongs.site.counters.held.sub(1);
        self.belongs.site.counters.held_bytes.sub(self.weight);
    }
}

/// Joins small pieces, so that a small body is one and a large one has few.
pub(crate) fn joined(pieces: impl IntoIterator<Item = Bytes>) -> Vec<Bytes> {
    let mut out = Vec::new();
    let mut small: Vec<Bytes> = Vec::new();
    let mut bytes = 0;
    let mut flush = |small: &mut Vec<Bytes>, bytes: &mut usize| {
        match small.len() {
            0 => {}
            1 => out.extend(small.pop()),
            _ => {
                let mut whole = BytesMut::with_capacity(*bytes);
                small.drain(..).for_each(|piece| whole.extend_from_slice(&piece));
                out.push(whole.freeze());
            }
        }
        *bytes = 0;
    };
    for piece in pieces {
        if bytes + piece.len() > PIECE {
            flush(&mut small, &mut bytes);
        }
        bytes += piece.len();
        small.push(piece);
    }
    flush(&mut small, &mut bytes);
    out
}
