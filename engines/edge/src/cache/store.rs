//! The memory tier: a map in many parts, and for each budget group an order of eviction like that of S3-FIFO: what is
//! new passes through a small queue, and only what was used there gets into the main one, so that a crawl over a whole
//! site does not put out what visitors ask for.
//!
//! Every lock is held for a few instructions and never with another one, apart from a fill's own below its part's.

use std::collections::hash_map::{Entry, RandomState};
use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicUsize, Ordering::Acquire, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, Weak};
use std::time::{Instant, SystemTime};

use http::HeaderMap;

use super::fill::Fill;
use super::group::{All, Group};
use super::marks::{Marks, part_of};
use super::object::Object;
use super::purge::Purged;

const PARTS: usize = 64;
/// Variants of one address; the oldest makes room.
const MAX_VARIANTS: usize = 16;

/// What is known about one address.
#[derive(Default)]
pub(crate) struct Slot {
    /// Newest first.
    variants: Vec<Arc<Object>>,
    pub(crate) fills: Vec<Arc<Fill>>,
}

impl Slot {
    fn is_empty(&self) -> bool {
        self.variants.is_empty() && self.fills.is_empty()
    }

    /// The variant for a request, and what purges have made of it.
    pub(crate) fn find(&self, request: &HeaderMap) -> Option<(&Arc<Object>, Purged)> {
        let mut found = self
            .variants
            .iter()
            .filter(|object| object.head.variant.matches(request));
        found.find_map(|object| match object.verdict() {
            _ if object.is_gone() => None,
            Purged::Gone => None,
            verdict => Some((object, verdict)),
        })
    }

    /// Any variant: what the address varies on.
    pub(crate) fn newest(&self) -> Option<&Arc<Object>> {
        self.variants.first()
    }

    fn drop_gone(&mut self) {
        self.variants.retain(|object| {
            let keep = !object.is_gone() && object.verdict() != Purged::Gone;
            if !keep {
                object.leave();
            }
            keep
        });
    }
}

type Part = HashMap<Arc<[u8]>, Slot>;

/// All of it.
pub(crate) struct Store {
    parts: Box<[Mutex<Part>]>,
    marks: Marks,
    hasher: RandomState,
    groups: RwLock<HashMap<Box<str>, Arc<Group>>>,
    /// Whose turn it is when all together have too much.
    turn: Mutex<VecDeque<Weak<Group>>>,
    all: Arc<All>,
    /// The part that is swept next.
    swept: AtomicUsize,
}

impl Store {
    pub(crate) fn new(total: u64) -> Self {
        Self {
            parts: (0..PARTS).map(|_| Mutex::default()).collect(),
            marks: Marks::new(PARTS),
            hasher: RandomState::new(),
            groups: RwLock::default(),
            turn: Mutex::default(),
            all: Arc::new(All::new(total)),
            swept: AtomicUsize::new(0),
        }
    }

    /// The group of a label, with a budget (0 is the default).
    pub(crate) fn group(&self, label: &str, budget: u64) -> Arc<Group> {
        let budget = if budget == 0 {
            self.all.total / 4
        } else {
            budget.min(self.all.total)
        };
        let mut groups = self.groups.write().unwrap_or_else(PoisonError::into_inner);
        let group = groups.entry(label.into()).or_insert_with(|| {
            let group = Arc::new(Group::new(budget, &self.all));
            let mut turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
            turn.push_back(Arc::downgrade(&group));
            group
        });
        group.budget.store(budget, Relaxed);
        Arc::clone(group)
    }

    fn hash(&self, key: &[u8]) -> u64 {
        self.hasher.hash_one(key)
    }

    fn part(&self, key: &[u8]) -> MutexGuard<'_, Part> {
        self.parts[part_of(self.hash(key), PARTS)]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The answer to a request, if there is any. What is returned may be stale.
    pub(crate) fn find(&self, key: &[u8], request: &HeaderMap) -> Option<(Arc<Object>, Purged)> {
        let part = self.part(key);
        let (object, verdict) = part.get(key)?.find(request)?;
        object.touch();
        Some((Arc::clone(object), verdict))
    }

    /// Works on what is known about an address, which is forgotten if it is empty afterwards.
    pub(crate) fn at<T>(&self, key: &Arc<[u8]>, work: impl FnOnce(&mut Slot) -> T) -> T {
        let mut part = self.part(key);
        match part.entry(Arc::clone(key)) {
            Entry::Occupied(mut found) => {
                let out = work(found.get_mut());
                if found.get().is_empty() {
                    found.remove();
                }
                out
            }
            Entry::Vacant(vacant) => {
                let mut slot = Slot::default();
                let out = work(&mut slot);
                if !slot.is_empty() {
                    vacant.insert(slot);
                }
                out
            }
        }
    }

