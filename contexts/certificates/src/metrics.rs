use std::sync::LazyLock;

use jiff::{SignedDuration, Timestamp};
use mpanel_telemetry::metrics::{Counter, Family, Gauge, Histogram, exponential_buckets, register};

use crate::store::issuers::StoredIssuer;
use crate::store::orders::Figures;

type Of<T> = Family<[(&'static str, &'static str); 1], T>;

struct Metrics {
    issuers: Of<Gauge>,
    orders: Of<Gauge>,
    ended: Family<[(&'static str, String); 2], Counter>,
    seconds: Histogram,
    expiry: Gauge,
}

static METRICS: LazyLock<Metrics> = LazyLock::new(|| Metrics {
    issuers: register(
        "certificate_issuers",
        "Public certificate authorities that were set up, by state: registering, ready or paused",
        Family::default(),
    ),
    orders: register(
        "certificate_orders",
        "Orders of public certificates that are under way, by state",
        Family::default(),
    ),
    ended: register(
        "certificate_orders_ended",
        "Orders of public certificates that ended, by authority and result: issued or failed",
        Family::default(),
    ),
    seconds: register(
        "certificate_order_seconds",
        "Time from the beginning of an order to its certificate",
        // Half a second to a little more than a day.
        Histogram::new(exponential_buckets(0.5, 3.0, 12)),
    ),
    expiry: register(
        "certificate_earliest_expiry_timestamp_seconds",
        "When the first of all certificates expires, in seconds since 1970; 0 without any",
        Gauge::default(),
    ),
});

/// How it stands at the end of a pass.
pub fn standing(issuers: &[StoredIssuer], figures: &Figures, now: Timestamp) {
    for state in ["registering", "ready", "paused"] {
        let count = issuers.iter().filter(|issuer| issuer.state(now) == state).count();
        METRICS
            .issuers
            .get_or_create(&[("state", state)])
            .set(i64::try_from(count).unwrap_or(i64::MAX));
    }
    for (state, count) in &figures.orders {
        METRICS.orders.get_or_create(&[("state", state)]).set(*count);
    }
    METRICS
        .expiry
        .set(figures.earliest_expiry.map_or(0, Timestamp::as_second));
}

/// An order has become a certificate after this time.
pub fn issued(issuer: &str, took: SignedDuration) {
    ended(issuer, "issued");
    METRICS.seconds.observe(took.as_secs_f64().max(0.0));
}

pub fn failed(issuer: &str) {
    ended(issuer, "failed");
}

fn ended(issuer: &str, result: &str) {
    let labels = [("issuer", issuer.to_owned()), ("result", result.to_owned())];
    METRICS.ended.get_or_create(&labels).inc();
}
