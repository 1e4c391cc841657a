//! The feed carries desired state from the control plane to the data planes (edge, DNS) over a
//! Unix socket. This crate is the wire ([`frame`]), the values on it ([`topics`]) and the consumer
//! ([`follow`]), which keeps a copy on disk, so that a data plane starts and serves with nothing
//! else alive. The producer, which reads the database, is `lib/events`.
#![forbid(unsafe_code)]

pub mod frame;
pub mod topics;

mod follow;
mod kept;
mod mirror;
mod refused;
mod usage;

pub use follow::{HEARTBEAT, Subscription, Update, follow, follow_and_report};
pub use kept::Kept;
pub use mirror::{Mirror, MirrorError};
pub use refused::Refusal;
pub use usage::{Reports, SiteUsage, Usage};

#[cfg(test)]
mod tests;
