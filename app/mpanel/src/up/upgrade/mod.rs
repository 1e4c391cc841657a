//! From one version to the next: which programs run, whether the ones that were installed are tried, and what came of it.

pub mod launch;
pub mod record;
pub mod trial;

pub use launch::{INSTALLED, Launch, kept, launch, limit, refuse};
pub use record::Record;

/// What the data planes are asked before a version stays, below the data folder: the panel's user writes and reads it.
pub const QUESTIONS: &str = "run/upgrade.json";
