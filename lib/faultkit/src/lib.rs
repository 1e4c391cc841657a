//! What goes wrong, made to happen: every step of an operation runs twice, fails before and after its effect, dies with its
//! worker at both places and in the middle, panics and is cancelled; its undoing likewise; reconcilers are broken off wherever
//! they wait, run twice and beside themselves; jobs are given what they cannot read. A context says how its world is made and
//! what must hold afterwards; the rest is the same for all.
//!
//! It needs nothing of what is tested but its traits, so that a release carries none of it.
#![forbid(unsafe_code)]

mod faulty;
mod interrupt;
mod job;
mod operation;
mod reconciler;
mod scenario;

pub use interrupt::interrupted;
pub use job::{JobWorld, try_job};
pub use operation::{OperationWorld, Started, try_operation};
pub use reconciler::{ReconcilerWorld, try_reconciler};

use std::fmt::Write as _;
use std::time::Duration;

/// So long one scenario may take before it counts as one that hangs.
const PATIENCE: Duration = Duration::from_secs(60);
/// What is said of one that does.
const HANGS: &str = "it hangs";

/// What a future comes to, unless it hangs. The clock is asked first: whoever is polled because the time is over was not woken,
/// and [`interrupted`] would count it as a wait.
///
/// # Errors
/// That it hangs.
async fn within<F: Future>(patience: Duration, future: F) -> Result<F::Output, String> {
    tokio::select! {
        biased;
        () = tokio::time::sleep(patience) => Err(HANGS.to_owned()),
        output = future => Ok(output),
    }
}

/// Says all that went wrong at once.
///
/// # Panics
/// When anything has.
fn report(of: &str, problems: &[(String, String)]) {
    let mut text = String::new();
    for (scenario, problem) in problems {
        let _ = write!(text, "\n  {scenario}: {problem}");
    }
    assert!(problems.is_empty(), "{of} does not stand it:{text}");
}

#[cfg(test)]
mod tests;
