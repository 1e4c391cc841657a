//! Logs, metrics, traces and named tasks: how a running process is seen from outside.
#![forbid(unsafe_code)]

mod escape;
mod log;
pub mod metrics;
#[cfg(feature = "otlp")]
mod otlp;
mod process;
mod task;

pub use log::{Format, Guard, Options, filter, init};
pub use task::spawn_named;

/// Why telemetry cannot start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The log filter does not parse.
    #[error("log filter `{filter}`: {reason}")]
    Filter { filter: String, reason: String },
    /// Another subscriber is in place.
    #[error("logging is already set up in this process")]
    AlreadyInitialised,
    /// The exporter of traces cannot be built, or this program was built without it.
    #[error("traces: {0}")]
    Traces(String),
}

#[cfg(test)]
mod tests;
