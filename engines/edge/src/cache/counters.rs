//! What the cache has done for each site. Cumulative; relaxed additions, nothing that sites share.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use serde::Serialize;

/// One reading of one site's counters.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CacheCounters {
    /// Its label.
    pub site: String,
    /// Requests answered from memory with a fresh answer.
    pub hits: u64,
    /// Requests for which the origin was asked, and the answer could have been kept.
    pub misses: u64,
    /// Requests that waited for another's answer from the origin and got it.
    pub collapsed: u64,
    /// Requests answered with a stale answer.
    pub stale: u64,
    /// Answers that the origin found unchanged.
    pub revalidated: u64,
    /// Requests that went to the origin by rule: methods, cookies, paths, what may not be kept.
    pub passed: u64,
    /// Bytes of bodies that did not come from the origin for the request they answer.
    pub saved_bytes: u64,
    /// Answers put out to make room.
    pub evicted: u64,
    /// Bytes held at present.
    pub held_bytes: u64,
    /// Answers held at present.
    pub held: u64,
}

impl CacheCounters {
    /// Hits, also stale and collapsed ones, of all requests that could have been; `None` before the first.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a ratio has no use for the last bits")]
    pub fn hit_ratio(&self) -> Option<f64> {
        let hits = self.hits + self.stale + self.collapsed;
        let all = hits + self.misses;
        (all > 0).then(|| hits as f64 / all as f64)
    }
}

macro_rules! counters {
    ($($name:ident),*) => {
        #[derive(Debug, Default)]
        pub(crate) struct Counters {
            $(pub(crate) $name: Counter,)*
        }

        impl Counters {
            pub(crate) fn read(&self, site: &str) -> CacheCounters {
                CacheCounters { site: site.to_owned(), $($name: self.$name.get(),)* }
            }
        }
    };
}

counters!(
    hits,
    misses,
    collapsed,
    stale,
    revalidated,
    passed,
    saved_bytes,
    evicted,
    held_bytes,
    held
);

/// One number.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, amount: u64) {
        self.0.fetch_add(amount, Relaxed);
    }

    pub(crate) fn sub(&self, amount: u64) {
        self.0.fetch_sub(amount, Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}
