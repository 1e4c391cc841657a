//! Keeps what the edges have counted.

use std::sync::LazyLock;

use async_trait::async_trait;
use mpanel_events::UsageSink;
use mpanel_feed::Usage;
use mpanel_pg::Reason;
use mpanel_telemetry::metrics::{self, Counter};
use mpanel_tenancy_contract::{EntitlementKey, Month};

use crate::domain::Report;
use crate::{Sites, store};

static REPORTS: LazyLock<Counter> = LazyLock::new(|| {
    metrics::register(
        "sites_usage_reports",
        "Reports of usage that were kept",
        Counter::default(),
    )
});
static BYTES: LazyLock<Counter> = LazyLock::new(|| {
    metrics::register(
        "sites_traffic_sent_bytes",
        "Bytes sent to visitors that were counted for a tenant",
        Counter::default(),
    )
});
static LEFT_OUT: LazyLock<Counter> = LazyLock::new(|| {
    metrics::register(
        "sites_usage_left_out",
        "Figures of sites in reports that made no sense",
        Counter::default(),
    )
});

#[async_trait]
impl UsageSink for Sites {
    async fn keep(&self, node: &str, usage: &Usage) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let now = self.clock.now();
        let report = match Report::read(node, usage, now) {
            Ok(report) => report,
            // It is as good as kept: coming again, it would keep all others from being reported.
            Err(problem) => {
                tracing::error!(node, problem, "usage makes no sense and is left out");
                LEFT_OUT.inc_by(usage.sites.len() as u64);
                return Ok(());
            }
        };
        if report.left_out > 0 {
            tracing::error!(
                node,
                sites = report.left_out,
                "usage of sites makes no sense and is left out"
            );
            LEFT_OUT.inc_by(report.left_out as u64);
        }
        let mut tx = self.spine.db().platform(Reason::Project("sites.traffic")).await?;
        store::traffic::hold(&mut tx, report.node).await?;
        let grown = store::traffic::keep(&mut tx, &report).await?;
        if !grown.is_empty() {
            let month = Month::of_day(report.day);
            let key = EntitlementKey::TrafficBytesMonth;
            self.ports.metering.record(&mut tx, key, month, &grown, now).await?;
        }
        tx.commit().await?;
        REPORTS.inc();
        BYTES.inc_by(grown.iter().map(|(_, bytes)| bytes.unsigned_abs()).sum());
        Ok(())
    }
}
