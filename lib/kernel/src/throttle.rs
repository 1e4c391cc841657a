//! How often something may happen.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::clock::SharedClock;

/// Keys of a generation; two generations are remembered.
const KEPT: usize = 10_000;
const SECOND: u64 = 1_000_000_000;

/// How often something may happen for each key (GCRA).
///
/// Kept in memory, not in the database: a counter there would cost a write before each request that
/// is made, which makes the throttle itself the way to overload us. `serve` is one process, and a
/// restart, which forgets, takes longer than what it gives back is worth.
pub struct Throttle<K> {
    clock: SharedClock,
    /// What one use counts, in nanoseconds.
    each: u64,
    /// What uses at once may count together.
    most: u64,
    /// When all uses of a key so far are forgotten, in nanoseconds since 1970.
    keys: Mutex<Generations<K, u64>>,
}

/// Where a key stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Left {
    /// Uses that there is room for now.
    pub uses: u32,
    /// Seconds until there is room for a whole burst.
    pub full: u32,
    /// Seconds until there is room for one.
    pub wait: u32,
}

impl<K: Hash + Eq + Clone> Throttle<K> {
    /// `burst` at once, and all of them again after `refill`.
    #[must_use]
    pub fn new(clock: SharedClock, burst: u32, refill: Duration) -> Self {
        let burst = burst.max(1);
        let each = nanoseconds((refill / burst).as_nanos()).max(1);
        Self {
            clock,
            each,
            most: each.saturating_mul(burst.into()),
            keys: Mutex::default(),
        }
    }

    /// Counts one.
    ///
    /// # Errors
    /// Without room for it.
    pub fn take(&self, key: &K) -> Result<Left, Left> {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.now();
        let forgotten = self.forgotten(&keys, key, now);
        let after = forgotten.saturating_add(self.each);
        if after - now > self.most {
            return Err(self.left(forgotten - now));
        }
        keys.put(key.clone(), after);
        Ok(self.left(after - now))
    }

    /// Counts one.
    ///
    /// # Errors
    /// Seconds after which there is room again, at least one.
    pub fn check(&self, key: &K) -> Result<(), u32> {
        self.take(key).map(drop).map_err(|left| left.wait)
    }

    /// Whether there is room for one, without counting it.
    ///
    /// # Errors
    /// As [`Throttle::check`].
    pub fn look(&self, key: &K) -> Result<(), u32> {
        let keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.now();
        match self.left(self.forgotten(&keys, key, now) - now) {
            Left { wait: 0, .. } => Ok(()),
            left => Err(left.wait),
        }
    }

    /// To the year 2554.
    fn now(&self) -> u64 {
        u64::try_from(self.clock.now().as_nanosecond()).unwrap_or_default()
    }

    fn forgotten(&self, keys: &Generations<K, u64>, key: &K, now: u64) -> u64 {
        keys.get(key).copied().unwrap_or(now).max(now)
    }

    /// With so much in use.
    fn left(&self, used: u64) -> Left {
        let room = self.most.saturating_sub(used);
        let seconds = |count: u64| u32::try_from(count.div_ceil(SECOND)).unwrap_or(u32::MAX);
        Left {
            uses: u32::try_from(room / self.each).unwrap_or(u32::MAX),
            full: seconds(used),
            wait: seconds(self.each.saturating_sub(room)),
        }
    }

    /// For how many keys anything is remembered.
    #[must_use]
    pub fn remembered(&self) -> usize {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

fn nanoseconds(count: u128) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

/// A map that forgets what was not put for long. Work and memory are bounded: when the young
/// generation is full the old one goes, all at once, and whatever is put is young again.
pub struct Generations<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
}

impl<K, V> Default for Generations<K, V> {
    fn default() -> Self {
        Self {
            young: HashMap::new(),
            old: HashMap::new(),
        }
    }
}

impl<K: Hash + Eq, V> Generations<K, V> {
    pub fn get(&self, key: &K) -> Option<&V> {
        self.young.get(key).or_else(|| self.old.get(key))
    }

    pub fn put(&mut self, key: K, value: V) {
        if self.young.len() >= KEPT && !self.young.contains_key(&key) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, value);
    }

    pub fn remove(&mut self, key: &K) {
        self.young.remove(key);
        self.old.remove(key);
    }

    fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }
}
