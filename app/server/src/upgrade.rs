//! What an upgrade asks of the new version before it is trusted, and what the audit log says of it.

use std::path::Path;

use anyhow::Context as _;
use jiff::Timestamp;
use mpanel_events::{AuditFilter, list_audit};
use mpanel_kernel::ids::TenantId;
use mpanel_kernel::paging::PageRequest;
use mpanel_pg::PgConnectOptions;
use mpanel_pg::dump::Snapshot;
use serde_json::Value;

use crate::{database, recovery};

/// A new version was started and serves; whether it stays is not decided.
pub const TRIED: &str = "platform.upgrade.tried.v1";
/// The new version stays.
pub const FINISHED: &str = "platform.upgrade.finished.v1";
/// The version before was started again.
pub const ROLLED_BACK: &str = "platform.upgrade.rolled_back.v1";

/// Brings the schema up to date, all of it or nothing.
///
/// # Errors
/// When a migration fails, or the database is too new for this version.
pub async fn migrate(options: &PgConnectOptions) -> anyhow::Result<()> {
    database::migrate(options).await
}

/// The same with one migration more, for a build that pretends to be the next version; or with two, of which the second is wrong.
///
/// # Errors
/// As [`migrate`].
#[cfg(debug_assertions)]
pub async fn migrate_pretending(options: &PgConnectOptions, wrong: bool) -> anyhow::Result<()> {
    let next = ("9998_next", "create table mpanel.next (id bigint primary key)");
    let mut files = mpanel_pg::FOUNDATION.files.to_vec();
    files.push(next);
    if wrong {
        files.push(("9999_wrong", "select nonsense"));
    }
    let pretended = mpanel_pg::Migrations {
        files: files.leak(),
        ..mpanel_pg::FOUNDATION
    };
    Ok(mpanel_pg::migrate(options, &[pretended]).await?)
}

/// Writes one row of the audit log, with its event, as this version writes them: a change like any other.
///
/// # Errors
/// When the database is away or takes no changes, or its keys cannot be opened.
pub async fn record(options: &PgConnectOptions, data: &Path, event: &'static str, facts: Value) -> anyhow::Result<()> {
    let platform = platform(options).await?;
    let db = recovery::connect(options).await?;
    recovery::record(&db, &data.join("keys/master.key"), platform, event, facts).await?;
    db.close().await;
    Ok(())
}

/// The same of what became known at `at`, unless it stands there already: whoever had it written may have been replaced before it
/// could note that.
///
/// # Errors
/// As [`record`].
pub async fn record_once(
    options: &PgConnectOptions,
    data: &Path,
    event: &'static str,
    (at, facts): (Timestamp, Value),
) -> anyhow::Result<()> {
    let platform = platform(options).await?;
    let db = recovery::connect(options).await?;
    let filter = AuditFilter {
        action: Some(event.trim_end_matches(".v1").to_owned()),
        since: Some(at),
        ..AuditFilter::default()
    };
    let mut tx = db.tenant(platform).await?;
    let written = list_audit(&mut tx, &filter, PageRequest::default()).await?;
    tx.end_read();
    if !written.items.iter().any(|line| line.after.as_ref() == Some(&facts)) {
        recovery::record(&db, &data.join("keys/master.key"), platform, event, facts).await?;
    }
    db.close().await;
    Ok(())
}

/// Something that data planes serve, an apex or a host name, with the number of its newest state.
pub type Named = (String, i64);

/// Some zones, and some host names of sites: those that have not changed for longest, the same ones whenever it is asked.
///
/// # Errors
/// When the database is away.
pub async fn served(options: &PgConnectOptions) -> anyhow::Result<(Vec<Named>, Vec<Named>)> {
    let mut snapshot = Snapshot::open(options).await?;
    let zones = snapshot
        .fetch("select key, seq from spine.feed_state where topic = 'dns.zone' and value is not null order by seq limit 20")
        .await?;
    let hosts = snapshot
        .fetch(
            "select key, seq from spine.feed_state
             where topic = 'edge.host' and value -> 'target' ->> 'kind' = 'site' and key not like '*%'
             order by seq limit 20",
        )
        .await?;
    Ok((zones, hosts))
}

async fn platform(options: &PgConnectOptions) -> anyhow::Result<TenantId> {
    let mut snapshot = Snapshot::open(options).await?;
    let found = recovery::installation(&mut snapshot).await?;
    found.context("the database has no installation in it yet")
}
