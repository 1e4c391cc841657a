//! Which addresses are the public internet.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use crate::Error;

/// IPv4 networks that are not globally reachable unicast (IANA IPv4 Special-Purpose Address Registry, RFC 1112).
const NOT_PUBLIC_V4: &[(Ipv4Addr, u32)] = &[
    (Ipv4Addr::new(0, 0, 0, 0), 8),       // this network
    (Ipv4Addr::new(10, 0, 0, 0), 8),      // private
    (Ipv4Addr::new(100, 64, 0, 0), 10),   // carrier-grade NAT
    (Ipv4Addr::new(127, 0, 0, 0), 8),     // loopback
    (Ipv4Addr::new(169, 254, 0, 0), 16),  // link-local, cloud metadata
    (Ipv4Addr::new(172, 16, 0, 0), 12),   // private
    (Ipv4Addr::new(192, 0, 0, 0), 24),    // protocol assignments
    (Ipv4Addr::new(192, 0, 2, 0), 24),    // TEST-NET-1
    (Ipv4Addr::new(192, 88, 99, 0), 24),  // 6to4 relays, deprecated
    (Ipv4Addr::new(192, 168, 0, 0), 16),  // private
    (Ipv4Addr::new(198, 18, 0, 0), 15),   // benchmarks
    (Ipv4Addr::new(198, 51, 100, 0), 24), // TEST-NET-2
    (Ipv4Addr::new(203, 0, 113, 0), 24),  // TEST-NET-3
    (Ipv4Addr::new(224, 0, 0, 0), 4),     // multicast
    (Ipv4Addr::new(240, 0, 0, 0), 4),     // reserved, broadcast
];

/// Global unicast is 2000::/3; everything else (loopback, mapped IPv4, NAT64, discard-only, SRv6 SIDs, unique local,
/// link-local, multicast …) is refused as a whole. Within it, these are not public or tunnel to an IPv4 address.
const NOT_PUBLIC_V6: &[(Ipv6Addr, u32)] = &[
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23), // protocol assignments: Teredo, ORCHID, benchmarks
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32), // documentation
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16), // 6to4
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20), // documentation
];

/// Whether `address` is globally reachable unicast, by its number alone.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let within = |(net, bits): &(Ipv4Addr, u32)| (v4.to_bits() ^ net.to_bits()) >> (32 - bits) == 0;
            !NOT_PUBLIC_V4.iter().any(within)
        }
        IpAddr::V6(v6) => {
            let within = |(net, bits): &(Ipv6Addr, u32)| (v6.to_bits() ^ net.to_bits()) >> (128 - bits) == 0;
            v6.segments()[0] >> 13 == 1 && !NOT_PUBLIC_V6.iter().any(within)
        }
    }
}

/// The decision about an address: public, or in a network that the operator listed.
#[derive(Debug)]
pub(crate) struct Rules {
    pub(crate) allow: Vec<IpNet>,
    pub(crate) ports: Vec<u16>,
}

impl Rules {
    pub(crate) fn permit(&self, address: IpAddr) -> bool {
        is_public(address) || self.allow.iter().any(|net| net.contains(&address))
    }

    /// Checks what the URL says by itself. Names are checked when they are resolved.
    pub(crate) fn check(&self, url: &reqwest::Url) -> Result<(), Error> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(Error::Url("it must begin with http:// or https://"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Error::Url("it must not hold a user name or password"));
        }
        let port = url.port_or_known_default().ok_or(Error::Url("it has no port"))?;
        if !self.ports.contains(&port) {
            return Err(Error::Url("its port is not allowed"));
        }
        let host = url.host_str().ok_or(Error::Url("it has no host"))?;
        // The URL parser has turned every spelling of an IPv4 address (octal, hexadecimal, short) into this one.
        match host.trim_matches(['[', ']']).parse::<IpAddr>() {
            Ok(address) if !self.permit(address) => Err(Error::NotPublic(host.to_owned())),
            _ => Ok(()),
        }
    }
}
