//! Everything that only the whole product shows, in one test binary.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "clippy excuses tests, but not their helpers")]

mod catalogue;
mod cve;
mod full_disk;
mod harness;
mod journeys;
mod kills;
mod main_job;
mod starts;
mod streams;
mod traffic;
mod walk;
mod suspension;
