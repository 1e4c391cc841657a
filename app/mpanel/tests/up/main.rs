//! `mpanel up` as an operator runs it, with stand-ins for the processes it supervises and a real PostgreSQL.

#![allow(clippy::unwrap_used, reason = "clippy excuses tests, but not their helpers")]

mod crashes;
mod folder;
mod handover;
mod refusals;
mod starts;
