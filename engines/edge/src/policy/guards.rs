//! The guards that there are, by site: the names of one site that have the same rules share what is made of them, the
//! memory and the counts.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::{Guard, Policy};

/// Kinds of rules that the names of one site have at a time: its own, and those of names that lead elsewhere.
const KINDS: usize = 4;
/// Sites until the first look for those that are gone; then, at twice as many as were left.
const FIRST_LOOK: usize = 64;

#[derive(Debug, Default)]
pub(crate) struct Guards(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    by_site: HashMap<Box<str>, Vec<Weak<Guard>>>,
    look_at: usize,
}

impl Guards {
    /// The guard of a site with these rules, or a new one. What belongs to no site shares nothing.
    pub(crate) fn of(
        &self,
        site: &str,
        policy: &Policy,
        compile: impl FnOnce() -> Result<Arc<Guard>, String>,
    ) -> Result<Arc<Guard>, String> {
        if site.is_empty() {
            return compile();
        }
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let there = known.by_site.get(site).into_iter().flatten();
        if let Some(same) = there.filter_map(Weak::upgrade).find(|guard| guard.is_of(policy)) {
            return Ok(same);
        }
        let guard = compile()?;
        known.add(site, &guard);
        Ok(guard)
    }
}

impl Known {
    fn add(&mut self, site: &str, guard: &Arc<Guard>) {
        let live = |guard: &Weak<Guard>| guard.strong_count() > 0;
        if self.by_site.len() >= self.look_at.max(FIRST_LOOK) {
            self.by_site.retain(|_, guards| guards.iter().any(live));
            self.look_at = self.by_site.len() * 2;
        }
        let guards = self.by_site.entry(site.into()).or_default();
        guards.retain(live);
        if guards.len() == KINDS {
            guards.remove(0);
        }
        guards.push(Arc::downgrade(guard));
    }
}
