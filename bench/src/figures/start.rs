//! From starting `mpanel up` to its first answer, with an existing database.

use anyhow::Result;

use crate::report::{Figure, Goal};
use crate::stats::median;
use crate::system::System;

const STARTS: usize = 5;

/// Leaves it running.
///
/// # Errors
/// When it does not start.
pub fn measure(system: &mut System) -> Result<Vec<Figure>> {
    let mut took = Vec::new();
    for _ in 0..STARTS {
        system.stop();
        took.push(system.start()?.as_secs_f64());
    }
    let command = format!("median of {STARTS} × `mpanel up` to the first 200 of GET /readyz");
    Ok(vec![Figure::new(
        "start to ready",
        "s",
        median(&took),
        Goal::AtMost(1.0),
        &command,
    )])
}
