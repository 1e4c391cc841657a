//! Everything that only the whole product shows, in one test binary.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "clippy excuses tests, but not their helpers")]

mod catalogue;
mod certificates;
mod cve;
mod dead_events;
mod delivery;
mod demo;
mod exports;
mod faults;
mod full_disk;
mod harness;
mod isolation;
mod journeys;
mod kills;
mod large_upload;
mod mail;
mod main_job;
mod panel_host;
mod recovery;
mod site_delivery;
mod specification;
mod starts;
mod streams;
mod suspension;
mod traffic;
mod tree;
mod upgrade;
mod walk;
