//! What RFC 9111 says about one answer: whether it may be kept, for how long, and what it is good for afterwards. Pure
//! functions over heads and times; the answers are read once, when they are kept.

use std::time::{Duration, SystemTime};

use http::header::{self, HeaderName};
use http::{HeaderMap, HeaderValue, StatusCode};

use super::config::{Rules, SetCookie};
use super::directives::{Directives, MAX_DELTA, delta, members};

/// The longest time that a guess at freshness may reach.
const HEURISTIC_MAX: Duration = Duration::from_secs(24 * 3600);

/// When the request left and the answer's head came.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    pub(crate) sent: SystemTime,
    pub(crate) received: SystemTime,
}

/// On what conditions a kept answer is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Terms {
    /// Freshness lifetime.
    pub(crate) lifetime: Duration,
    /// Age when it came (RFC 9111 §4.2.3), and when that was.
    pub(crate) initial_age: Duration,
    pub(crate) received: SystemTime,
    /// Whether the origin named the lifetime, and did not leave it to us.
    pub(crate) explicit: bool,
    /// Never without asking.
    pub(crate) always_ask: bool,
    pub(crate) while_revalidate: Duration,
    pub(crate) if_error: Duration,
    /// Whether requests with credentials may be answered with it.
    pub(crate) for_authorized: bool,
    /// `no-cache="field"`.
    pub(crate) omit: Vec<HeaderName>,
}

/// What a kept answer is at some time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Freshness {
    /// For so long.
    Fresh(Duration),
    Stale {
        /// For so long.
        by: Duration,
        /// May be served while somebody asks again.
        while_revalidate: bool,
        /// May be served when the origin fails.
        if_error: bool,
    },
}

impl Terms {
    /// RFC 9111 §4.2.3.
    pub(crate) fn age(&self, now: SystemTime) -> Duration {
        self.initial_age + now.duration_since(self.received).unwrap_or_default()
    }

    pub(crate) fn freshness(&self, now: SystemTime) -> Freshness {
        let age = self.age(now);
        match self.lifetime.checked_sub(age) {
            Some(left) if !left.is_zero() && !self.always_ask => Freshness::Fresh(left),
            left => {
                let by = left.map_or_else(|| age - self.lifetime, |_| Duration::ZERO);
                Freshness::Stale {
                    by,
                    while_revalidate: by < self.while_revalidate,
                    if_error: by < self.if_error,
                }
            }
        }
    }

    /// Whether it is of no use any more, unless the origin can be asked about it.
    pub(crate) fn is_spent(&self, now: SystemTime) -> bool {
        self.age(now) >= self.lifetime + self.while_revalidate.max(self.if_error)
    }
}

/// Why an answer is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Asking again may well give something that is kept: a failure.
    Failure,
    /// It will be so the next time, too.
    Uncacheable,
}

/// Whether a shared cache keeps the answer to a `GET` (RFC 9111 §3).
///
/// `request` is what was sent to the origin.
pub(crate) fn judge(
    rules: &Rules,
    request: &HeaderMap,
    status: StatusCode,
    headers: &HeaderMap,
    times: Times,
) -> Result<Terms, Refusal> {
    let said = Directives::read(headers);
    let refusal = if status.is_server_error() {
        Refusal::Failure
    } else {
        Refusal::Uncacheable
    };
    // Partial and interim answers are not complete ones; 304 answers a question nobody asked.
    let partial = status == StatusCode::PARTIAL_CONTENT || status == StatusCode::NOT_MODIFIED;
    if partial || status.is_informational() || varies_on_everything(headers) || said.private {
        return Err(refusal);
    }
    // §5.2.2.3: who understands the status may overlook a `no-store` that stands for those who do not.
    if (said.must_understand && !is_understood(status)) || (said.no_store && !said.must_understand) {
        return Err(refusal);
    }
    let authorized = request.contains_key(header::AUTHORIZATION);
    if authorized && !said.shares_authorized() {
        return Err(refusal);
    }
    if rules.set_cookie == SetCookie::Pass && headers.contains_key(header::SET_COOKIE) {
        return Err(refusal);
    }
    let (lifetime, explicit) = match explicit_lifetime(&said, headers, times) {
        Some(lifetime) => (lifetime, true),
        None => (implicit_lifetime(rules, &said, status, headers, times), false),
    };
    // What the origin did not declare the same for all is not kept when it knew who asked.
    if !explicit && request.contains_key(header::COOKIE) {
        return Err(refusal);
    }
    let pragma = !said.present && has_no_cache_pragma(headers);
    let always_ask = said.no_cache || (pragma && !explicit);
    let may_be_stale = !(said.must_revalidate || said.s_maxage.is_some() || always_ask);
    let seconds = |said: Option<u32>, default: u32| {
        let seconds = if may_be_stale { said.unwrap_or(default) } else { 0 };
        Duration::from_secs(seconds.into())
    };
    let terms = Terms {
        lifetime: lifetime.min(Duration::from_secs(rules.max_ttl.into())),
        initial_age: initial_age(headers, times),
        received: times.received,
        explicit,
        always_ask,
        while_revalidate: seconds(said.stale_while_revalidate, rules.stale_while_revalidate),
        if_error: seconds(said.stale_if_error, rules.stale_if_error),
        for_authorized: said.shares_authorized(),
        omit: said.no_cache_fields,
    };
    let validated = headers.contains_key(header::ETAG) || headers.contains_key(header::LAST_MODIFIED);
    if terms.is_spent(times.received) && (!validated || status != StatusCode::OK) {
        return Err(refusal);
    }
    if terms.always_ask && !validated {
        return Err(refusal);
    }
    Ok(terms)
}

