use std::time::Duration;

/// `first`, then twice as long each time, up to `longest`. `attempt` counts from 1.
pub(crate) fn pause(first: Duration, attempt: u32, longest: Duration) -> Duration {
    let doublings = attempt.saturating_sub(1).min(20);
    first.saturating_mul(1 << doublings).min(longest.max(first))
}

/// A tenth more or less, so that servers and reconcilers do not march in step.
pub(crate) fn jitter(around: Duration) -> Duration {
    around.mul_f64(0.9 + 0.2 * rand::random::<f64>())
}
