//! Counting connections: in all, and by address.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use crate::options::Limits;

pub(crate) struct Gate {
    open: AtomicUsize,
    limit: usize,
    by_address: Mutex<HashMap<IpAddr, usize>>,
    limit_by_address: usize,
}

impl Gate {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            open: AtomicUsize::new(0),
            limit: limits.connections,
            by_address: Mutex::default(),
            limit_by_address: limits.connections_per_address,
        }
    }

    pub(crate) fn open(&self) -> usize {
        self.open.load(Relaxed)
    }

    /// Whether more than four fifths of the places are taken.
    pub(crate) fn is_pressed(&self) -> bool {
        self.open() > self.limit / 5 * 4
    }

    /// Takes a place for a connection, if there is one.
    pub(crate) fn enter(self: &Arc<Self>, peer: IpAddr) -> Option<Place> {
        let address = bucket(peer);
        let mut by_address = self.by_address.lock().unwrap_or_else(PoisonError::into_inner);
        let count = by_address.get(&address).copied().unwrap_or(0);
        if count >= self.limit_by_address || self.open() >= self.limit {
            return None;
        }
        by_address.insert(address, count + 1);
        self.open.fetch_add(1, Relaxed);
        Some(Place {
            gate: Arc::clone(self),
            address,
        })
    }
}

/// A taken place; given back when dropped.
pub(crate) struct Place {
    gate: Arc<Gate>,
    address: IpAddr,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut by_address = self.gate.by_address.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = by_address.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                by_address.remove(&self.address);
            }
        }
        self.gate.open.fetch_sub(1, Relaxed);
    }
}

/// One customer of an access provider holds a whole /64.
fn bucket(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
    }
}
