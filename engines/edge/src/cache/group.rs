//! Memory by budget group, each with an order of eviction like that of S3-FIFO: what is new passes through a small queue, and
//! only what was used there gets into the main one.

use std::collections::{HashSet, VecDeque};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::AcqRel, Ordering::Acquire, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::object::{MAIN, Object, SMALL};

/// Memory of one budget group.
#[derive(Debug)]
pub(crate) struct Group {
    pub(super) budget: AtomicU64,
    queues: Mutex<Queues>,
    small: AtomicU64,
    main: AtomicU64,
    live: AtomicUsize,
    /// Bytes of all objects that exist, also of those that only a slow client still reads.
    held: AtomicU64,
    /// Bytes of bodies on their way.
    filling: AtomicU64,
    all: Arc<All>,
}

/// Memory of all groups together.
#[derive(Debug, Default)]
pub(super) struct All {
    pub(super) total: u64,
    /// Bytes in their queues.
    pub(super) queued: AtomicU64,
    /// As in each group.
    held: AtomicU64,
    filling: AtomicU64,
}

#[derive(Debug, Default)]
struct Queues {
    small: VecDeque<Weak<Object>>,
    main: VecDeque<Weak<Object>>,
    /// Hashes of what left the small queue unused: if it comes back, it was wanted.
    ghosts: VecDeque<u64>,
    ghost_set: HashSet<u64>,
}

impl All {
    pub(super) fn new(total: u64) -> Self {
        Self {
            total,
            ..Self::default()
        }
    }
}

impl Group {
    pub(super) fn new(budget: u64, all: &Arc<All>) -> Self {
        Self {
            all: Arc::clone(all),
            budget: AtomicU64::new(budget),
            queues: Mutex::default(),
            small: AtomicU64::new(0),
            main: AtomicU64::new(0),
            live: AtomicUsize::new(0),
            held: AtomicU64::new(0),
            filling: AtomicU64::new(0),
        }
    }

    pub(super) fn used(&self) -> u64 {
        self.small.load(Acquire) + self.main.load(Acquire)
    }

    pub(crate) fn hold(&self, weight: u64) {
        self.held.fetch_add(weight, AcqRel);
        self.all.held.fetch_add(weight, AcqRel);
    }

    pub(crate) fn let_go(&self, weight: u64) {
        self.held.fetch_sub(weight, AcqRel);
        self.all.held.fetch_sub(weight, AcqRel);
    }

    /// Takes memory for a body on its way; `false` when bodies and slow readers have as much as the group may hold, or all
    /// groups together.
    pub(crate) fn reserve(&self, bytes: u64) -> bool {
        let budget = self.budget.load(Relaxed);
        let filling = self.filling.fetch_add(bytes, AcqRel) + bytes;
        let all_filling = self.all.filling.fetch_add(bytes, AcqRel) + bytes;
        let room = |budget: u64, filling, held: &AtomicU64| {
            filling <= budget / 2 && held.load(Acquire) <= budget.saturating_add(budget / 2)
        };
        let fits = room(budget, filling, &self.held) && room(self.all.total, all_filling, &self.all.held);
        if !fits {
            self.release(bytes);
        }
        fits
    }

    pub(crate) fn release(&self, bytes: u64) {
        self.filling.fetch_sub(bytes, AcqRel);
        self.all.filling.fetch_sub(bytes, AcqRel);
    }

    /// Whether one object of so many bytes leaves room for others.
    pub(crate) fn takes(&self, bytes: u64) -> bool {
        bytes <= self.budget.load(Relaxed) / 4
    }

    /// Counts an object out of the queue it was in.
    pub(crate) fn left(&self, from: u8, weight: u64) {
        match from {
            SMALL => self.small.fetch_sub(weight, AcqRel),
            MAIN => self.main.fetch_sub(weight, AcqRel),
            _ => return,
        };
        self.all.queued.fetch_sub(weight, AcqRel);
        self.live.fetch_sub(1, AcqRel);
    }

    pub(super) fn admit(&self, object: &Arc<Object>, hash: u64) {
        let mut queues = self.lock();
        let (queue, count, place) = if queues.ghost_set.remove(&hash) {
            (&mut queues.main, &self.main, MAIN)
        } else {
            (&mut queues.small, &self.small, SMALL)
        };
        count.fetch_add(object.weight, AcqRel);
        self.all.queued.fetch_add(object.weight, AcqRel);
        self.live.fetch_add(1, AcqRel);
        queue.push_back(Arc::downgrade(object));
        if object.place(place).is_none() {
            self.left(place, object.weight);
        }
        let live = self.live.load(Acquire);
        if queues.small.len() + queues.main.len() > 2 * live + 64 {
            let alive = |object: &Weak<Object>| object.upgrade().is_some_and(|object| !object.is_gone());
            queues.small.retain(alive);
            queues.main.retain(alive);
        }
    }

    /// Takes objects out until no more than `limit` bytes are left. They still are in the map.
    pub(super) fn evict(&self, limit: u64, hash: impl Fn(&[u8]) -> u64) -> Vec<Arc<Object>> {
        let mut out = Vec::new();
        if self.used() <= limit {
            return out;
        }
        let mut queues = self.lock();
        while self.used() > limit {
            let from_small = self.small.load(Acquire) > limit / 10 || self.main.load(Acquire) == 0;
            let queue = if from_small {
                &mut queues.small
            } else {
                &mut queues.main
            };
            let Some(object) = queue.pop_front() else {
                // The other one, unless both are empty: then counts and queues are about to agree again.
                let other = if from_small {
                    &mut queues.main
                } else {
                    &mut queues.small
                };
                match other.pop_front().and_then(|object| object.upgrade()) {
                    Some(object) => {
                        object.leave();
                        out.push(object);
                    }
                    None if other.is_empty() => break,
                    None => {}
                }
                continue;
            };
            let Some(object) = object.upgrade().filter(|object| !object.is_gone()) else {
                continue;
            };
            if from_small && object.spend() {
                object.forget_uses();
                if object.place(MAIN).is_some() {
                    self.small.fetch_sub(object.weight, AcqRel);
                    self.main.fetch_add(object.weight, AcqRel);
                }
                queues.main.push_back(Arc::downgrade(&object));
            } else if !from_small && object.spend() {
                queues.main.push_back(Arc::downgrade(&object));
            } else {
                if from_small {
                    queues.remember(hash(&object.key), self.live.load(Acquire));
                }
                object.leave();
                out.push(object);
            }
        }
        out
    }

    fn lock(&self) -> MutexGuard<'_, Queues> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queues {
    fn remember(&mut self, hash: u64, live: usize) {
        if self.ghost_set.insert(hash) {
            self.ghosts.push_back(hash);
        }
        while self.ghosts.len() > live.max(64) {
            if let Some(oldest) = self.ghosts.pop_front() {
                self.ghost_set.remove(&oldest);
            }
        }
    }
}