/// RFC 9111 §4.2.1.
fn explicit_lifetime(said: &Directives, headers: &HeaderMap, times: Times) -> Option<Duration> {
    let seconds = |seconds: u32| Duration::from_secs(seconds.into());
    if let Some(age) = said.s_maxage.or(said.max_age) {
        return Some(seconds(age));
    }
    if said.targeted {
        return None;
    }
    let mut lines = headers.get_all(header::EXPIRES).iter();
    let first = lines.next()?;
    // Two different ends, or one that is no date, are in the past (§5.3).
    let end = if lines.any(|line| line != first) {
        None
    } else {
        http_date(first)
    };
    let date = headers.get(header::DATE).and_then(http_date).unwrap_or(times.received);
    Some(end.and_then(|end| end.duration_since(date).ok()).unwrap_or_default())
}

/// RFC 9111 §4.2.2, and what the site's rules say.
fn implicit_lifetime(
    rules: &Rules,
    said: &Directives,
    status: StatusCode,
    headers: &HeaderMap,
    times: Times,
) -> Duration {
    if said.no_cache || said.no_store {
        return Duration::ZERO;
    }
    if let Some(seconds) = rules.status_ttl(status) {
        return Duration::from_secs(seconds.into());
    }
    let by_default = matches!(
        status.as_u16(),
        200 | 203 | 204 | 300 | 301 | 308 | 404 | 405 | 410 | 414 | 501
    );
    if !rules.heuristic || !(by_default || said.public) {
        return Duration::ZERO;
    }
    let date = headers.get(header::DATE).and_then(http_date).unwrap_or(times.received);
    let modified = headers.get(header::LAST_MODIFIED).and_then(http_date);
    let unchanged = modified.and_then(|modified| date.duration_since(modified).ok());
    unchanged.map_or(Duration::ZERO, |unchanged| (unchanged / 10).min(HEURISTIC_MAX))
}

/// RFC 9111 §4.2.3.
fn initial_age(headers: &HeaderMap, times: Times) -> Duration {
    let apparent = headers
        .get(header::DATE)
        .and_then(http_date)
        .and_then(|date| times.received.duration_since(date).ok())
        // Dates have whole seconds: less than one is no age.
        .map_or(0, |age| age.as_secs());
    let delay = times.received.duration_since(times.sent).unwrap_or_default();
    Duration::from_secs(apparent).max(Duration::from_secs(age_field(headers).into()) + delay)
}

/// The first member; one that is no number is no age (RFC 9111 §5.1).
fn age_field(headers: &HeaderMap) -> u32 {
    let first = headers
        .get(header::AGE)
        .and_then(|line| members(line.as_bytes(), b',').next());
    first.and_then(delta).unwrap_or(0).min(MAX_DELTA)
}

/// By the client itself, too: the edge writes these fields anew for each, and no two need be alike.
const CLIENTS: [&str; 6] = [
    "forwarded",
    "true-client-ip",
    "via",
    "x-client-ip",
    "x-forwarded-for",
    "x-real-ip",
];

fn varies_on_everything(headers: &HeaderMap) -> bool {
    let is_client = |name: &[u8]| CLIENTS.iter().any(|of| name.eq_ignore_ascii_case(of.as_bytes()));
    headers
        .get_all(header::VARY)
        .iter()
        .any(|line| members(line.as_bytes(), b',').any(|name| name == b"*" || is_client(name)))
}

fn has_no_cache_pragma(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(header::PRAGMA).iter();
    lines
        .flat_map(|line| members(line.as_bytes(), b','))
        .any(|member| member.eq_ignore_ascii_case(b"no-cache"))
}

/// The final status codes of RFC 9110 §15, and those registered since.
fn is_understood(status: StatusCode) -> bool {
    status.canonical_reason().is_some()
}

/// An HTTP date (RFC 9110 §5.6.7) in any of its three forms. Names of days, months and the zone may be in any case;
/// everything else is exact.
pub(crate) fn http_date(value: &HeaderValue) -> Option<SystemTime> {
    let text = value.to_str().ok()?;
    if let Ok(date) = httpdate::parse_http_date(text) {
        return Some(date);
    }
    let mut start = true;
    let mut proper: String = text
        .chars()
        .map(|char| {
            let first = std::mem::replace(&mut start, !char.is_ascii_alphabetic());
            if first {
                char.to_ascii_uppercase()
            } else {
                char.to_ascii_lowercase()
            }
        })
        .collect();
    if proper.ends_with(" Gmt") {
        proper.truncate(proper.len() - 3);
        proper.push_str("GMT");
    }
    httpdate::parse_http_date(&proper).ok()
}
