//! Header fields across the proxy: hop-by-hop fields end here, and the client's identity is what the edge saw.

use std::net::IpAddr;

use http::header::{self, HeaderName, InvalidHeaderValue};
use http::{HeaderMap, HeaderValue};

use super::trust::Identity;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");

/// What the edge knows about a client at first hand.
pub(crate) struct Client<'a> {
    pub(crate) address: IpAddr,
    pub(crate) tls: bool,
    /// `host[:port]` as the request named it, normalised.
    pub(crate) authority: &'a str,
}

/// RFC 9110 §7.6.1, and the older fields that still occur.
const HOP_BY_HOP: [&str; 9] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Fields by which some server somewhere lets a client say who it is or what it asked for.
const IDENTITY: [&str; 10] = [
    "forwarded",
    "x-real-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-originating-ip",
    "x-remote-ip",
    "x-remote-addr",
    "true-client-ip",
    "fastly-client-ip",
    "proxy",
];

/// Fields by which a client asks for something else than its request says. Programs of customers may want them.
const OVERRIDES: [&str; 3] = ["x-original-url", "x-rewrite-url", "x-http-method-override"];

fn is_override(name: &str) -> bool {
    OVERRIDES.contains(&name.replace('_', "-").as_str())
}

/// Whether a field claims something about the client or its request.
pub(crate) fn is_claim(name: &str) -> bool {
    // Underscores pass for dashes in CGI-like servers.
    let replaced;
    let name = if name.contains('_') {
        replaced = name.replace('_', "-");
        &replaced
    } else {
        name
    };
    name.starts_with("x-forwarded") || name.starts_with("cf-") || IDENTITY.contains(&name)
}

/// Whether a field concerns one connection only.
pub(crate) fn is_hop_by_hop(name: &str) -> bool {
    HOP_BY_HOP.contains(&name)
}

/// Makes a client's header fields fit for the panel, which knows three fields and believes them.
///
/// # Errors
/// When the authority cannot be a header value, which a parsed one always can.
pub(super) fn for_panel(headers: &mut HeaderMap, client: &Client<'_>) -> Result<(), InvalidHeaderValue> {
    remove_hop_by_hop(headers, false);
    remove(headers, |name| is_claim(name) || is_override(name));
    headers.remove(header::VIA);
    pass(headers, client, None)
}

/// Makes a client's header fields fit for a site's servers. What a trusted proxy has said stays, with its own address
/// added.
///
/// # Errors
/// As [`for_panel`].
pub(super) fn for_site(
    headers: &mut HeaderMap,
    client: &Client<'_>,
    identity: Identity,
    peer: IpAddr,
) -> Result<(), InvalidHeaderValue> {
    let trailers = headers.get_all(header::TE).iter().any(|value| value == "trailers");
    remove_hop_by_hop(headers, true);
    let peer = peer.to_canonical();
    let chain = identity.trusted.then(|| list(headers, &X_FORWARDED_FOR)).flatten();
    let forwarded = identity.trusted.then(|| list(headers, &header::FORWARDED)).flatten();
    remove(headers, is_claim);
    pass(headers, client, chain.map(|chain| format!("{chain}, {peer}")))?;
    let node = match peer {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("\"[{address}]\""),
    };
    let proto = if client.tls { "https" } else { "http" };
    let before = forwarded.map(|before| before + ", ").unwrap_or_default();
    // A host with a port is no token (RFC 7239 §4).
    let element = format!("{before}for={node};host=\"{}\";proto={proto}", client.authority);
    headers.insert(header::FORWARDED, HeaderValue::try_from(element)?);
    headers.insert(X_REAL_IP, HeaderValue::try_from(client.address.to_string())?);
    headers.append(header::VIA, HeaderValue::from_static("1.1 mpanel"));
    if trailers {
        headers.insert(header::TE, HeaderValue::from_static("trailers"));
        headers.insert(header::CONNECTION, HeaderValue::from_static("te"));
    }
    Ok(())
}

/// What all servers are told.
fn pass(headers: &mut HeaderMap, client: &Client<'_>, chain: Option<String>) -> Result<(), InvalidHeaderValue> {
    // The edge has already answered the expectation.
    headers.remove(header::EXPECT);
    join_cookies(headers);
    let authority = HeaderValue::from_str(client.authority)?;
    let chain = chain.unwrap_or_else(|| client.address.to_string());
    headers.insert(X_FORWARDED_FOR, HeaderValue::try_from(chain)?);
    headers.insert(
        X_FORWARDED_PROTO,
        HeaderValue::from_static(if client.tls { "https" } else { "http" }),
    );
    headers.insert(X_FORWARDED_HOST, authority.clone());
    headers.insert(header::HOST, authority);
    Ok(())
}

/// How often a request may come by: more is a circle of proxies.
const ROUNDS: usize = 8;

/// Whether a request has passed this kind of edge too often (RFC 9110 §7.6.3).
pub(super) fn goes_round(headers: &HeaderMap) -> bool {
    let passed = headers
        .get_all(header::VIA)
        .iter()
        .filter_map(|value| value.to_str().ok());
    passed.map(|value| value.matches("mpanel").count()).sum::<usize>() >= ROUNDS
}

fn list(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let values: Vec<&str> = headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .collect();
    (!values.is_empty()).then(|| values.join(", "))
}

fn remove(headers: &mut HeaderMap, which: impl Fn(&str) -> bool) {
    let names: Vec<HeaderName> = headers.keys().filter(|name| which(name.as_str())).cloned().collect();
    for name in names {
        headers.remove(name);
    }
}

/// Makes a server's header fields fit for the client.
pub(super) fn for_client(headers: &mut HeaderMap) {
    remove_hop_by_hop(headers, true);
}

/// The same for the panel's.
pub(super) fn from_panel(headers: &mut HeaderMap) {
    remove_hop_by_hop(headers, false);
}

/// `Trailer` says what comes behind a body; it may stay where trailers are passed on.
/// The fields that `Connection` keeps to this connection (RFC 9110 §7.6.1).
pub(crate) fn nominated(headers: &HeaderMap) -> impl Iterator<Item = HeaderName> {
    headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|list| list.split(','))
        .filter_map(|name| HeaderName::from_bytes(name.trim().as_bytes()).ok())
        // A client must not be able to have these removed on the way.
        .filter(|name| {
            !matches!(
                *name,
                header::HOST | header::CONTENT_LENGTH | header::CONTENT_TYPE | header::COOKIE
            )
        })
}

pub(crate) fn remove_nominated(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = nominated(headers).collect();
    for name in named {
        headers.remove(name);
    }
}

fn remove_hop_by_hop(headers: &mut HeaderMap, trailer: bool) {
    remove_nominated(headers);
    for name in HOP_BY_HOP.into_iter().filter(|name| !(trailer && *name == "trailer")) {
        headers.remove(name);
    }
}

/// HTTP/2 may split cookies over several fields; HTTP/1 has one (RFC 9113 §8.2.3).
fn join_cookies(headers: &mut HeaderMap) {
    let crumbs: Vec<&[u8]> = headers
        .get_all(header::COOKIE)
        .iter()
        .map(HeaderValue::as_bytes)
        .collect();
    if crumbs.len() > 1
        && let Ok(joined) = HeaderValue::from_bytes(&crumbs.join(&b"; "[..]))
    {
        headers.insert(header::COOKIE, joined);
    }
}
