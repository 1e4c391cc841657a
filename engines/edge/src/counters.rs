//! Cumulative counters per host name. They only grow, survive every change of configuration and are kept after a host
//! is removed until [`crate::Edge::forget_counters`], so that a meter reading them never loses traffic.

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
    /// Body bytes read from clients.
    pub bytes_in: u64,
    /// Body bytes handed to the connection; heads and TLS records are not counted.
    pub bytes_out: u64,
    /// Answers by class: 1xx, 2xx, 3xx, 4xx, 5xx.
    pub status: [u64; 5],
    /// Requests by time from head to answer's head, buckets as in [`LATENCY_BUCKETS_MICROS`].
    pub latency: [u64; LATENCY_BUCKETS_MICROS.len() + 1],
    /// Sum of those times in microseconds.
    pub latency_micros: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    requests: AtomicU64,
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
        self.requests.fetch_add(1, Relaxed);
        self.status[class].fetch_add(1, Relaxed);
        self.latency[bucket.unwrap_or(LATENCY_BUCKETS_MICROS.len())].fetch_add(1, Relaxed);
        self.latency_micros.fetch_add(micros, Relaxed);
    }

    pub(crate) fn received(&self, bytes: usize) {
        self.bytes_in.fetch_add(bytes as u64, Relaxed);
    }

    pub(crate) fn sent(&self, bytes: usize) {
        self.bytes_out.fetch_add(bytes as u64, Relaxed);
    }

    fn read(&self, key: &Key, live: bool) -> HostCounters {
        HostCounters {
            host: key.0.to_string(),
            site: key.1.to_string(),
            live,
            requests: self.requests.load(Relaxed),
            bytes_in: self.bytes_in.load(Relaxed),
            bytes_out: self.bytes_out.load(Relaxed),
            status: std::array::from_fn(|at| self.status[at].load(Relaxed)),
            latency: std::array::from_fn(|at| self.latency[at].load(Relaxed)),
            latency_micros: self.latency_micros.load(Relaxed),
        }
    }
}

type Key = (Box<str>, Box<str>);

/// Every counter ever handed out, by host and site label.
#[derive(Debug, Default)]
pub(crate) struct Registry(Mutex<HashMap<Key, Arc<Counters>>>);

impl Registry {
    pub(crate) fn get(&self, host: &str, site: &str) -> Arc<Counters> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(all.entry((host.into(), site.into())).or_default())
    }

    /// Reads all counters; one is live while something besides the registry holds it.
    pub(crate) fn read(&self) -> Vec<HostCounters> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut out: Vec<_> = all
            .iter()
            .map(|(key, counters)| counters.read(key, Arc::strong_count(counters) > 1))
            .collect();
        out.sort_by(|a, b| (&a.host, &a.site).cmp(&(&b.host, &b.site)));
        out
    }

    /// Drops a counter that nothing uses any more, provided it still reads as `last`.
    pub(crate) fn forget(&self, last: &HostCounters) -> bool {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key: Key = (last.host.as_str().into(), last.site.as_str().into());
        let unused = all
            .get(&key)
            .is_some_and(|counters| Arc::strong_count(counters) == 1 && counters.read(&key, last.live) == *last);
        unused && all.remove(&key).is_some()
    }
}
