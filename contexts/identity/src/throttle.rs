use std::hash::Hash;
use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::Clock as _;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};
use mpanel_kernel::clock::SharedClock;

/// Keys remembered before idle ones are dropped.
const KEPT: usize = 10_000;

/// How often something may happen for each key (GCRA).
///
/// Kept in memory, not in the database: a counter there would cost a write before each password that
/// is tried, which makes the throttle itself the way to overload us. `serve` is one process, and a
/// restart, which forgets, takes longer than the attempts it gives back are worth.
pub struct Throttle<K: Hash + Eq + Clone> {
    limiter: RateLimiter<K, HashMapStateStore<K>, Kernel, NoOpMiddleware<Nanos>>,
}

/// The injected clock, as governor wants it.
#[derive(Clone)]
struct Kernel(SharedClock);

impl governor::clock::Clock for Kernel {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        // To the year 2554.
        Nanos::from(u64::try_from(self.0.now().as_nanosecond()).unwrap_or_default())
    }
}

impl<K: Hash + Eq + Clone> Throttle<K> {
    /// `burst` at once, and all of them again after `refill`.
    #[must_use]
    pub fn new(clock: SharedClock, burst: u32, refill: Duration) -> Self {
        let burst = NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::with_period(refill / burst.get())
            .unwrap_or(Quota::per_second(burst))
            .allow_burst(burst);
        Self {
            limiter: RateLimiter::new(quota, HashMapStateStore::default(), Kernel(clock)),
        }
    }

    /// Counts one.
    ///
    /// # Errors
    /// Seconds after which there is room again, at least one.
    pub fn check(&self, key: &K) -> Result<(), u32> {
        if self.limiter.len() > KEPT {
            self.limiter.retain_recent();
        }
        self.limiter.check_key(key).map_err(|until| {
            let wait = until.wait_time_from(self.limiter.clock().now());
            u32::try_from(wait.as_secs() + u64::from(wait.subsec_nanos() > 0))
                .unwrap_or(u32::MAX)
                .max(1)
        })
    }

    #[cfg(test)]
    pub(crate) fn remembered(&self) -> usize {
        self.limiter.len()
    }
}
