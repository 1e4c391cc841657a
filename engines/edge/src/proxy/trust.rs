//! Who a client is: what the connection says, and what proxies say that are trusted.

use std::net::IpAddr;

use http::HeaderMap;
use ipnet::IpNet;

use crate::server::ConnInfo;

/// The client behind a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) address: IpAddr,
    /// Whether the client spoke TLS.
    pub(crate) tls: bool,
    /// Whether the connection is a trusted proxy's.
    pub(crate) trusted: bool,
}

/// The nearest address that is no trusted proxy's: whatever stands further left in the list, the client may have written.
pub(crate) fn identify(conn: &ConnInfo, headers: &HeaderMap, trusted: &[IpNet]) -> Identity {
    read(conn.peer.ip().to_canonical(), conn.tls.is_some(), headers, trusted)
}

fn read(peer: IpAddr, tls: bool, headers: &HeaderMap, trusted: &[IpNet]) -> Identity {
    let is_trusted = |address: &IpAddr| trusted.iter().any(|network| network.contains(address));
    let mut identity = Identity {
        address: peer,
        tls,
        trusted: is_trusted(&peer),
    };
    if !identity.trusted {
        return identity;
    }
    for entry in from_the_right(headers, "x-forwarded-for") {
        // What is no address cannot be judged, nor what stands before it.
        let Some(address) = address(entry) else { break };
        identity.address = address;
        if !is_trusted(&address) {
            break;
        }
    }
    match from_the_right(headers, "x-forwarded-proto").next() {
        Some("https") => identity.tls = true,
        Some("http") => identity.tls = false,
        _ => {}
    }
    identity
}

fn from_the_right<'a>(headers: &'a HeaderMap, name: &str) -> impl Iterator<Item = &'a str> {
    let mut lists: Vec<&str> = headers
        .get_all(name)
        .iter()
        .map(|value| value.to_str().unwrap_or_default())
        .collect();
    lists.reverse();
    lists.into_iter().flat_map(|list| list.rsplit(',').map(str::trim))
}

/// With or without a port, with or without brackets.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.trim_start_matches('[').split(']').next().unwrap_or_default();
    let parsed = text.parse().ok().or_else(|| bare.parse().ok());
    let with_port = || text.parse::<std::net::SocketAddr>().ok().map(|address| address.ip());
    parsed.or_else(with_port).map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests;
