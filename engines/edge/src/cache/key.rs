//! Keys. A key ends in exactly the path and query that are sent to the origin, and what else could change the answer
//! without being in the key or in `Vary` is taken out of the request: that is what keeps one visitor from choosing
//! what others get.

use http::header::{self, HeaderName};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue};

use super::config::{Query, Rules};
use super::directives::members;
use crate::proxy::{nominated, remove_nominated};

/// Requests with a longer key go to the origin.
pub(crate) const MAX_KEY: usize = 8 * 1024;

/// What one answer is kept under, variants aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    bytes: Vec<u8>,
    /// Where path and query begin.
    target: usize,
}

impl Key {
    /// `None` when it would be too long.
    pub(crate) fn new(rules: &Rules, https: bool, authority: &str, path: &str, query: Option<&str>) -> Option<Self> {
        let label = rules.site.label();
        let length = label.len() + authority.len() + path.len() + query.map_or(0, |query| query.len() + 1) + 3;
        if length > MAX_KEY {
            return None;
        }
        let mut bytes = Vec::with_capacity(length);
        bytes.extend_from_slice(label.as_bytes());
        bytes.push(0);
        bytes.push(if https { b's' } else { b'h' });
        bytes.extend_from_slice(authority.as_bytes());
        bytes.push(0);
        let target = bytes.len();
        bytes.extend_from_slice(path.as_bytes());
        if let Some(query) = query {
            append_query(rules, query, &mut bytes);
        }
        Some(Self { bytes, target })
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What is asked of the origin: path and query. `None` cannot happen for parts of a parsed URI.
    pub(crate) fn target(&self) -> Option<PathAndQuery> {
        PathAndQuery::try_from(&self.bytes[self.target..]).ok()
    }
}

fn append_query(rules: &Rules, query: &str, out: &mut Vec<u8>) {
    let (sorted, only) = match &rules.query {
        Query::Ignored => return,
        Query::AsIs if rules.ignore_query.is_empty() => {
            out.push(b'?');
            return out.extend_from_slice(query.as_bytes());
        }
        Query::AsIs => (false, None),
        Query::Sorted => (true, None),
        Query::Only(names) => (true, Some(names)),
    };
    let name = |parameter: &&str| parameter.split('=').next().unwrap_or_default().to_owned();
    let mut kept: Vec<&str> = query
        .split('&')
        .filter(|parameter| {
            let name = name(parameter);
            !rules
                .ignore_query
                .iter()
                .any(|pattern| pattern.matches(name.as_bytes()))
                && only.is_none_or(|names| names.contains(&name))
        })
        .collect();
    if sorted {
        // Stable: the order of several with one name means something.
        kept.sort_by_key(name);
    }
    let mut separator = b'?';
    for parameter in kept {
        out.push(separator);
        out.extend_from_slice(parameter.as_bytes());
        separator = b'&';
    }
}

/// Fields by which frameworks let a request say that it is another one.
const OVERRIDES: [&str; 16] = [
    "forwarded",
    "x-host",
    "x-http-host-override",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-original-host",
    "x-original-url",
    "x-rewrite-url",
    "x-override-url",
    "x-url-scheme",
    "front-end-https",
    "base-url",
    "proxy",
    "x-middleware-prefetch",
    "x-middleware-subrequest",
];

/// Conditions and ranges are met from what is kept, and credentials of the connection are not the request's.
const OWN: [HeaderName; 6] = [
    header::RANGE,
    header::IF_RANGE,
    header::IF_MATCH,
    header::IF_NONE_MATCH,
    header::IF_MODIFIED_SINCE,
    header::IF_UNMODIFIED_SINCE,
];

fn is_override(name: &HeaderName) -> bool {
    // Underscores pass for dashes in CGI-like servers.
    let name = name.as_str().replace('_', "-");
    name.starts_with("x-forwarded") || OVERRIDES.contains(&name.as_str())
}

/// Makes a client's fields fit for a request whose answer others get as well.
pub(crate) fn for_everybody(headers: &mut HeaderMap, rules: &Rules) {
    remove_nominated(headers);
    for name in OWN {
        headers.remove(name);
    }
    let overriding: Vec<HeaderName> = headers.keys().filter(|name| is_override(name)).cloned().collect();
    for name in overriding {
        headers.remove(name);
    }
    if rules.strip_cookies {
        headers.remove(header::COOKIE);
    }
    match codings(headers) {
        Some(codings) => headers.insert(header::ACCEPT_ENCODING, codings),
        None => headers.remove(header::ACCEPT_ENCODING),
    };
    headers.insert(
        HeaderName::from_static("surrogate-capability"),
        HeaderValue::from_static("mpanel=\"Surrogate/1.0\""),
    );
}

/// Whether a request asks for something that the cache decides by itself.
pub(crate) fn has_conditions(headers: &HeaderMap) -> bool {
    OWN.iter().any(|name| headers.contains_key(name))
}

/// The codings a client takes, as one of eight values.
fn codings(headers: &HeaderMap) -> Option<HeaderValue> {
    let mut taken = [false; 3];
    for line in headers.get_all(header::ACCEPT_ENCODING) {
        for member in members(line.as_bytes(), b',') {
            let mut parts = members(member, b';');
            let coding = parts.next().unwrap_or_default();
            let refused = parts.any(|part| matches!(part, b"q=0" | b"q=0." | b"q=0.0" | b"q=0.00" | b"q=0.000"));
            for (slot, name) in taken.iter_mut().zip([&b"zstd"[..], b"br", b"gzip"]) {
                *slot |= !refused && coding.eq_ignore_ascii_case(name);
            }
        }
    }
    let text = match taken {
        [false, false, false] => return None,
        [true, true, true] => "zstd, br, gzip",
        [true, true, false] => "zstd, br",
        [true, false, true] => "zstd, gzip",
        [true, false, false] => "zstd",
        [false, true, true] => "br, gzip",
        [false, true, false] => "br",
        [false, false, true] => "gzip",
    };
    Some(HeaderValue::from_static(text))
}

/// The secondary key (RFC 9111 §4.1): the request's values of the fields that the answer varies on, in a form in which
/// values that mean the same are equal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Variant(Vec<(HeaderName, Option<Vec<u8>>)>);

impl Variant {
    pub(crate) fn new(rules: &Rules, answer: &HeaderMap, request: &HeaderMap) -> Self {
        let names = answer
            .get_all(header::VARY)
            .iter()
            .flat_map(|line| members(line.as_bytes(), b','))
            .filter_map(|name| HeaderName::from_bytes(name).ok())
            // What the origin did not get as the client sent it, or what is in the key, tells nothing apart.
            .filter(|name| {
                let cookie = rules.strip_cookies && *name == header::COOKIE;
                !(cookie || *name == header::HOST || is_override(name))
            });
        let mut fields: Vec<(HeaderName, Option<Vec<u8>>)> =
            names.map(|name| (name.clone(), normalised(&name, request))).collect();
        fields.sort_by(|a, b| a.0.as_str().cmp(b.0.as_str()));
        fields.dedup_by(|a, b| a.0 == b.0);
        Self(fields)
    }

