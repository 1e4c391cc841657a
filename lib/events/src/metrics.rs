use std::sync::LazyLock;

use mpanel_telemetry::metrics::{Counter, Family, Gauge, register};

use crate::Outcome;
use crate::served::ConsumerStatus;

struct Metrics {
    newest: Gauge,
    acknowledged: Family<[(&'static str, String); 1], Gauge>,
    connected: Family<[(&'static str, String); 1], Gauge>,
    audited: Family<[(&'static str, &'static str); 1], Counter>,
    expired: Counter,
    dead_events: Family<[(&'static str, &'static str); 1], Gauge>,
}

static METRICS: LazyLock<Metrics> = LazyLock::new(|| Metrics {
    newest: register("feed_newest", "Number of the feed's newest row", Gauge::default()),
    acknowledged: register(
        "feed_acknowledged",
        "Number up to which a data plane's process serves what was published",
        Family::default(),
    ),
    connected: register(
        "feed_connected",
        "Whether a data plane's process is connected: 1 or 0",
        Family::default(),
    ),
    audited: register("audit_entries", "Lines written to the audit log", Family::default()),
    expired: register(
        "audit_expired",
        "Lines removed from the audit log, older than their tenants keep them",
        Counter::default(),
    ),
    dead_events: register(
        "consumer_dead_events",
        "Events that a consumer of the feed could not take on and tries no more until somebody has looked at them",
        Family::default(),
    ),
});

/// The feed has reached this number; what a process has acknowledged lags behind it.
pub fn reached(seq: i64) {
    METRICS.newest.set(seq);
}

/// What is known of a process. There are as many as the nodes have been set up for.
pub fn consumer(status: &ConsumerStatus) {
    let labels = [("process", format!("{}/{}", status.node, status.process))];
    METRICS.acknowledged.get_or_create(&labels).set(status.acked_seq);
    METRICS.connected.get_or_create(&labels).set(status.connected.into());
}

/// A line of the audit log was written; its transaction may still be undone.
pub fn audited(outcome: Outcome) {
    METRICS.audited.get_or_create(&[("outcome", outcome.as_str())]).inc();
}

/// So many lines of the audit log were too old.
pub fn expired(lines: u64) {
    METRICS.expired.inc_by(lines);
}

/// So many events a consumer has given up.
pub fn dead_events(consumer: &'static str, dead: i64) {
    METRICS.dead_events.get_or_create(&[("consumer", consumer)]).set(dead);
}
