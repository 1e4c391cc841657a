//! Directives of `Cache-Control` (RFC 9111 §5.2), of the targeted fields (RFC 9213), which are dictionaries of structured
//! fields (RFC 8941), and of the older `Surrogate-Control`.
//!
//! Whatever says how long an answer may be kept and cannot be read makes it stale (RFC 9111 §4.2.1); of two that
//! contradict each other the stricter one holds.

use http::HeaderMap;
use http::header::{self, HeaderName};

/// Seconds a delta can say; larger ones are taken for this (RFC 9111 §1.2.2).
pub(crate) const MAX_DELTA: u32 = 1 << 31;

/// For this cache alone, as the next but one: they end here.
pub(crate) const MPANEL: HeaderName = HeaderName::from_static("mpanel-cache-control");
const CDN: HeaderName = HeaderName::from_static("cdn-cache-control");
pub(crate) const SURROGATE: HeaderName = HeaderName::from_static("surrogate-control");

/// What the origin says about keeping an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Directives {
    /// Seconds; what could not be read is 0.
    pub(crate) max_age: Option<u32>,
    pub(crate) s_maxage: Option<u32>,
    pub(crate) stale_while_revalidate: Option<u32>,
    pub(crate) stale_if_error: Option<u32>,
    pub(crate) no_store: bool,
    /// Without field names: never used without asking.
    pub(crate) no_cache: bool,
    /// `no-cache="field"`: these are not repeated.
    pub(crate) no_cache_fields: Vec<HeaderName>,
    pub(crate) private: bool,
    /// `private="field"`: these are not kept.
    pub(crate) private_fields: Vec<HeaderName>,
    pub(crate) public: bool,
    pub(crate) must_revalidate: bool,
    pub(crate) must_understand: bool,
    /// From a field for caches of this kind only: `Cache-Control` and `Expires` say nothing to us.
    pub(crate) targeted: bool,
    /// Whether there was any field at all.
    pub(crate) present: bool,
}

impl Directives {
    /// Reads the field that is meant for this cache most closely.
    pub(crate) fn read(headers: &HeaderMap) -> Self {
        for name in [MPANEL, CDN] {
            if let Some(found) = targeted(headers, &name) {
                return found;
            }
        }
        if let Some(found) = surrogate(headers) {
            return found;
        }
        let mut out = Self {
            present: headers.contains_key(header::CACHE_CONTROL),
            ..Self::default()
        };
        for line in headers.get_all(header::CACHE_CONTROL) {
            for member in members(line.as_bytes(), b',') {
                let (name, value) = match member.iter().position(|byte| *byte == b'=') {
                    Some(at) => (&member[..at], Some(unquote(&member[at + 1..]))),
                    None => (member, None),
                };
                out.take(name, value.as_deref());
            }
        }
        out
    }

    fn take(&mut self, name: &[u8], value: Option<&[u8]>) {
        let name = name.to_ascii_lowercase();
        let least = |slot: &mut Option<u32>| {
            let new = value.and_then(delta).unwrap_or(0);
            *slot = Some(slot.map_or(new, |old| old.min(new)));
        };
        match name.as_slice() {
            b"max-age" => least(&mut self.max_age),
            b"s-maxage" => least(&mut self.s_maxage),
            b"stale-while-revalidate" => least(&mut self.stale_while_revalidate),
            b"stale-if-error" => least(&mut self.stale_if_error),
            b"no-store" => self.no_store = true,
            b"public" => self.public = true,
            b"must-revalidate" | b"proxy-revalidate" => self.must_revalidate = true,
            b"must-understand" => self.must_understand = true,
            b"no-cache" => match fields(value) {
                Some(names) => self.no_cache_fields.extend(names),
                None => self.no_cache = true,
            },
            b"private" => match fields(value) {
                Some(names) => self.private_fields.extend(names),
                None => self.private = true,
            },
            _ => {}
        }
    }