    /// Ends a fill; with an object, this is what is kept from now on. `false` when it may not be kept any more.
    pub(crate) fn settle(&self, key: &Arc<[u8]>, fill: &Arc<Fill>, object: Option<&Arc<Object>>) -> bool {
        let mut dropped = Vec::new();
        let kept = self.at(key, |slot| {
            let before = slot.fills.len();
            slot.fills.retain(|other| !Arc::ptr_eq(other, fill));
            // A fill that is not among those here was purged by its address.
            let valid = slot.fills.len() < before;
            let Some(object) = object.filter(|object| valid && object.belongs.verdict_on_its_way() != Purged::Gone)
            else {
                return false;
            };
            slot.drop_gone();
            slot.variants.retain(|old| {
                let other = old.head.variant != object.head.variant;
                if !other {
                    dropped.push(Arc::clone(old));
                }
                other
            });
            slot.variants.insert(0, Arc::clone(object));
            if slot.variants.len() > MAX_VARIANTS {
                dropped.extend(slot.variants.pop());
            }
            true
        });
        dropped.iter().for_each(|object| object.leave());
        if let Some(object) = object.filter(|_| kept) {
            let hash = self.hash(key);
            self.marks.clear(hash);
            object.group.admit(object, hash);
            self.make_room(&object.group);
        }
        kept
    }

    /// Puts an object in the place of an older one, if that is still there.
    pub(crate) fn replace(&self, old: &Arc<Object>, new: &Arc<Object>) {
        let found = self.at(&old.key, |slot| {
            let place = slot.variants.iter_mut().find(|object| Arc::ptr_eq(object, old));
            place.map(|place| *place = Arc::clone(new)).is_some()
        });
        if found {
            old.leave();
            new.group.admit(new, self.hash(&new.key));
            self.make_room(&new.group);
        }
    }

    fn make_room(&self, group: &Group) {
        let hash = |key: &[u8]| self.hash(key);
        self.forget(group.evict(group.budget.load(Relaxed), hash));
        let mut over = self.all.queued.load(Acquire).saturating_sub(self.all.total);
        if over == 0 {
            return;
        }
        let mut turns = self.groups.read().unwrap_or_else(PoisonError::into_inner).len();
        let share = self.all.total / turns.max(1) as u64;
        let mut victims = Vec::new();
        // Among those who have more than an equal share there is always one.
        while over > 0 && turns > 0 {
            turns -= 1;
            let next = self.turn.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            let Some(next) = next.and_then(|next| next.upgrade()) else {
                continue;
            };
            let has = next.used();
            if has > share {
                victims.extend(next.evict(has.saturating_sub(over).max(share), hash));
                over = over.saturating_sub(has - next.used());
            }
            let mut turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
            turn.push_back(Arc::downgrade(&next));
        }
        self.forget(victims);
    }

    fn forget(&self, objects: Vec<Arc<Object>>) {
        for object in objects {
            object.belongs.site.counters.evicted.add(1);
            self.at(&object.key, |slot| {
                slot.variants.retain(|other| !Arc::ptr_eq(other, &object))
            });
        }
    }

    /// Remembers that answers of this address are not kept.
    pub(crate) fn mark(&self, key: &[u8], now: Instant) {
        self.marks.set(self.hash(key), now);
    }

    /// Whether answers of this address may not be kept, it seems.
    pub(crate) fn is_marked(&self, key: &[u8], now: Instant) -> bool {
        self.marks.has(self.hash(key), now)
    }

    /// How many addresses are known by their names.
    #[cfg(test)]
    pub(crate) fn addresses(&self) -> usize {
        let parts = self.parts.iter();
        parts
            .map(|part| part.lock().unwrap_or_else(PoisonError::into_inner).len())
            .sum()
    }

    /// Forgets one address, also what is on its way there; softly, it only becomes stale.
    pub(crate) fn purge(&self, key: &[u8], soft: bool) {
        let mut part = self.part(key);
        let Some(slot) = part.get_mut(key) else { return };
        for fill in slot.fills.drain(..) {
            fill.close();
        }
        if soft {
            slot.variants.iter().for_each(|object| object.outdate());
        } else {
            slot.variants.drain(..).for_each(|object| object.leave());
        }
        if slot.is_empty() {
            part.remove(key);
        }
    }

    /// Frees what was purged or can never be used again, in one part. `true` at the end of a round over all.
    pub(crate) fn sweep(&self, now: Instant, time: SystemTime) -> bool {
        let at = self.swept.fetch_add(1, Relaxed) % PARTS;
        self.marks.sweep(at, now);
        let mut part = self.parts[at].lock().unwrap_or_else(PoisonError::into_inner);
        part.retain(|_, slot| {
            slot.drop_gone();
            slot.variants.retain(|object| {
                let spent = object.head.terms.is_spent(time) && !object.head.is_validated();
                if spent {
                    object.leave();
                } else if object.verdict() == Purged::Stale {
                    // The purge that says so may be forgotten after this round.
                    object.outdate();
                }
                !spent
            });
            !slot.is_empty()
        });
        if part.capacity() > 4 * part.len() + 64 {
            part.shrink_to_fit();
        }
        at == PARTS - 1
    }

    /// Forgets groups that nothing refers to.
    pub(crate) fn tidy(&self) {
        let mut groups = self.groups.write().unwrap_or_else(PoisonError::into_inner);
        groups.retain(|_, group| Arc::strong_count(group) > 1);
        let mut turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        turn.retain(|group| group.strong_count() > 0);
    }
}
