//! Strict reading of `Host` and `:authority` (RFC 9110 §7.2, RFC 9112 §3.2, RFC 9113 §8.3.1).
//!
//! One parser decides which site answers, so whatever it does not fully understand is refused: two servers that read
//! one request differently are how requests get smuggled.

use std::borrow::Cow;
use std::net::{Ipv4Addr, Ipv6Addr};

use http::{HeaderMap, Uri, Version, header};

/// A host with an optional port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority<'a> {
    /// Lower case, without a trailing dot; an IPv6 address has no brackets and is in canonical form.
    pub host: Cow<'a, str>,
    /// The port as written, never 0.
    pub port: Option<u16>,
}

impl Authority<'_> {
    /// The form for a URL or a `Host` field: brackets around IPv6, the port if there was one.
    #[must_use]
    pub fn to_url(&self) -> String {
        let host: Cow<'_, str> = if self.host.contains(':') {
            format!("[{}]", self.host).into()
        } else {
            Cow::Borrowed(&self.host)
        };
        match self.port {
            Some(port) => format!("{host}:{port}"),
            None => host.into_owned(),
        }
    }
}

/// The bytes are not a host name or address, or there are none or several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid host")]
pub struct InvalidHost;

/// Reads `host[:port]`.
///
/// # Errors
/// [`InvalidHost`] for anything but a name of at most 253 characters, an IPv4 address or a bracketed IPv6 address.
pub fn parse_authority(raw: &[u8]) -> Result<Authority<'_>, InvalidHost> {
    let text = std::str::from_utf8(raw).map_err(|_| InvalidHost)?;
    if let Some(rest) = text.strip_prefix('[') {
        let (address, tail) = rest.split_once(']').ok_or(InvalidHost)?;
        let address: Ipv6Addr = address.parse().map_err(|_| InvalidHost)?;
        let port = match tail.strip_prefix(':') {
            Some(port) => Some(parse_port(port)?),
            None if tail.is_empty() => None,
            None => return Err(InvalidHost),
        };
        return Ok(Authority {
            host: Cow::Owned(address.to_string()),
            port,
        });
    }
    let (host, port) = match text.split_once(':') {
        Some((host, port)) => (host, Some(parse_port(port)?)),
        None => (text, None),
    };
    Ok(Authority {
        host: parse_name(host)?,
        port,
    })
}

/// Reads a name or IPv4 address without a port.
pub(crate) fn parse_name(host: &str) -> Result<Cow<'_, str>, InvalidHost> {
    let host = host.strip_suffix('.').unwrap_or(host);
    if host.is_empty() || host.len() > 253 {
        return Err(InvalidHost);
    }
    let mut upper = false;
    let mut numeric = true;
    let (mut label, mut last) = (0usize, b'.');
    for &byte in host.as_bytes() {
        match byte {
            b'a'..=b'z' | b'_' => numeric = false,
            b'A'..=b'Z' => (upper, numeric) = (true, false),
            b'0'..=b'9' => {}
            b'-' if last != b'.' => numeric = false,
            b'.' if last != b'.' && last != b'-' => {}
            _ => return Err(InvalidHost),
        }
        label = if byte == b'.' { 0 } else { label + 1 };
        if label > 63 {
            return Err(InvalidHost);
        }
        last = byte;
    }
    // "1.2.3.999", "1" or "0x7f.1" written as digits must not pass for a name.
    if last == b'-' || last == b'.' || (numeric && host.parse::<Ipv4Addr>().is_err()) {
        return Err(InvalidHost);
    }
    Ok(if upper {
        Cow::Owned(host.to_ascii_lowercase())
    } else {
        Cow::Borrowed(host)
    })
}

fn parse_port(port: &str) -> Result<u16, InvalidHost> {
    if port.is_empty() || port.len() > 5 || !port.bytes().all(|b| b.is_ascii_digit()) {
        return Err(InvalidHost);
    }
    match port.parse::<u16>() {
        Ok(port) if port != 0 => Ok(port),
        _ => Err(InvalidHost),
    }
}

/// The host a request names.
///
/// # Errors
/// [`InvalidHost`] when it is absent, repeated or malformed, or when `Host` and the target's authority differ.
pub fn request_authority<'a>(
    version: Version,
    uri: &'a Uri,
    headers: &'a HeaderMap,
) -> Result<Authority<'a>, InvalidHost> {
    let mut fields = headers.get_all(header::HOST).iter();
    let field = fields.next();
    if fields.next().is_some() {
        return Err(InvalidHost);
    }
    let field = field.map(|value| parse_authority(value.as_bytes())).transpose()?;
    let target = uri
        .authority()
        .map(|authority| parse_authority(authority.as_str().as_bytes()))
        .transpose()?;
    match (target, field) {
        (Some(target), Some(field)) if target == field => Ok(target),
        // HTTP/2 carries the host in `:authority`; `Host` beside it is optional.
        (Some(target), None) if version >= Version::HTTP_2 => Ok(target),
        (None, Some(field)) => Ok(field),
        _ => Err(InvalidHost),
    }
}
