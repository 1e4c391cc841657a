//! An authoritative DNS server engine.
//!
//! The engine answers queries from immutable, compiled zones. It knows nothing about tenants, databases or
//! feeds: whoever runs it hands over zones ([`zone::ZoneData`] or BIND zone files) and sockets that are already open.
//!
//! ```text
//! ZoneData ── compile ──▶ Arc<Zone> ── ZoneSet::upsert ──▶ ArcSwap<ZoneMap>
//!                                                             │ load, once a batch
//! socket ── recvmmsg ──▶ query::parse ──▶ answer::answer ◀────┘ ──▶ sendmmsg
//! ```
//!
//! On the UDP path there is no allocation, no lock and no task per query: record sets are stored in wire form and
//! copied into fixed buffers that belong to the thread.
#![deny(unsafe_op_in_unsafe_fn)]
#![warn(missing_docs)]

pub mod answer;
pub mod counters;
pub mod files;
mod message;
pub mod name;
pub mod net;
pub mod query;
pub mod rdata;
mod server;
pub mod validate;
pub mod zone;
mod zones;

pub use counters::Stats;
pub use files::{FileError, FileReport, check_zone_file, load_zone_file, serve_files};
pub use net::bind::{Listeners, bind_tcp, bind_udp};
pub use net::tcp::TcpConfig;
pub use server::{Config, Server};
pub use validate::{CanonicalRecord, Limits, check_zone, qualify, validate_record};
pub use zone::{Field, Problem, RecordData, RecordType, Severity, SoaData, Zone, ZoneData};
pub use zones::{Change, ZoneMap, ZoneSet};

#[cfg(test)]
mod tests;