    /// Whether the origin allows that an answer to somebody known is used for others (RFC 9111 §3.5).
    pub(crate) fn shares_authorized(&self) -> bool {
        self.public || self.must_revalidate || self.s_maxage.is_some()
    }
}

/// Digits only; `None` when there is anything else.
pub(crate) fn delta(value: &[u8]) -> Option<u32> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let seconds = value.iter().fold(0_u64, |sum, digit| {
        (sum.saturating_mul(10)).saturating_add(u64::from(digit - b'0'))
    });
    Some(u32::try_from(seconds).unwrap_or(MAX_DELTA).min(MAX_DELTA))
}

/// Field names of a value; `None` when it holds none, which is then meant for the whole answer.
fn fields(value: Option<&[u8]>) -> Option<Vec<HeaderName>> {
    let names: Option<Vec<HeaderName>> = value?
        .split(|byte| *byte == b',')
        .map(<[u8]>::trim_ascii)
        .filter(|name| !name.is_empty())
        .map(|name| HeaderName::from_bytes(name).ok())
        .collect();
    names.filter(|names| !names.is_empty())
}

/// The trimmed members of a list; a separator in quotes separates nothing.
pub(crate) fn members(line: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(line);
    std::iter::from_fn(move || {
        let line = rest?;
        let (mut quoted, mut escaped) = (false, false);
        let end = line.iter().position(|&byte| {
            if escaped {
                escaped = false;
            } else if quoted && byte == b'\\' {
                escaped = true;
            } else if byte == b'"' {
                quoted = !quoted;
            }
            !quoted && !escaped && byte == separator
        });
        rest = end.map(|end| &line[end + 1..]);
        Some(end.map_or(line, |end| &line[..end]).trim_ascii())
    })
    .filter(|member| !member.is_empty())
}

fn unquote(value: &[u8]) -> Vec<u8> {
    let Some(inner) = value.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")) else {
        return value.to_vec();
    };
    let mut out = Vec::with_capacity(inner.len());
    let mut escaped = false;
    for &byte in inner {
        if !escaped && byte == b'\\' {
            escaped = true;
            continue;
        }
        escaped = false;
        out.push(byte);
    }
    out
}

/// A value of a structured dictionary as far as directives have use for it.
enum Bare {
    True,
    False,
    Integer(u32),
    Text(Vec<u8>),
}

/// `None` when the field is absent, empty or not a dictionary: then the next field counts (RFC 9213 §2.1).
fn targeted(headers: &HeaderMap, name: &HeaderName) -> Option<Directives> {
    let lines: Vec<&[u8]> = headers.get_all(name).iter().map(http::HeaderValue::as_bytes).collect();
    if lines.is_empty() {
        return None;
    }
    let joined = lines.join(&b","[..]);
    let mut out = Directives {
        targeted: true,
        present: true,
        ..Directives::default()
    };
    let mut any = false;
    for member in members(&joined, b',') {
        any = true;
        let (key, value) = dictionary_member(member)?;
        match (key, value) {
            (_, Bare::False) => {}
            // Nothing that counts seconds has another type.
            (b"max-age" | b"s-maxage" | b"stale-while-revalidate" | b"stale-if-error", Bare::Integer(seconds)) => {
                out.take(key, Some(seconds.to_string().as_bytes()));
            }
            (b"max-age" | b"s-maxage" | b"stale-while-revalidate" | b"stale-if-error", _) => return None,
            (_, Bare::Text(text)) => out.take(key, Some(&text)),
            (_, Bare::True | Bare::Integer(_)) => out.take(key, None),
        }
    }
    any.then_some(out)
}

fn dictionary_member(member: &[u8]) -> Option<(&[u8], Bare)> {
    let end = key_end(member)?;
    let (key, rest) = member.split_at(end);
    let Some(value) = rest.strip_prefix(b"=") else {
        return parameters(rest).then_some((key, Bare::True));
    };
    let (value, rest) = item(value)?;
    parameters(rest).then_some((key, value))
}

