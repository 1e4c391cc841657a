//! The process's metrics, in one registry. A crate keeps its metrics in a `static LazyLock` that registers them:
//!
//! ```
//! use std::sync::LazyLock;
//! use mpanel_telemetry::metrics::{self, Counter};
//!
//! static LOGINS: LazyLock<Counter> = LazyLock::new(|| {
//!     metrics::register("identity_logins", "Logins that succeeded", Counter::default())
//! });
//! LOGINS.inc();
//! assert!(metrics::exposition().contains("mpanel_identity_logins_total 1"));
//! ```

use std::collections::HashSet;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use prometheus_client::encoding::text;
pub use prometheus_client::metrics::counter::Counter;
pub use prometheus_client::metrics::family::Family;
pub use prometheus_client::metrics::gauge::Gauge;
pub use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Metric, Registry};

use crate::process::Process;

/// The media type of [`exposition`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

struct Registries {
    /// Prefixed `mpanel_`.
    own: Registry,
    /// Unprefixed, as every Prometheus client names them.
    process: Registry,
    names: HashSet<String>,
}

static REGISTRIES: LazyLock<Mutex<Registries>> = LazyLock::new(|| {
    let mut process = Registry::default();
    process.register_collector(Box::new(Process));
    Mutex::new(Registries {
        own: Registry::with_prefix("mpanel"),
        process,
        names: HashSet::new(),
    })
});

fn registries() -> MutexGuard<'static, Registries> {
    REGISTRIES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Adds a metric and returns it. `name` has neither the prefix `mpanel_` nor a counter's suffix `_total`; `help` has
/// no final dot.
///
/// # Panics
/// When the name is taken: two owners of one metric are a mistake in the program.
pub fn register<M: Metric + Clone>(name: &str, help: &str, metric: M) -> M {
    let mut registries = registries();
    assert!(
        registries.names.insert(name.to_owned()),
        "the metric `{name}` is registered twice"
    );
    registries.own.register(name, help, metric.clone());
    metric
}

/// All metrics as OpenMetrics text.
pub fn exposition() -> String {
    let registries = registries();
    let mut out = String::with_capacity(8 * 1024);
    text::encode_registry(&mut out, &registries.process)
        .and_then(|()| text::encode_registry(&mut out, &registries.own))
        .and_then(|()| text::encode_eof(&mut out))
        .expect("writing to a String does not fail");
    out
}
