use std::sync::LazyLock;

use mpanel_telemetry::metrics::{Counter, Gauge, register};

/// Bytes of the archives that were finished.
pub static MADE: LazyLock<Counter> = LazyLock::new(|| {
    register(
        "tenancy_export_made_bytes",
        "Bytes of archives of tenants that were finished",
        Counter::default(),
    )
});

/// Times that somebody was given an archive, or a part of it.
pub static DOWNLOADS: LazyLock<Counter> = LazyLock::new(|| {
    register(
        "tenancy_export_downloads",
        "Times that an archive of a tenant, or a part of one, was begun to be sent",
        Counter::default(),
    )
});

/// What the folder of archives takes.
pub static KEPT: LazyLock<Gauge> = LazyLock::new(|| {
    register(
        "tenancy_export_kept_bytes",
        "Bytes of the archives of tenants that are on the disk",
        Gauge::default(),
    )
});
