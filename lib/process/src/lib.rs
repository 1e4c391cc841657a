//! Operating-system processes: starting them from an argv vector with a cleared environment, holding them by pidfd, finding
//! them again after a crash, and handing listeners from the supervisor to its children.
//!
//! A pid alone names nothing for long: the kernel gives it to somebody else. Everything here identifies a process by pid and
//! start time, and signals it only through a pidfd opened before that start time was checked.

#![forbid(unsafe_code)]

pub mod account;
pub mod inherited;
pub mod procfs;

mod process;
mod spawn;

pub use process::{Exit, Process};
pub use rustix::process::Signal;
pub use spawn::{Listener, Spawn};

#[cfg(test)]
mod tests;
