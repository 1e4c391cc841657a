//! The private PostgreSQL: a cluster in the data folder, reachable only over a Unix socket.
//!
//! [`start`] brings the server up from any state a crash can leave: nothing there yet, an interrupted set-up, a stale
//! `postmaster.pid`, backends that outlived a killed postmaster, or a living postmaster of a supervisor that died (which is adopted).
//! It ends when a real connection has worked and the roles and the database exist.
//!
//! Identity is the kernel's word: the socket's folder decides which accounts reach the server, `peer` and a generated map decide
//! which role they may take. There is no password and no network listener.
//!
//! | account | role | for |
//! |---|---|---|
//! | the one that started the supervisor (root, or the user) | [`ADMIN`], [`PANEL`] | set-up, maintenance |
//! | the server's own (`mpanel-pg`) | [`ADMIN`] | `pg_dump` and friends by hand |
//! | those in [`Options::access`] (`mpanel` → [`PANEL`]) | as listed | `mpanel serve` |

mod admin;
mod binaries;
mod cluster;
mod config;
mod error;
mod lifecycle;
mod log;
mod options;
mod postmaster;

pub use admin::{clone_database, create_database, drop_database};
pub use binaries::{Installation, MINIMUM, installed};
pub use error::Error;
pub use lifecycle::{Limits, Server, start, stop};
pub use options::{ADMIN, Access, Options, PANEL, PORT, Tuning};

#[cfg(test)]
mod tests;
