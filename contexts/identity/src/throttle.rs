use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use mpanel_crypto::Token;
use mpanel_kernel::clock::SharedClock;

use crate::domain::Network;

/// Keys of a generation; two generations are remembered.
const KEPT: usize = 10_000;

/// How often something may happen for each key (GCRA).
///
/// Kept in memory, not in the database: a counter there would cost a write before each password that
/// is tried, which makes the throttle itself the way to overload us. `serve` is one process, and a
/// restart, which forgets, takes longer than the attempts it gives back are worth.
pub struct Throttle<K> {
    clock: SharedClock,
    /// What one use counts, in nanoseconds.
    each: u64,
    /// What uses at once may count together.
    most: u64,
    /// When all uses of a key so far are forgotten, in nanoseconds since 1970.
    keys: Mutex<Generations<K, u64>>,
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
    /// Seconds after which there is room again, at least one.
    pub fn check(&self, key: &K) -> Result<(), u32> {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        let forgotten = self.after_one_more(&keys, key)?;
        keys.put(key.clone(), forgotten);
        Ok(())
    }

    /// Whether there is room for one, without counting it.
    ///
    /// # Errors
    /// As [`Throttle::check`].
    pub fn look(&self, key: &K) -> Result<(), u32> {
        let keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        self.after_one_more(&keys, key).map(drop)
    }

    fn after_one_more(&self, keys: &Generations<K, u64>, key: &K) -> Result<u64, u32> {
        // To the year 2554.
        let now = u64::try_from(self.clock.now().as_nanosecond()).unwrap_or_default();
        let forgotten = keys.get(key).copied().unwrap_or(now).max(now).saturating_add(self.each);
        match (forgotten - now).checked_sub(self.most) {
            None | Some(0) => Ok(forgotten),
            Some(wait) => Err(u32::try_from(wait.div_ceil(1_000_000_000)).unwrap_or(u32::MAX)),
        }
    }

    #[cfg(test)]
    pub(crate) fn remembered(&self) -> usize {
        self.keys.lock().unwrap().len()
    }
}

fn nanoseconds(count: u128) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

/// Credentials that turn out to be none: each costs a look-up, so an address has only so many.
///
/// Credentials that were given out or good a while ago are let through from an address that has none
/// left, or else one guest in a house could lock everybody in it out.
pub struct Guesses {
    failures: Throttle<Network>,
    good: Mutex<Generations<[u8; 32], ()>>,
}

impl Guesses {
    /// `burst` at once for an address, and `per_minute` from then on.
    #[must_use]
    pub fn new(clock: SharedClock, burst: u32, per_minute: u32) -> Self {
        let (burst, per_minute) = (burst.max(1), per_minute.max(1));
        let refill = Duration::from_secs(60).saturating_mul(burst) / per_minute;
        Self {
            failures: Throttle::new(clock, burst, refill),
            good: Mutex::default(),
        }
    }

    /// Whether the credential with this hash may be looked up for a request from `address`.
    ///
    /// # Errors
    /// Seconds after which there is room again, at least one.
    pub fn may_look_up(&self, address: Option<IpAddr>, hash: &[u8; 32]) -> Result<(), u32> {
        let good = self.good.lock().unwrap_or_else(PoisonError::into_inner);
        if good.get(hash).is_some() {
            return Ok(());
        }
        drop(good);
        self.failures.look(&Network::of_caller(address))
    }

    /// The credential was good.
    pub fn succeeded(&self, hash: [u8; 32]) {
        self.good.lock().unwrap_or_else(PoisonError::into_inner).put(hash, ());
    }

    /// The credential was just given out.
    pub(crate) fn gave(&self, token: &Token) {
        if let Ok(hash) = token.hash().as_bytes().try_into() {
            self.succeeded(hash);
        }
    }

    /// The credential was none, or is none any more.
    pub fn failed(&self, address: Option<IpAddr>, hash: &[u8; 32]) {
        self.good.lock().unwrap_or_else(PoisonError::into_inner).remove(hash);
        // Without room left, all there is to count is counted.
        let _full = self.failures.check(&Network::of_caller(address));
    }
}

/// A map that forgets what was not put for long. Work and memory are bounded: when the young
/// generation is full the old one goes, all at once, and whatever is put is young again.
struct Generations<K, V> {
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
    fn get(&self, key: &K) -> Option<&V> {
        self.young.get(key).or_else(|| self.old.get(key))
    }

    fn put(&mut self, key: K, value: V) {
        if self.young.len() >= KEPT && !self.young.contains_key(&key) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, value);
    }

    fn remove(&mut self, key: &K) {
        self.young.remove(key);
        self.old.remove(key);
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }
}
