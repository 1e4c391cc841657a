//! Connections kept for the next request. Each holds a process of the program's, so they are few and not kept long.

use std::cell::RefCell;
use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::PhpRoute;
use crate::net::Stream;

const KEPT: Duration = Duration::from_secs(2);

/// One thread's idle connections, by route.
#[derive(Default)]
pub(crate) struct Idle(RefCell<HashMap<u64, Vec<(Stream, Instant)>>>);

impl Idle {
    pub(super) fn take(&self, route: &PhpRoute) -> Option<Stream> {
        if route.keep == 0 {
            return None;
        }
        let mut idle = self.0.borrow_mut();
        let kept = idle.get_mut(&route.id)?;
        std::iter::from_fn(|| kept.pop())
            .map(|(stream, _)| stream)
            .find(Stream::is_quiet)
    }

    pub(super) fn give_back(&self, route: &PhpRoute, stream: Stream) {
        if route.keep == 0 {
            return;
        }
        let mut idle = self.0.borrow_mut();
        let kept = idle.entry(route.id).or_default();
        if kept.len() < route.keep {
            kept.push((stream, Instant::now()));
        }
    }

    /// Lets go of what nobody has used for a while.
    pub(crate) fn sweep(&self, now: Instant) {
        self.0.borrow_mut().retain(|_, kept| {
            kept.retain(|(_, since)| now.saturating_duration_since(*since) < KEPT);
            !kept.is_empty()
        });
    }
}
