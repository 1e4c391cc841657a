//! Purging by generations. A purge takes the next number of one sequence and writes it to what it names; an answer
//! carries the number at which its request went to the origin, and is gone as soon as something it belongs to has a
//! higher one. So a purge costs the same for one answer and for a million, and catches those still on their way.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::AcqRel, Ordering::Acquire, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use serde::{Deserialize, Serialize};

use super::counters::Counters;

/// Tags of one answer that are kept; more of them make it uncacheable.
pub(crate) const MAX_TAGS: usize = 32;
/// What a tag takes besides its name: its cell, and its places in the site's table and in the answer.
const TAG: usize = 96;
/// Prefixes that one site remembers; older ones then count for the whole site.
const MAX_PREFIXES: usize = 128;

/// What is to be forgotten.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Purge {
    /// The site label of the hosts, as in their targets; a host without one is a site by its own name.
    pub site: String,
    /// Which of its answers.
    pub what: PurgeWhat,
    /// Whether they may still be served as stale answers are: they are revalidated, not lost.
    #[serde(default)]
    pub soft: bool,
}

/// Which answers of a site a purge means.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum PurgeWhat {
    /// All of them.
    Everything,
    /// Those of a host name.
    Host {
        /// `host[:port]`, as requests name it, in lower case.
        host: String,
    },
    /// Those whose path begins so, for any query.
    Prefix {
        /// As in [`PurgeWhat::Host`].
        host: String,
        /// Starts with a slash.
        path: String,
    },
    /// All variants of one address, over HTTP and HTTPS.
    Url {
        /// As in [`PurgeWhat::Host`].
        host: String,
        /// Path and query.
        path: String,
    },
    /// Those that the origin marked with any of these in `Cache-Tag` or `Surrogate-Key`.
    Tags {
        /// As the origin wrote them.
        tags: Vec<String>,
    },
}

/// The last purges of something.
#[derive(Debug, Default)]
pub(crate) struct Cell {
    hard: AtomicU64,
    soft: AtomicU64,
}

impl Cell {
    fn raise(&self, seq: u64, soft: bool) {
        if soft { &self.soft } else { &self.hard }.fetch_max(seq, AcqRel);
    }

    fn verdict(&self, born: u64) -> Purged {
        if self.hard.load(Acquire) > born {
            Purged::Gone
        } else if self.soft.load(Acquire) > born {
            Purged::Stale
        } else {
            Purged::No
        }
    }

    fn last(&self) -> u64 {
        self.hard.load(Acquire).max(self.soft.load(Acquire))
    }
}

/// What purges have made of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Purged {
    No,
    Stale,
    Gone,
}

#[derive(Debug)]
struct Prefix {
    host: Box<str>,
    path: Box<str>,
    seq: u64,
    soft: bool,
}

/// What is known about one site label: its purges and its counters.
#[derive(Debug, Default)]
pub(crate) struct Site {
    label: Box<str>,
    all: Cell,
    /// The last purge of anything: most answers need look no further.
    latest: AtomicU64,
    /// The last purge of tags: it catches what is on its way with tags nobody knows yet.
    tagged: AtomicU64,
    /// The last purge of those that were forgotten because nothing was left that they could mean.
    forgotten: AtomicU64,
    hosts: Mutex<HashMap<Box<str>, Arc<Cell>>>,
    tags: Mutex<HashMap<Box<str>, Arc<Cell>>>,
    prefixes: RwLock<Vec<Prefix>>,
    pub(crate) counters: Counters,
}

/// What an answer belongs to.
#[derive(Clone, Debug)]
pub(crate) struct Belongs {
    pub(crate) site: Arc<Site>,
    authority: Box<str>,
    path: Box<str>,
    host: Arc<Cell>,
    tags: Vec<Arc<Cell>>,
    /// Bytes of their names. Each answer carries those of its own, also where another one has the same.
    tag_bytes: usize,
    /// `None` until the answer's head has named them.
    tags_known: bool,
    born: u64,
}

impl Belongs {
    /// For a request about to go to the origin; `born` is the sequence's number at present.
    pub(crate) fn new(site: &Arc<Site>, authority: &str, path: &str, born: u64) -> Self {
        Self {
            host: cell(&site.hosts, authority),
            site: Arc::clone(site),
            authority: authority.into(),
            path: path.into(),
            tags: Vec::new(),
            tag_bytes: 0,
            tags_known: false,
            born,
        }
    }

    /// The same, once the answer has named its tags.
    pub(crate) fn tagged(&self, tags: &[String]) -> Self {
        Self {
            tags: tags.iter().map(|tag| cell(&self.site.tags, tag)).collect(),
            tag_bytes: tags.iter().map(String::len).sum(),
            tags_known: true,
            ..self.clone()
        }
    }

    /// The same for an answer that was found to hold when another went out. New tags take the place of old ones.
    pub(crate) fn reborn(&self, other: &Self, tags: &[String]) -> Self {
        let old = if tags.is_empty() {
            self.clone()
        } else {
            self.tagged(tags)
        };
        Self {
            born: other.born,
            ..old
        }
    }

    /// What purges have made of an answer that is not kept yet: those are meant, too, that its tags would tell, and those
    /// that have been forgotten.
    pub(crate) fn verdict_on_its_way(&self) -> Purged {
        let (site, born) = (&*self.site, self.born);
        let unnamed = !self.tags_known && site.tagged.load(Acquire) > born;
        if unnamed || site.forgotten.load(Acquire) > born {
            return Purged::Gone;
        }
        self.verdict()
    }

