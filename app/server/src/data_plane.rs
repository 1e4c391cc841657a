//! Who may speak for the data planes on this machine, and where those are reached from outside.

use std::net::{IpAddr, SocketAddr, UdpSocket};

use mpanel_config::Config;
use mpanel_feed::frame::Role;
use mpanel_fleet::AllowedPeers;

/// Users whose processes may follow the feed, by role. Rootless, all is one user.
pub fn peers(edge_uid: u32, dns_uid: u32) -> AllowedPeers {
    AllowedPeers::from([(Role::Edge, vec![edge_uid]), (Role::Dns, vec![dns_uid])])
}

/// The addresses that customers' domains point to: as configured, else where the edge listens, else
/// the one from which this machine would reach the internet.
pub fn addresses(config: &Config) -> Vec<IpAddr> {
    if !config.public_addresses.is_empty() {
        return config.public_addresses.clone();
    }
    let listens = config.edge_https.ip();
    if !listens.is_unspecified() {
        return vec![listens];
    }
    outward()
}

/// The addresses from which this machine would reach the internet.
pub fn outward() -> Vec<IpAddr> {
    // Connecting a datagram socket sends nothing; it only chooses a route. The target is a
    // documentation address (RFC 5737, RFC 3849).
    let route = |from: &str, to: &str| -> Option<IpAddr> {
        let socket = UdpSocket::bind(from.parse::<SocketAddr>().ok()?).ok()?;
        socket.connect(to).ok()?;
        Some(socket.local_addr().ok()?.ip()).filter(|ip| !ip.is_loopback() && !ip.is_unspecified())
    };
    [("0.0.0.0:0", "192.0.2.1:53"), ("[::]:0", "[2001:db8::1]:53")]
        .into_iter()
        .filter_map(|(from, to)| route(from, to))
        .collect()
}
