//! From one version to the next: which programs run, whether the ones that were installed are tried, and what came of it.

pub mod launch;
pub mod record;
pub mod trial;

pub use launch::{INSTALLED, Launch, kept, launch, refuse};
pub use record::Record;
