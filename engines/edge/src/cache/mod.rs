//! A shared HTTP cache (RFC 9111) in memory, in front of proxies and PHP.
//!
//! [`flow`] decides what happens to a request and [`fetch`] asks the origin; [`policy`] and [`directives`] say what may be kept; [`key`] under what;
//! [`store`] keeps it within the budgets; [`fill`] lets many read one answer as it comes; [`purge`] forgets; [`passing`] is about
//! requests that the cache does not answer.

mod body;
mod config;
mod counters;
mod directives;
mod fetch;
mod fill;
mod flow;
mod group;
mod hook;
mod key;
mod marks;
mod object;
mod passing;
mod policy;
mod purge;
mod serve;
mod store;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::AcqRel};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

pub(crate) use body::CacheBody;
pub(crate) use config::Rules;
pub use config::{CachePolicy, Mode, Query, SetCookie};
pub use counters::CacheCounters;
pub(crate) use flow::{Asked, Origin, Outcome, respond};
pub(crate) use hook::answer;
pub use purge::{Purge, PurgeWhat};
pub(crate) use serve::Answer;

use crate::Clock;
use key::Key;
use purge::{Applied, Sequence, Site};
use store::Store;

/// How the cache runs.
#[derive(Clone, Debug)]
pub struct CacheOptions {
    /// Bytes of memory for answers of all sites together.
    pub memory_bytes: u64,
    /// How long a request waits for an answer that another one has asked for before it asks itself.
    pub patience: Duration,
}

impl Default for CacheOptions {
    fn default() -> Self {
        Self {
            memory_bytes: 256 * 1024 * 1024,
            patience: Duration::from_secs(5),
        }
    }
}

/// The cache of all threads.
pub(crate) struct Cache {
    pub(crate) store: Store,
    sequence: Sequence,
    applied: Applied,
    sites: RwLock<HashMap<Box<str>, Arc<Site>>>,
    clock: Arc<dyn Clock>,
    patience: Duration,
    /// When the sweep came by last, and the number of the sequence when its present round began.
    sweep: Mutex<Option<Instant>>,
    round: AtomicU64,
}

/// How often a part is swept.
const SWEEP: Duration = Duration::from_millis(200);

impl Cache {
    pub(crate) fn new(options: &CacheOptions, clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self {
            store: Store::new(options.memory_bytes),
            sequence: Sequence::default(),
            applied: Applied::default(),
            sites: RwLock::default(),
            clock,
            patience: options.patience,
            sweep: Mutex::new(None),
            round: AtomicU64::new(0),
        })
    }

    /// Makes a host's policy ready. A host without a site label is a site by its own name.
    ///
    /// # Errors
    /// What is wrong, with the field.
    pub(crate) fn rules(&self, policy: &CachePolicy, host: &str, site: &str) -> Result<Option<Arc<Rules>>, String> {
        let label = if site.is_empty() { host } else { site };
        let group = |label: &str, budget| self.store.group(label, budget);
        Ok(Rules::compile(policy, || self.site(label), group)?.map(Arc::new))
    }

    fn site(&self, label: &str) -> Arc<Site> {
        let mut sites = self.sites.write().unwrap_or_else(PoisonError::into_inner);
        let site = sites.entry(label.into()).or_insert_with(|| Arc::new(Site::new(label)));
        Arc::clone(site)
    }

    /// Forgets. Once this has returned, no request that comes gets what is meant, not even what is on its way.
    /// `rules` are those of the host, for one address.
    pub(crate) fn purge(&self, purge: &Purge, rules: Option<&Rules>) {
        let known = {
            let sites = self.sites.read().unwrap_or_else(PoisonError::into_inner);
            sites.get(&*purge.site).map(Arc::clone)
        };
        // A site that nobody has asked for has nothing here.
        let Some(site) = known else { return };
        let mut what = purge.what.clone();
        match &mut what {
            PurgeWhat::Url { host, path } => {
                if let Some(rules) = rules.filter(|rules| Arc::ptr_eq(&rules.site, &site)) {
                    self.forget_address(rules, host, path, purge.soft);
                }
            }
            PurgeWhat::Prefix { path, .. } => {
                if let Ok(normal) = crate::path::normalise(path) {
                    *path = format!("/{}", normal.relative);
                }
                site.purge(&what, purge.soft, self.sequence.next());
            }
            _ => site.purge(&what, purge.soft, self.sequence.next()),
        }
    }

    /// The same from a log that is read in order; what has been applied is not applied again.
    pub(crate) fn purge_logged(&self, seq: u64, purge: &Purge, rules: Option<&Rules>) {
        if self.applied.is_new(seq) {
            self.purge(purge, rules);
            self.applied.reached(seq);
        }
    }

    /// The last number of the log that has been applied.
    pub(crate) fn applied(&self) -> u64 {
        self.applied.last()
    }

    /// Forgets one address over both schemes.
    fn forget_address(&self, rules: &Rules, authority: &str, target: &str, soft: bool) {
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (target, None),
        };
        for https in [false, true] {
            if let Some(key) = Key::new(rules, https, authority, path, query) {
                self.store.purge(key.as_bytes(), soft);
            }
        }
    }

    /// Reads every site's counters.
    pub(crate) fn counters(&self) -> Vec<CacheCounters> {
        let sites = self.sites.read().unwrap_or_else(PoisonError::into_inner);
        let mut out: Vec<_> = sites.values().map(|site| site.counters.read(site.label())).collect();
        out.sort_by(|a, b| a.site.cmp(&b.site));
        out
    }

    /// Called often by every thread: now and then one of them frees what nobody can be served any more.
    pub(crate) fn sweep(&self) {
        let now = Instant::now();
        {
            let Ok(mut last) = self.sweep.try_lock() else { return };
            if last.is_some_and(|last| now.duration_since(last) < SWEEP) {
                return;
            }
            *last = Some(now);
        }
        if self.store.sweep(now, self.clock.now()) {
            self.end_round();
        }
    }

    /// All parts, one after the other.
    #[cfg(test)]
    fn sweep_round(&self) {
        while !self.store.sweep(Instant::now(), self.clock.now()) {}
        self.end_round();
    }

    fn end_round(&self) {
        // All parts have been seen since the number was taken: purges up to it have nothing left to do.
        let done = self.round.swap(self.sequence.now(), AcqRel);
        let mut sites = self.sites.write().unwrap_or_else(PoisonError::into_inner);
        sites.retain(|_, site| {
            site.tidy(done);
            Arc::strong_count(site) > 1
        });
        drop(sites);
        self.store.tidy();
    }
}
