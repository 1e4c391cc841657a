use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net};
use mpanel_kernel::error::FieldError;

/// From where a token may be used: networks of IPv4 and IPv6, or from everywhere.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Networks(Vec<IpNet>);

const MOST: usize = 50;
/// How many bits an IPv4 address has in front of it when it is written as an IPv6 one (RFC 4291 §2.5.5.2).
const MAPPED_BITS: u8 = 96;

impl Networks {
    /// Reads networks (`203.0.113.0/24`) and single addresses.
    ///
    /// # Errors
    /// A [`FieldError`] below `/allowed_networks` for each that is none.
    pub fn parse(texts: &[String]) -> Result<Self, Vec<FieldError>> {
        if texts.len() > MOST {
            let message = format!("name at most {MOST} networks");
            return Err(vec![FieldError::new(
                "/allowed_networks",
                "identity.network.too_many",
                message,
            )]);
        }
        let (mut networks, mut wrong) = (Vec::new(), Vec::new());
        for (index, text) in texts.iter().enumerate() {
            match read(text) {
                Some(network) => networks.push(network),
                None => wrong.push(FieldError::new(
                    format!("/allowed_networks/{index}"),
                    "identity.network.bad",
                    "a network is an address with a length, as 203.0.113.0/24 or 2001:db8::/48, or one address",
                )),
            }
        }
        if !wrong.is_empty() {
            return Err(wrong);
        }
        networks.sort_unstable();
        networks.dedup();
        Ok(Self(networks))
    }

    /// As stored. One that cannot be read, which nobody stores, allows nothing rather than everything.
    #[must_use]
    pub fn stored(texts: &[String]) -> Self {
        let nowhere = IpNet::from(IpAddr::V6(Ipv6Addr::UNSPECIFIED));
        Self(texts.iter().map(|text| read(text).unwrap_or(nowhere)).collect())
    }

    /// Whether somebody at this address may come; without one it is a process of this machine.
    #[must_use]
    pub fn allow(&self, address: Option<IpAddr>) -> bool {
        let here = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
        let from = address.map(|address| [address.to_canonical(); 2]).unwrap_or(here);
        self.0.is_empty()
            || self
                .0
                .iter()
                .any(|net| from.iter().any(|address| net.contains(address)))
    }

    /// Whether whoever may come from these may come from `outer` too: each of these lies in it, or it is everywhere.
    #[must_use]
    pub fn are_within(&self, outer: &Self) -> bool {
        if outer.0.is_empty() {
            return true;
        }
        // Neighbours are one network.
        let outer = IpNet::aggregate(&outer.0);
        let lies_in = |net: &IpNet| outer.iter().any(|wide| wide.contains(net));
        !self.0.is_empty() && self.0.iter().all(lies_in)
    }

    #[must_use]
    pub fn texts(&self) -> Vec<String> {
        self.0.iter().map(ToString::to_string).collect()
    }
}

fn read(text: &str) -> Option<IpNet> {
    let text = text.trim();
    let network = match text.parse::<IpNet>() {
        Ok(network) => network.trunc(),
        Err(_) => IpNet::from(text.parse::<IpAddr>().ok()?),
    };
    // Callers' addresses are compared in their shortest form.
    match network {
        IpNet::V6(v6) => match v6.addr().to_ipv4_mapped() {
            Some(v4) if v6.prefix_len() >= MAPPED_BITS => {
                Some(IpNet::V4(Ipv4Net::new(v4, v6.prefix_len() - MAPPED_BITS).ok()?))
            }
            _ => Some(network),
        },
        IpNet::V4(_) => Some(network),
    }
}

#[cfg(test)]
mod tests;