fn key_end(text: &[u8]) -> Option<usize> {
    let first = *text.first()?;
    if !first.is_ascii_lowercase() && first != b'*' {
        return None;
    }
    let in_key = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-.*".contains(byte);
    Some(text.iter().position(|byte| !in_key(byte)).unwrap_or(text.len()))
}

/// One bare item and what follows it.
fn item(text: &[u8]) -> Option<(Bare, &[u8])> {
    match *text.first()? {
        b'"' => {
            let (mut at, mut out) = (1, Vec::new());
            loop {
                match *text.get(at)? {
                    b'"' => return Some((Bare::Text(out), &text[at + 1..])),
                    b'\\' => {
                        at += 1;
                        out.push(*text.get(at).filter(|byte| b"\"\\".contains(byte))?);
                    }
                    byte if (0x20..0x7f).contains(&byte) => out.push(byte),
                    _ => return None,
                }
                at += 1;
            }
        }
        b'?' => match text.get(1)? {
            b'1' => Some((Bare::True, &text[2..])),
            b'0' => Some((Bare::False, &text[2..])),
            _ => None,
        },
        byte if byte.is_ascii_digit() || byte == b'-' => {
            let digits = text.strip_prefix(b"-").unwrap_or(text);
            let end = digits
                .iter()
                .position(|byte| !byte.is_ascii_digit())
                .unwrap_or(digits.len());
            let (number, rest) = digits.split_at(end);
            // Decimals are numbers too, but no count of seconds.
            if number.is_empty() || number.len() > 15 || rest.starts_with(b".") {
                return None;
            }
            let seconds = if byte == b'-' { 0 } else { delta(number)? };
            Some((Bare::Integer(seconds), rest))
        }
        byte if byte.is_ascii_alphabetic() || byte == b'*' => {
            let in_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~:/".contains(byte);
            let end = text.iter().position(|byte| !in_token(byte)).unwrap_or(text.len());
            Some((Bare::Text(text[..end].to_vec()), &text[end..]))
        }
        _ => None,
    }
}

/// Whether these are parameters, which no directive has a use for.
fn parameters(mut text: &[u8]) -> bool {
    while let Some(rest) = text.strip_prefix(b";") {
        let rest = rest.trim_ascii_start();
        let Some(end) = key_end(rest) else { return false };
        text = &rest[end..];
        if let Some(value) = text.strip_prefix(b"=") {
            match item(value) {
                Some((_, rest)) => text = rest,
                None => return false,
            }
        }
    }
    text.is_empty()
}

/// `max-age=3600+60;target`: a directive for another target is not ours (Edge Architecture 1.0 §2.2).
fn surrogate(headers: &HeaderMap) -> Option<Directives> {
    let mut out = Directives {
        targeted: true,
        present: true,
        ..Directives::default()
    };
    let mut any = false;
    for line in headers.get_all(SURROGATE) {
        for member in members(line.as_bytes(), b',') {
            let mut parts = members(member, b';');
            let Some(directive) = parts.next() else { continue };
            if parts.next().is_some_and(|target| target != b"mpanel") {
                continue;
            }
            let (name, value) = match directive.iter().position(|byte| *byte == b'=') {
                Some(at) => (&directive[..at], Some(&directive[at + 1..])),
                None => (directive, None),
            };
            let known = [&b"max-age"[..], b"no-store"];
            if !known.iter().any(|known| name.eq_ignore_ascii_case(known)) {
                continue;
            }
            any = true;
            let plus = value.and_then(|value| value.iter().position(|byte| *byte == b'+').map(|at| value.split_at(at)));
            match plus {
                Some((fresh, extension)) => {
                    out.take(name, Some(fresh));
                    out.stale_while_revalidate = delta(&extension[1..]);
                }
                None => out.take(name, value),
            }
        }
    }
    any.then_some(out)
}
