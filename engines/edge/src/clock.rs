//! Wall-clock time, injected so that tests can move it. Durations are measured with the monotonic clock instead.

use std::sync::Arc;
use std::time::SystemTime;

/// Where the engine reads the wall clock: certificate expiry, conditional requests and the access log.
pub trait Clock: Send + Sync + 'static {
    /// The present moment.
    fn now(&self) -> SystemTime;
}

/// The machine's own clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that reads the machine's clock"
    )]
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }
}

/// The engine's clock for what `lib` has ready.
pub(crate) struct Wall(pub(crate) Arc<dyn Clock>);

impl mpanel_kernel::clock::Clock for Wall {
    fn now(&self) -> jiff::Timestamp {
        jiff::Timestamp::try_from(self.0.now()).unwrap_or(jiff::Timestamp::MAX)
    }
}
