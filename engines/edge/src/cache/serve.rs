//! From what is kept to an answer for one request: conditions, ranges, age, and where it came from.

use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use http::header::{self, HeaderName};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};

use super::body::CacheBody;
use super::config::Rules;
use super::fill::Ticket;
use super::object::{Head, Object};
use super::policy::{Freshness, http_date};
use crate::files::conditional::{Decision, select, tags};

pub(crate) const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");

/// The body of an answer.
#[derive(Debug)]
pub(crate) enum Answer<B> {
    Empty,
    /// All of a small one.
    Full(Bytes),
    Cached(Box<CacheBody>),
    /// Not from the cache.
    Origin(B),
}

/// Where an answer comes from (RFC 9211 §2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    Hit,
    /// Waited for another's.
    Collapsed,
    /// The origin was asked; this was its status where it is worth telling.
    Miss,
    Revalidated,
}

enum Bytewise {
    Whole(Arc<Object>),
    Flowing(Ticket),
}

pub(crate) fn whole<B>(
    rules: &Rules,
    object: Arc<Object>,
    request: &Parts,
    now: SystemTime,
    how: How,
) -> Response<Answer<B>> {
    let head = Arc::clone(&object.head);
    serve(rules, &head, Bytewise::Whole(object), request, now, how)
}

pub(crate) fn flowing<B>(
    rules: &Rules,
    head: &Head,
    ticket: Ticket,
    request: &Parts,
    now: SystemTime,
    how: How,
) -> Response<Answer<B>> {
    serve(rules, head, Bytewise::Flowing(ticket), request, now, how)
}

fn serve<B>(
    rules: &Rules,
    head: &Head,
    body: Bytewise,
    request: &Parts,
    now: SystemTime,
    how: How,
) -> Response<Answer<B>> {
    let decision = decide(head, request);
    let mut response = Response::new(Answer::Empty);
    *response.status_mut() = head.status;
    let mut headers = head.headers.clone();
    let (first, length) = match decision {
        Decision::Part { first, length } => (first, Some(length)),
        _ => (0, head.length),
    };
    match decision {
        Decision::NotModified => {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            for name in [
                header::CONTENT_LENGTH,
                header::CONTENT_TYPE,
                header::CONTENT_ENCODING,
                header::CONTENT_RANGE,
                header::CONTENT_LANGUAGE,
            ] {
                headers.remove(name);
            }
        }
        Decision::OutOfRange => {
            *response.status_mut() = StatusCode::RANGE_NOT_SATISFIABLE;
            headers.remove(header::CONTENT_TYPE);
            headers.remove(header::CONTENT_ENCODING);
            headers.insert(header::CONTENT_LENGTH, 0.into());
            content_range(&mut headers, "*", head.length.unwrap_or_default());
        }
        Decision::Part { first, length } => {
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
            headers.insert(header::CONTENT_LENGTH, length.into());
            let range = format!("{first}-{}", first + length - 1);
            content_range(&mut headers, &range, head.length.unwrap_or_default());
        }
        Decision::Full | Decision::Failed => {}
    }
    let has_body = matches!(decision, Decision::Full | Decision::Part { .. }) && request.method != Method::HEAD;
    if has_body {
        if how != How::Miss {
            rules.site.counters.saved_bytes.add(length.unwrap_or_default());
        }
        *response.body_mut() = match body {
            Bytewise::Whole(object) => match &object.pieces[..] {
                [] => Answer::Empty,
                [only] if first == 0 && length == Some(only.len() as u64) => Answer::Full(only.clone()),
                _ => Answer::Cached(Box::new(CacheBody::whole(object, first, length.unwrap_or_default()))),
            },
            Bytewise::Flowing(ticket) => Answer::Cached(Box::new(CacheBody::flowing(ticket, first, length))),
        };
    }
    headers.insert(header::AGE, head.terms.age(now).as_secs().into());
    if rules.status_field {
        status_field(&mut headers, head, now, how);
    }
    *response.headers_mut() = headers;
    response
}

fn content_range(headers: &mut HeaderMap, range: &str, length: u64) {
    if let Ok(value) = HeaderValue::try_from(format!("bytes {range}/{length}")) {
        headers.insert(header::CONTENT_RANGE, value);
    }
}

fn status_field(headers: &mut HeaderMap, head: &Head, now: SystemTime, how: How) {
    let ttl = match head.terms.freshness(now) {
        Freshness::Fresh(left) => i128::from(left.as_secs()),
        Freshness::Stale { by, .. } => -i128::from(by.as_secs()),
    };
    let text = match how {
        How::Hit => format!("mpanel; hit; ttl={ttl}"),
        How::Collapsed => format!("mpanel; fwd=miss; collapsed; ttl={ttl}"),
        How::Miss => format!("mpanel; fwd=miss; stored; ttl={ttl}"),
        How::Revalidated => format!("mpanel; fwd=stale; fwd-status=304; ttl={ttl}"),
    };
    if let Ok(value) = HeaderValue::try_from(text) {
        headers.append(CACHE_STATUS, value);
    }
}

/// RFC 9110 §13.2.2 as far as caches go (RFC 9111 §4.3.2), then the range.
fn decide(head: &Head, request: &Parts) -> Decision {
    let (asked, kept) = (&request.headers, &head.headers);
    if !head.status.is_success() {
        return Decision::Full;
    }
    let time = |headers: &HeaderMap, name| headers.get(name).and_then(http_date);
    if asked.contains_key(header::IF_NONE_MATCH) {
        // Weakly: `W/` before either does not count.
        let etag = kept.get(header::ETAG).map(HeaderValue::as_bytes);
        let etag = etag.map(|etag| etag.strip_prefix(b"W/").unwrap_or(etag));
        let same = asked.get_all(header::IF_NONE_MATCH).iter().any(|list| {
            let list = list.as_bytes().trim_ascii();
            list == b"*" || tags(list).any(|(_, tag)| Some(tag) == etag)
        });
        if same {
            return Decision::NotModified;
        }
    } else if let Some(since) = time(asked, header::IF_MODIFIED_SINCE) {
        let modified = time(kept, header::LAST_MODIFIED).or_else(|| time(kept, header::DATE));
        if modified.is_some_and(|modified| modified <= since) {
            return Decision::NotModified;
        }
    }
    match (asked.get(header::RANGE), head.length) {
        (Some(range), Some(length)) if request.method == Method::GET && head.status == StatusCode::OK => {
            if asked
                .get(header::IF_RANGE)
                .is_none_or(|condition| range_holds(condition, kept))
            {
                select(range, length)
            } else {
                Decision::Full
            }
        }
        _ => Decision::Full,
    }
}

/// RFC 9110 §13.1.5: a strong tag, or exactly the date of a change that is long over.
fn range_holds(condition: &HeaderValue, kept: &HeaderMap) -> bool {
    if condition.as_bytes().starts_with(b"\"") {
        return kept.get(header::ETAG) == Some(condition);
    }
    let date = |name| kept.get(name).and_then(http_date);
    match (date(header::LAST_MODIFIED), date(header::DATE), http_date(condition)) {
        (Some(modified), Some(date), Some(asked)) => {
            modified == asked && date.duration_since(modified).is_ok_and(|since| since.as_secs() >= 2)
        }
        _ => false,
    }
}
