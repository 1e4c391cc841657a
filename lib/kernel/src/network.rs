//! Where callers come from.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// From where somebody comes, as attempts are counted: an IPv4 address, or the /64 that one
/// customer of an IPv6 network has for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Network(IpAddr);

impl Network {
    /// Of a request's address; without one it is a process of this machine.
    #[must_use]
    pub fn of_caller(address: Option<IpAddr>) -> Self {
        Self::of(address.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)))
    }

    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(v6) => {
                let [a, b, c, d, ..] = v6.segments();
                IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
            }
            v4 => v4,
        })
    }
}
