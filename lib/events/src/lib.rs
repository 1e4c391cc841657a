//! The event spine. A change goes through a [`Change`]: its rows, its event, its audit entry, the
//! state it publishes to data planes and its idempotency record commit together or not at all. A
//! [`Leader`] then orders what was committed into the feed; a [`Tail`] tells this process about it,
//! a [`FeedServer`] the data planes, and [`consume`] keeps durable projections.
#![forbid(unsafe_code)]

mod aside;
mod audit;
mod change;
mod consume;
mod consumers;
mod dead;
mod epoch;
mod error;
mod idempotency;
mod keys;
mod leader;
mod metrics;
mod outbox;
mod sealed;
mod served;
mod server;
mod states;
mod tail;
mod vault;

pub use aside::ATTEMPTS;
pub use audit::details::{AuditDetails, Opened, Origin};
pub use audit::erasure::{Erasure, Extent, erase_person, erase_released, tenants_that_know};
pub use audit::retention::{
    AuditRetention, DEFAULT_DAYS, DEFAULT_LEAST_DAYS, audit_retention, audit_retention_of, remove_expired,
    set_audit_retention,
};
pub use audit::search::{AuditFilter, list_audit, list_audit_at, list_audit_of, tenant_of_line};
pub use audit::{AuditAssumption, AuditEntry, AuditStep, Outcome, audit_entry};
pub use change::{Begin, Change, Record, Spine};
pub use consume::{Consumer, consume, consume_available};
pub use consumers::{ConsumerStand, consumer_stands, rebuild_consumer};
pub use dead::{
    DeadEvent, count_dead_events, dead_event_owners, discard_dead_event, get_dead_event, list_dead_events,
    retry_dead_event, retry_dead_events,
};
pub use epoch::notice_restore;
pub use error::Error;
pub use idempotency::purge_expired;
pub use keys::{KeyError, forget_keys, masters, next_path, open_master, rewrap_keys};
pub use leader::{move_committed, run_leader};
pub use outbox::{State, event, publish};
pub use sealed::SealedColumn;
pub use served::{ConsumerStatus, Served, ServedBoard};
pub use server::{FeedServer, NodeDirectory, Refused, Task, UsageSink};
pub use states::current_states;
pub use tail::{FeedRow, Tail, events_after};
pub use vault::Vault;

use mpanel_pg::Migrations;

pub const MIGRATIONS: Migrations = Migrations {
    schema: "spine",
    files: &[
        ("0001_spine", include_str!("../migrations/0001_spine.sql")),
        ("0002_audit", include_str!("../migrations/0002_audit.sql")),
        ("0003_erasure", include_str!("../migrations/0003_erasure.sql")),
        ("0004_rebuilds", include_str!("../migrations/0004_rebuilds.sql")),
        ("0005_record_each", include_str!("../migrations/0005_record_each.sql")),
        ("0006_dead_events", include_str!("../migrations/0006_dead_events.sql")),
        (
            "0007_held_erasures",
            include_str!("../migrations/0007_held_erasures.sql"),
        ),
    ],
};

/// What this crate seals.
pub const SEALED: &[SealedColumn] = sealed::SEALED;

#[cfg(test)]
mod tests;
