//! Conditional and range requests: RFC 9110 §13 and §14, for representations that have both validators.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderValue, Method, header};

/// What a representation is compared with.
pub(crate) struct Validators<'a> {
    /// A strong entity tag, quotes included.
    pub(crate) etag: &'a HeaderValue,
    /// Whole seconds.
    pub(crate) last_modified: SystemTime,
    pub(crate) length: u64,
    /// The present, which tells whether `last_modified` is old enough to be a strong validator.
    pub(crate) now: SystemTime,
}

/// What to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// 200 with everything.
    Full,
    /// 206: first byte and length.
    Part { first: u64, length: u64 },
    /// 304.
    NotModified,
    /// 412.
    Failed,
    /// 416.
    OutOfRange,
}

/// Whether a request has any field that [`decide`] looks at.
pub(crate) fn concerns(headers: &HeaderMap) -> bool {
    [
        header::IF_NONE_MATCH,
        header::IF_MODIFIED_SINCE,
        header::RANGE,
        header::IF_MATCH,
        header::IF_UNMODIFIED_SINCE,
    ]
    .iter()
    .any(|name| headers.contains_key(name))
}

/// Evaluates preconditions in the order of RFC 9110 §13.2.2, then the range.
pub(crate) fn decide(method: &Method, headers: &HeaderMap, validators: &Validators<'_>) -> Decision {
    let reading = method == Method::GET || method == Method::HEAD;
    let time = |name| headers.get(name).and_then(http_date);

    if headers.contains_key(header::IF_MATCH) {
        if !matches_any(headers, &header::IF_MATCH, validators.etag, Comparison::Strong) {
            return Decision::Failed;
        }
    } else if time(header::IF_UNMODIFIED_SINCE).is_some_and(|limit| validators.last_modified > limit) {
        return Decision::Failed;
    }
    if headers.contains_key(header::IF_NONE_MATCH) {
        if matches_any(headers, &header::IF_NONE_MATCH, validators.etag, Comparison::Weak) {
            return if reading {
                Decision::NotModified
            } else {
                Decision::Failed
            };
        }
    } else if reading && time(header::IF_MODIFIED_SINCE).is_some_and(|since| validators.last_modified <= since) {
        return Decision::NotModified;
    }
    match headers.get(header::RANGE) {
        // A range is defined for GET only (§14.2).
        Some(range) if method == Method::GET && if_range_holds(headers, validators) => select(range, validators.length),
        _ => Decision::Full,
    }
}

enum Comparison {
    Strong,
    Weak,
}

fn matches_any(headers: &HeaderMap, name: &header::HeaderName, etag: &HeaderValue, how: Comparison) -> bool {
    headers.get_all(name).iter().any(|list| {
        let list = list.as_bytes().trim_ascii();
        list == b"*"
            || tags(list).any(|(weak, tag)| tag == etag.as_bytes() && (!weak || matches!(how, Comparison::Weak)))
    })
}

/// The entity tags of a list, each with its quotes. An opaque tag may contain commas, so quotes lead the way; whatever
/// follows a malformed tag is ignored.
pub(crate) fn tags(mut list: &[u8]) -> impl Iterator<Item = (bool, &[u8])> {
    std::iter::from_fn(move || {
        let start = list.iter().position(|byte| !matches!(byte, b' ' | b'\t' | b','))?;
        list = &list[start..];
        let weak = list.starts_with(b"W/");
        list = if weak { &list[2..] } else { list };
        let rest = list.strip_prefix(b"\"")?;
        let end = rest.iter().position(|byte| *byte == b'"')? + 2;
        let (tag, rest) = list.split_at(end);
        list = rest;
        Some((weak, tag))
    })
}

fn if_range_holds(headers: &HeaderMap, validators: &Validators<'_>) -> bool {
    match headers.get(header::IF_RANGE) {
        None => true,
        Some(value) if value.as_bytes().starts_with(b"\"") => value == validators.etag,
        // Weak tags never hold, and a date must match exactly and be strong (§13.1.5): a second change could have
        // happened within the second that `Last-Modified` shows, unless that second is long over (§8.8.2.2).
        Some(value) => {
            let settled = validators.last_modified + Duration::from_secs(2) <= validators.now;
            settled && http_date(value) == Some(validators.last_modified)
        }
    }
}

fn http_date(value: &HeaderValue) -> Option<SystemTime> {
    httpdate::parse_http_date(value.to_str().ok()?).ok()
}

/// Cuts a time to whole seconds, as `Last-Modified` shows it.
pub(crate) fn whole_seconds(time: SystemTime) -> SystemTime {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    SystemTime::UNIX_EPOCH + Duration::from_secs(since.as_secs())
}

/// Reads a `Range` field. Several ranges, other units and malformed fields are ignored, as §14.2 allows: the answer
/// is then the whole file, and nobody can make the server send a byte twice.
pub(crate) fn select(range: &HeaderValue, length: u64) -> Decision {
    let Ok(text) = range.to_str() else {
        return Decision::Full;
    };
    let Some((unit, spec)) = text.split_once('=') else {
        return Decision::Full;
    };
    let (spec, digits) = (spec.trim(), |text: &str| {
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
    });
    let Some((first, last)) = spec.split_once('-') else {
        return Decision::Full;
    };
    if !unit.eq_ignore_ascii_case("bytes") || spec.contains(',') {
        return Decision::Full;
    }
    // A number too large for u64 is beyond any file.
    let number = |text: &str| text.parse::<u64>().unwrap_or(u64::MAX);
    match (digits(first), digits(last)) {
        (true, true) if number(first) > number(last) => Decision::Full,
        (true, _) if last.is_empty() || digits(last) => {
            let first = number(first);
            if first >= length {
                return Decision::OutOfRange;
            }
            let end = if last.is_empty() {
                length
            } else {
                number(last).saturating_add(1).min(length)
            };
            Decision::Part {
                first,
                length: end - first,
            }
        }
        (false, true) if first.is_empty() => match number(last).min(length) {
            0 => Decision::OutOfRange,
            suffix => Decision::Part {
                first: length - suffix,
                length: suffix,
            },
        },
        _ => Decision::Full,
    }
}
