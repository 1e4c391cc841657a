//! Cumulative counters per host name. They only grow, survive every change of configuration, and are kept after a host
//! is removed until [`crate::Edge::take_traffic`] has handed over the rest, so that a meter never loses traffic.
//!
//! Counting is a relaxed addition to the host's own counters: no lock, no allocation, and nothing that hosts share.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::StatusCode;
use serde::Serialize;

/// Upper bounds, in microseconds, of the latency buckets; a last bucket takes the rest.
pub const LATENCY_BUCKETS_MICROS: [u64; 10] = [
    100, 250, 1_000, 5_000, 25_000, 100_000, 250_000, 1_000_000, 5_000_000, 30_000_000,
];

/// One reading.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct HostCounters {
    /// Key of the host entry; `panel` for the panel's listener; empty for requests that matched no host.
    pub host: String,
    /// The site label of the entry, empty when it has none.
    pub site: String,
    /// Whether the host is still configured.
    pub live: bool,
    /// Requests answered.
    pub requests: u64,
    /// Bytes read from clients: heads, bodies and what frames them, without TLS.
    pub bytes_in: u64,
    /// Bytes written to clients, in the same way: what the connection took, not what was meant to be sent.
    pub bytes_out: u64,
    /// Answers by class: 1xx, 2xx, 3xx, 4xx, 5xx.
    pub status: [u64; 5],
    /// Requests by time from head to answer's head, buckets as in [`LATENCY_BUCKETS_MICROS`].
    pub latency: [u64; LATENCY_BUCKETS_MICROS.len() + 1],
    /// Sum of those times in microseconds.
    pub latency_micros: u64,
}

/// An amount of traffic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Requests answered.
    pub requests: u64,
    /// As in [`HostCounters::bytes_in`].
    pub bytes_in: u64,
    /// As in [`HostCounters::bytes_out`].
    pub bytes_out: u64,
    /// As in [`HostCounters::status`]; its sum are the requests.
    pub status: [u64; 5],
}

impl Traffic {
    fn since(self, before: Self) -> Self {
        Self {
            requests: self.requests - before.requests,
            bytes_in: self.bytes_in - before.bytes_in,
            bytes_out: self.bytes_out - before.bytes_out,
            status: std::array::from_fn(|at| self.status[at] - before.status[at]),
        }
    }
}

/// What one host's counters have grown by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiteTraffic {
    /// The site label of the entry; several hosts may have the same.
    pub site: Box<str>,
    /// How much.
    pub traffic: Traffic,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
    status: [AtomicU64; 5],
    latency: [AtomicU64; LATENCY_BUCKETS_MICROS.len() + 1],
    latency_micros: AtomicU64,
}

impl Counters {
    pub(crate) fn answered(&self, status: StatusCode, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = LATENCY_BUCKETS_MICROS.iter().position(|bound| micros <= *bound);
        let class = usize::from(status.as_u16() / 100).clamp(1, 5) - 1;
        self.status[class].fetch_add(1, Relaxed);
        self.latency[bucket.unwrap_or(LATENCY_BUCKETS_MICROS.len())].fetch_add(1, Relaxed);
        self.latency_micros.fetch_add(micros, Relaxed);
    }

    pub(crate) fn received(&self, bytes: u64) {
        self.bytes_in.fetch_add(bytes, Relaxed);
    }

    pub(crate) fn sent(&self, bytes: u64) {
        self.bytes_out.fetch_add(bytes, Relaxed);
    }

    fn traffic(&self) -> Traffic {
        // Read once: requests that are answered meanwhile are in both figures or in none.
        let status: [u64; 5] = std::array::from_fn(|at| self.status[at].load(Relaxed));
        Traffic {
            requests: status.iter().sum(),
            bytes_in: self.bytes_in.load(Relaxed),
            bytes_out: self.bytes_out.load(Relaxed),
            status,
        }
    }

    fn read(&self, key: &Key, live: bool) -> HostCounters {
        let Traffic {
            requests,
            bytes_in,
            bytes_out,
            status,
        } = self.traffic();
        HostCounters {
            host: key.0.to_string(),
            site: key.1.to_string(),
            live,
            requests,
            bytes_in,
            bytes_out,
            status,
            latency: std::array::from_fn(|at| self.latency[at].load(Relaxed)),
            latency_micros: self.latency_micros.load(Relaxed),
        }
    }
}

type Key = (Box<str>, Box<str>);

#[derive(Debug, Default)]
struct Held {
    counters: Arc<Counters>,
    /// Up to where it has been taken.
    taken: Traffic,
}

/// Every counter in use or not yet taken, by host and site label. Requests never come here.
#[derive(Debug, Default)]
pub(crate) struct Registry(Mutex<HashMap<Key, Held>>);

impl Registry {
    pub(crate) fn get(&self, host: &str, site: &str) -> Arc<Counters> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&all.entry((host.into(), site.into())).or_default().counters)
    }

    /// Reads all counters; one is live while something besides the registry holds it.
    pub(crate) fn read(&self) -> Vec<HostCounters> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut out: Vec<_> = all
            .iter()
            .map(|(key, held)| held.counters.read(key, Arc::strong_count(&held.counters) > 1))
            .collect();
        out.sort_by(|a, b| (&a.host, &a.site).cmp(&(&b.host, &b.site)));
        out
    }

    /// What labelled counters have grown by since they were taken last. Those that nothing uses any more are forgotten.
    pub(crate) fn take(&self) -> Vec<SiteTraffic> {
        let mut grown = Vec::new();
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|(_, site), held| {
            // Asked before it is read: then nobody counts any more, and whoever wants to begin waits for the lock.
            let unused = Arc::get_mut(&mut held.counters).is_some();
            let now = held.counters.traffic();
            let traffic = now.since(std::mem::replace(&mut held.taken, now));
            if !site.is_empty() && traffic != Traffic::default() {
                grown.push(SiteTraffic {
                    site: site.clone(),
                    traffic,
                });
            }
            !unused
        });
        grown
    }
}
