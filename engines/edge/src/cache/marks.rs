//! Addresses whose answers may not be kept, it seems: nobody waits for the next one in vain.
//!
//! They are known by hashes, which weigh the same however long an address is. Of two with one hash, the other one is only
//! fetched alone for a while.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// In one part; beyond, requests wait for one another until an answer has come.
const MAX_MARKS: usize = 4096;
/// How long an address is remembered.
const HIT_FOR_MISS: Duration = Duration::from_secs(30);

/// Which of so many parts has a hash.
pub(super) fn part_of(hash: u64, parts: usize) -> usize {
    usize::try_from(hash >> 32).unwrap_or_default() % parts
}

/// Until when, by hash.
type Part = HashMap<u64, Instant>;

pub(super) struct Marks(Box<[Mutex<Part>]>);

impl Marks {
    pub(super) fn new(parts: usize) -> Self {
        Self((0..parts).map(|_| Mutex::default()).collect())
    }

    fn lock(&self, at: usize) -> MutexGuard<'_, Part> {
        self.0[at].lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn part(&self, hash: u64) -> MutexGuard<'_, Part> {
        self.lock(part_of(hash, self.0.len()))
    }

    pub(super) fn set(&self, hash: u64, now: Instant) {
        let mut part = self.part(hash);
        if part.len() < MAX_MARKS || part.contains_key(&hash) {
            part.insert(hash, now + HIT_FOR_MISS);
        }
    }

    pub(super) fn has(&self, hash: u64, now: Instant) -> bool {
        self.part(hash).get(&hash).is_some_and(|until| now < *until)
    }

    pub(super) fn clear(&self, hash: u64) {
        self.part(hash).remove(&hash);
    }

    /// Forgets what is over in one part.
    pub(super) fn sweep(&self, at: usize, now: Instant) {
        let mut part = self.lock(at);
        part.retain(|_, until| now < *until);
        if part.capacity() > 4 * part.len() + 64 {
            part.shrink_to_fit();
        }
    }
}
