use std::sync::LazyLock;

use mpanel_telemetry::metrics::{Counter, Family, register};

use crate::Reason;

static PLATFORM: LazyLock<Family<[(&'static str, &'static str); 2], Counter>> = LazyLock::new(|| {
    register(
        "platform_transactions",
        "Transactions over all tenants, by their reason",
        Family::default(),
    )
});

pub(crate) fn platform_transaction(reason: Reason) {
    PLATFORM
        .get_or_create(&[("reason", reason.kind()), ("name", reason.name())])
        .inc();
}
