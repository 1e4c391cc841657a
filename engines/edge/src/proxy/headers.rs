//! Header fields across the proxy: hop-by-hop fields end here, and the client's identity is what the edge saw.

use std::net::IpAddr;

use http::header::{self, HeaderName, InvalidHeaderValue};
use http::{HeaderMap, HeaderValue};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

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
const IDENTITY: [&str; 14] = [
    "forwarded",
    "via",
    "x-real-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-originating-ip",
    "x-remote-ip",
    "x-remote-addr",
    "true-client-ip",
    "fastly-client-ip",
    "x-original-url",
    "x-rewrite-url",
    "x-http-method-override",
    "proxy",
];

fn is_identity(name: &str) -> bool {
    // Underscores pass for dashes in CGI-like servers.
    let name = name.replace('_', "-");
    name.starts_with("x-forwarded") || name.starts_with("cf-") || IDENTITY.contains(&name.as_str())
}

/// Makes a client's header fields fit for the server behind.
///
/// # Errors
/// When the authority cannot be a header value, which a parsed one always can.
pub(crate) fn for_upstream(headers: &mut HeaderMap, client: &Client<'_>) -> Result<(), InvalidHeaderValue> {
    remove_hop_by_hop(headers);
    let claims: Vec<HeaderName> = headers
        .keys()
        .filter(|name| is_identity(name.as_str()))
        .cloned()
        .collect();
    for name in claims {
        headers.remove(name);
    }
    // The edge has already answered the expectation.
    headers.remove(header::EXPECT);
    join_cookies(headers);
    let authority = HeaderValue::from_str(client.authority)?;
    headers.insert(X_FORWARDED_FOR, HeaderValue::from_str(&client.address.to_string())?);
    headers.insert(
        X_FORWARDED_PROTO,
        HeaderValue::from_static(if client.tls { "https" } else { "http" }),
    );
    headers.insert(X_FORWARDED_HOST, authority.clone());
    headers.insert(header::HOST, authority);
    Ok(())
}

/// Makes the server's header fields fit for the client.
pub(crate) fn for_client(headers: &mut HeaderMap) {
    remove_hop_by_hop(headers);
}

fn remove_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
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
        .collect();
    for name in named {
        headers.remove(name);
    }
    for name in HOP_BY_HOP {
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
