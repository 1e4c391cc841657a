//! The set of zones being served.

use std::fmt;
use std::hash::BuildHasher;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::{ArcSwap, Guard};
use foldhash::fast::RandomState;
use hashbrown::HashTable;

use crate::name::{self, Lengths};
use crate::rdata;
use crate::zone::Zone;

/// A change copies one shard, so its cost is that of the zones in it.
const SHARDS: usize = 256;

type Shard = HashTable<Arc<Zone>>;

/// An immutable snapshot of all zones, found by apex.
#[derive(Clone)]
pub struct ZoneMap {
    shards: Box<[Arc<Shard>]>,
    hasher: RandomState,
    lengths: Lengths,
    count: usize,
}

impl fmt::Debug for ZoneMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ZoneMap")
            .field("count", &self.count)
            .finish_non_exhaustive()
    }
}

impl Default for ZoneMap {
    fn default() -> Self {
        let empty = Arc::new(Shard::new());
        Self {
            shards: std::iter::repeat_n(empty, SHARDS).collect(),
            hasher: RandomState::default(),
            lengths: Lengths::default(),
            count: 0,
        }
    }
}

impl ZoneMap {
    /// The number of zones.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there is no zone.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// All zones, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Zone>> {
        self.shards.iter().flat_map(|shard| shard.iter())
    }

    fn shard_of(hash: u64) -> usize {
        // The table takes its position from the low bits and its tag from the top seven.
        usize::try_from((hash >> 40) % SHARDS as u64).unwrap_or(0)
    }

    /// The zone with exactly this apex, in lower-case wire form.
    #[must_use]
    pub fn get(&self, apex: &[u8]) -> Option<&Arc<Zone>> {
        if !self.lengths.contains(apex.len()) {
            return None;
        }
        let hash = self.hasher.hash_one(apex);
        self.shards
            .get(Self::shard_of(hash))?
            .find(hash, |zone| zone.apex() == apex)
    }

    /// The zone that answers for a lower-case wire name: the one with the longest matching apex, save that the DS set of
    /// a zone belongs to its parent where both are here (RFC 4035 §3.1.4.1).
    #[must_use]
    pub fn find(&self, name: &[u8], rtype: u16) -> Option<&Arc<Zone>> {
        let mut child = None;
        for at in name::label_offsets(name) {
            if let Some(zone) = self.get(name.get(at..)?) {
                if at == 0 && rtype == rdata::DS {
                    child = Some(zone);
                    continue;
                }
                return Some(zone);
            }
        }
        child
    }

    fn put(&mut self, zone: Arc<Zone>) -> Option<Arc<Zone>> {
        self.lengths.insert(zone.apex().len());
        let hasher = &self.hasher;
        let hash = hasher.hash_one(zone.apex());
        let shard = Arc::make_mut(&mut self.shards[Self::shard_of(hash)]);
        if let Some(slot) = shard.find_mut(hash, |held| held.apex() == zone.apex()) {
            return Some(std::mem::replace(slot, zone));
        }
        shard.insert_unique(hash, zone, |held| hasher.hash_one(held.apex()));
        self.count += 1;
        None
    }

    fn take(&mut self, apex: &[u8]) -> Option<Arc<Zone>> {
        self.get(apex)?;
        let hash = self.hasher.hash_one(apex);
        let shard = Arc::make_mut(&mut self.shards[Self::shard_of(hash)]);
        let (zone, _) = shard.find_entry(hash, |held| held.apex() == apex).ok()?.remove();
        self.count -= 1;
        Some(zone)
    }
}

/// One change to a [`ZoneSet`].
#[derive(Debug, Clone)]
pub enum Change {
    /// Adds the zone, or replaces the one with its apex.
    Upsert(Arc<Zone>),
    /// Removes the zone with this apex, in lower-case wire form.
    Delete(Vec<u8>),
}

/// The zones being served. Readers never wait; a change is in force for every query received after it returned.
#[derive(Debug, Default)]
pub struct ZoneSet {
    current: ArcSwap<ZoneMap>,
    /// Serialises writers.
    writer: Mutex<()>,
}

impl ZoneSet {
    /// No zones.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The current snapshot, for as long as it is needed.
    #[must_use]
    pub fn snapshot(&self) -> Arc<ZoneMap> {
        self.current.load_full()
    }

    /// The current snapshot for a short while: cheap, and not to be held across waits.
    pub(crate) fn load(&self) -> Guard<Arc<ZoneMap>> {
        self.current.load()
    }

    /// Applies changes together.
    pub fn apply(&self, changes: impl IntoIterator<Item = Change>) {
        let _writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let mut map = ZoneMap::clone(&self.current.load());
        for change in changes {
            match change {
                Change::Upsert(zone) => drop(map.put(zone)),
                Change::Delete(apex) => drop(map.take(&apex)),
            }
        }
        self.current.store(Arc::new(map));
    }

    /// Adds or replaces a zone.
    pub fn upsert(&self, zone: impl Into<Arc<Zone>>) {
        self.apply([Change::Upsert(zone.into())]);
    }

    /// Removes the zone with this apex, in presentation format. Returns whether there was one.
    pub fn delete(&self, apex: &str) -> bool {
        let Ok(apex) = name::parse(apex) else { return false };
        let held = self.current.load().get(&apex).is_some();
        if held {
            self.apply([Change::Delete(apex)]);
        }
        held
    }

    /// Replaces all zones by these.
    pub fn replace_all(&self, zones: impl IntoIterator<Item = Arc<Zone>>) {
        let mut map = ZoneMap::default();
        for zone in zones {
            map.put(zone);
        }
        let _writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        self.current.store(Arc::new(map));
    }
}
