//! The built programs as an operator runs them, and clients for them.

pub mod accounts;
pub mod binaries;
pub mod client;
pub mod disks;
pub mod folders;
pub mod holds;
pub mod mail;
pub mod queue;
pub mod shared;
pub mod spec;
pub mod system;
pub mod totp;
pub mod website;

pub use accounts::{Account, Owner};
pub use client::{Answer, Api};
pub use system::System;

use std::time::{Duration, Instant};

/// Far more than anything takes; only a failure waits this long.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Asks again until the answer is `Some`; what is waited for is part of the panic's message.
pub async fn eventually<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let begin = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(begin.elapsed() < PATIENCE, "not within {PATIENCE:?}: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
