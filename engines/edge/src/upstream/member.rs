//! One server of a pool.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use aws_lc_rs::digest;
use http::HeaderValue;

use super::share::Place;
use crate::backends::Server;
use crate::net::Address;

/// Moments are kept as milliseconds since this one.
static EPOCH: LazyLock<Instant> = LazyLock::new(Instant::now);

fn now() -> u64 {
    u64::try_from(EPOCH.elapsed().as_millis()).unwrap_or(u64::MAX)
}

#[derive(Debug)]
pub(crate) struct Member {
    /// Distinguishes it among all that threads have connections to.
    pub(crate) id: u64,
    pub(crate) address: Address,
    /// What `Host` says when the server is to be asked for its own name.
    pub(crate) host: HeaderValue,
    /// What a cookie says that binds to it: the same on every edge and after every restart, and not its address.
    pub(super) label: Box<str>,
    pub(super) weight: u32,
    pub(super) backup: bool,
    most: usize,
    /// Of a name: what it led to last.
    pub(super) found: ArcSwap<Vec<SocketAddr>>,
    open: AtomicUsize,
    failures: AtomicU32,
    ejected_until: AtomicU64,
    well: AtomicBool,
}

impl Member {
    pub(super) fn new(pool: &str, address: Address, server: &Server) -> Result<Self, String> {
        if server.weight == 0 {
            return Err(format!("{address}: weight must not be 0"));
        }
        let mut member = Self::only(address);
        let hash = digest::digest(&digest::SHA256, format!("{pool}\0{}", member.address).as_bytes());
        let hex = hash.as_ref().iter().take(8).map(|byte| format!("{byte:02x}"));
        member.label = hex.collect::<String>().into();
        member.weight = server.weight.into();
        member.backup = server.backup;
        member.most = usize::try_from(server.max_connections)
            .ok()
            .filter(|most| *most > 0)
            .unwrap_or(usize::MAX);
        Ok(member)
    }

    /// A server without a limit, a weight of one.
    pub(super) fn only(address: Address) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let host = match &address {
            Address::Unix(_) => HeaderValue::from_static("localhost"),
            other => HeaderValue::try_from(other.to_string()).unwrap_or(HeaderValue::from_static("localhost")),
        };
        Self {
            id: NEXT.fetch_add(1, Relaxed),
            address,
            host,
            label: "".into(),
            weight: 1,
            backup: false,
            most: usize::MAX,
            found: ArcSwap::default(),
            open: AtomicUsize::new(0),
            failures: AtomicU32::new(0),
            ejected_until: AtomicU64::new(0),
            well: AtomicBool::new(true),
        }
    }

    /// Whether a server of a new configuration is this one, with connections that may be used on.
    pub(super) fn is(&self, address: &Address, server: &Server) -> bool {
        let most = usize::try_from(server.max_connections).ok().filter(|most| *most > 0);
        self.address == *address
            && self.weight == u32::from(server.weight)
            && self.backup == server.backup
            && self.most == most.unwrap_or(usize::MAX)
    }

    /// Whether requests may be sent to it.
    pub(super) fn is_up(&self) -> bool {
        self.well.load(Relaxed) && self.ejected_until.load(Relaxed) <= now()
    }

    pub(super) fn has_room(&self) -> bool {
        self.open.load(Relaxed) < self.most
    }

    pub(super) fn open(&self) -> usize {
        self.open.load(Relaxed)
    }

    pub(super) fn worked(&self) {
        if self.failures.load(Relaxed) != 0 {
            self.failures.store(0, Relaxed);
        }
    }

    /// Whether it gets nothing for a while from now on.
    pub(super) fn failed(&self, limit: u32, eject: Duration) -> bool {
        let count = self.failures.fetch_add(1, Relaxed) + 1;
        if count < limit {
            return false;
        }
        let millis = u64::try_from(eject.as_millis()).unwrap_or(u64::MAX);
        let was = self.ejected_until.swap(now().saturating_add(millis), Relaxed);
        was <= now()
    }

    /// What a check has found; whether that is news.
    pub(super) fn checked(&self, well: bool) -> bool {
        if well {
            // A check that succeeds ends what failures began.
            self.ejected_until.store(0, Relaxed);
            self.failures.store(0, Relaxed);
        }
        self.well.swap(well, Relaxed) != well
    }

    /// Counts a request that has a place until it is dropped.
    pub(crate) fn enter(self: &Arc<Self>, place: &Arc<Place>) -> InFlight {
        self.open.fetch_add(1, Relaxed);
        InFlight {
            member: Arc::clone(self),
            _place: Arc::clone(place),
        }
    }
}

/// A request that a server has not answered to the end.
#[derive(Debug)]
pub(crate) struct InFlight {
    member: Arc<Member>,
    /// In the share of the pool's owner.
    _place: Arc<Place>,
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.member.open.fetch_sub(1, Relaxed);
    }
}