    pub(crate) fn verdict(&self) -> Purged {
        let (site, born) = (&*self.site, self.born);
        if site.latest.load(Acquire) <= born {
            return Purged::No;
        }
        let cells = self.tags.iter().map(|tag| tag.verdict(born));
        let mut worst = cells.max().unwrap_or(Purged::No);
        worst = worst.max(site.all.verdict(born)).max(self.host.verdict(born));
        let prefixes = site.prefixes.read().unwrap_or_else(PoisonError::into_inner);
        // Newest last.
        for prefix in prefixes.iter().rev().take_while(|prefix| prefix.seq > born) {
            if *prefix.host == *self.authority && self.path.starts_with(&*prefix.path) {
                worst = worst.max(if prefix.soft { Purged::Stale } else { Purged::Gone });
            }
        }
        worst
    }

    pub(crate) fn weight(&self) -> usize {
        self.authority.len() + self.path.len() + self.tags.len() * TAG + self.tag_bytes
    }
}

fn cell(all: &Mutex<HashMap<Box<str>, Arc<Cell>>>, name: &str) -> Arc<Cell> {
    let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(found) = all.get(name) {
        return Arc::clone(found);
    }
    Arc::clone(all.entry(name.into()).or_default())
}

impl Site {
    pub(crate) fn new(label: &str) -> Self {
        Self {
            label: label.into(),
            ..Self::default()
        }
    }

    pub(crate) fn label(&self) -> &str {
        &self.label
    }

    /// Records a purge; one address is the store's own affair.
    pub(crate) fn purge(&self, what: &PurgeWhat, soft: bool, seq: u64) {
        match what {
            PurgeWhat::Everything => self.all.raise(seq, soft),
            PurgeWhat::Host { host } => cell(&self.hosts, host).raise(seq, soft),
            PurgeWhat::Tags { tags } => {
                for tag in tags {
                    cell(&self.tags, tag).raise(seq, soft);
                }
                self.tagged.fetch_max(seq, AcqRel);
            }
            PurgeWhat::Prefix { host, path } => self.purge_prefix(host, path, soft, seq),
            PurgeWhat::Url { .. } => return,
        }
        // Last: who reads this number finds the others.
        self.latest.fetch_max(seq, AcqRel);
    }

    fn purge_prefix(&self, host: &str, path: &str, soft: bool, seq: u64) {
        let mut prefixes = self.prefixes.write().unwrap_or_else(PoisonError::into_inner);
        if prefixes.len() >= MAX_PREFIXES {
            let oldest = prefixes.remove(0);
            self.all.raise(oldest.seq, oldest.soft);
        }
        // A shorter prefix says all that longer ones said, unless they were harder.
        prefixes.retain(|old| !(*old.host == *host && old.path.starts_with(path) && (old.soft || !soft)));
        let new = Prefix {
            host: host.into(),
            path: path.into(),
            seq,
            soft,
        };
        // Two purges at once may come here the other way round.
        let at = prefixes.partition_point(|old| old.seq < seq);
        prefixes.insert(at, new);
    }

    /// Forgets purges up to `seq` that nothing kept refers to any more. What is still on its way and older is then taken
    /// for purged.
    pub(crate) fn tidy(&self, seq: u64) {
        for cells in [&self.hosts, &self.tags] {
            let mut cells = cells.lock().unwrap_or_else(PoisonError::into_inner);
            cells.retain(|_, cell| {
                let keep = Arc::strong_count(cell) > 1 || cell.last() > seq;
                if !keep {
                    self.forgotten.fetch_max(cell.last(), AcqRel);
                }
                keep
            });
            if cells.capacity() > 4 * cells.len() + 64 {
                cells.shrink_to_fit();
            }
        }
        let mut prefixes = self.prefixes.write().unwrap_or_else(PoisonError::into_inner);
        prefixes.retain(|prefix| {
            if prefix.seq <= seq {
                self.forgotten.fetch_max(prefix.seq, AcqRel);
            }
            prefix.seq > seq
        });
    }
}

/// The sequence of purges.
#[derive(Debug, Default)]
pub(crate) struct Sequence(AtomicU64);

impl Sequence {
    pub(crate) fn next(&self) -> u64 {
        self.0.fetch_add(1, AcqRel) + 1
    }

    pub(crate) fn now(&self) -> u64 {
        self.0.load(Acquire)
    }
}

/// Tags in the head of an answer: `Cache-Tag` has commas between them, `Surrogate-Key` spaces. `None` when there are too
/// many.
pub(crate) fn tags(headers: &http::HeaderMap) -> Option<Vec<String>> {
    let mut out: Vec<String> = Vec::new();
    for (name, separator) in [("cache-tag", ','), ("surrogate-key", ' ')] {
        for line in headers.get_all(name) {
            let line = String::from_utf8_lossy(line.as_bytes());
            for tag in line.split(separator).map(str::trim).filter(|tag| !tag.is_empty()) {
                if !out.iter().any(|known| known == tag) {
                    out.push(tag.to_owned());
                }
            }
        }
    }
    (out.len() <= MAX_TAGS).then_some(out)
}

/// The highest number of a purge log that has been applied.
#[derive(Debug, Default)]
pub(crate) struct Applied(AtomicU64);

impl Applied {
    pub(crate) fn is_new(&self, seq: u64) -> bool {
        seq > self.0.load(Relaxed)
    }

    pub(crate) fn reached(&self, seq: u64) {
        self.0.fetch_max(seq, AcqRel);
    }

    pub(crate) fn last(&self) -> u64 {
        self.0.load(Acquire)
    }
}