    /// What a request has in these fields.
    pub(crate) fn of(&self, request: &HeaderMap) -> Self {
        let fields = self.0.iter();
        Self(
            fields
                .map(|(name, _)| (name.clone(), normalised(name, request)))
                .collect(),
        )
    }

    pub(crate) fn matches(&self, request: &HeaderMap) -> bool {
        self.0
            .iter()
            .all(|(name, value)| normalised(name, request).as_deref() == value.as_deref())
    }

    pub(crate) fn weight(&self) -> usize {
        let value = |value: &Option<Vec<u8>>| value.as_ref().map_or(0, Vec::len);
        self.0.iter().map(|(_, field)| 64 + value(field)).sum()
    }
}

fn normalised(name: &HeaderName, request: &HeaderMap) -> Option<Vec<u8>> {
    // Such a field does not reach the origin.
    if nominated(request).any(|of| of == *name) {
        return None;
    }
    if *name == header::ACCEPT_ENCODING {
        return codings(request).map(|value| value.as_bytes().to_vec());
    }
    let mut lines = request.get_all(name).iter().peekable();
    lines.peek()?;
    let mut all: Vec<Vec<u8>> = lines
        .flat_map(|line| members(line.as_bytes(), b','))
        .map(<[u8]>::to_vec)
        .collect();
    if *name == header::ACCEPT_LANGUAGE {
        all.iter_mut().for_each(|language| {
            language.make_ascii_lowercase();
            language.retain(|byte| !byte.is_ascii_whitespace());
        });
        // What is wanted as much as something else has no order.
        all.sort();
    }
    Some(all.join(&b","[..]))
}
