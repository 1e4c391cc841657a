//! Pools of one owner share how many requests they may have open at a time, so that no owner's slow servers hold what
//! all need: memory, sockets and threads of the resolver.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// The share of one owner.
#[derive(Debug)]
pub(crate) struct Share {
    open: AtomicUsize,
    most: usize,
}

impl Share {
    /// Counts one more until it is dropped; `None` when there are as many as there may be.
    pub(super) fn enter(self: &Arc<Self>) -> Option<Place> {
        let room = |open: usize| (open < self.most).then_some(open + 1);
        self.open.fetch_update(Relaxed, Relaxed, room).ok()?;
        Some(Place(Arc::clone(self)))
    }
}

/// One of a share.
#[derive(Debug)]
pub(crate) struct Place(Arc<Share>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Relaxed);
    }
}

/// The shares that pools have, by owner.
#[derive(Debug)]
pub(crate) struct Shares {
    most: usize,
    all: Mutex<HashMap<Box<str>, Weak<Share>>>,
}

impl Shares {
    pub(crate) fn new(most: usize) -> Self {
        Self {
            most,
            all: Mutex::default(),
        }
    }

    /// The share of an owner, which is there as long as one of its pools is.
    pub(super) fn of(&self, owner: &str) -> Arc<Share> {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(share) = all.get(owner).and_then(Weak::upgrade) {
            return share;
        }
        all.retain(|_, share| share.strong_count() > 0);
        let share = Arc::new(Share {
            open: AtomicUsize::new(0),
            most: self.most,
        });
        all.insert(owner.into(), Arc::downgrade(&share));
        share
    }
}
