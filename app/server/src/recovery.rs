//! What backups and restores do with the database, over all contexts: the list of what only the master key opens, the state in
//! which an installation begins again, and the records of it.

use std::collections::BTreeMap;
use std::fs::{File, Permissions};
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use anyhow::Context as _;
use jiff::Timestamp;
use mpanel_authz::OpCx;
use mpanel_crypto::MasterKey;
use mpanel_events::{Record, SealedColumn, Spine, Vault, next_path, open_master, rewrap_keys};
use mpanel_kernel::clock::SystemClock;
use mpanel_kernel::ids::{ReleaseId, SiteId, TenantId};
use mpanel_pg::dump::Snapshot;
use mpanel_pg::{Db, PgConnectOptions, Reason};
use mpanel_telemetry::metrics::{self, Gauge};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::contexts::MIGRATIONS;

pub use crate::contexts::sealed;

/// A backup of the installation itself was made.
pub const BACKED_UP: &str = "recovery.backup.made.v1";
/// A backup that was due was not made.
pub const BACKUP_FAILED: &str = "recovery.backup.failed.v1";
/// The installation was restored from an archive.
pub const RESTORED: &str = "recovery.restore.finished.v1";
/// The master key was replaced; what it seals stays.
pub const KEY_ROTATED: &str = "recovery.keys.rotated.v1";
/// The master key was lost, and what it sealed given up.
pub const KEYS_LOST: &str = "recovery.keys.lost.v1";

static LAST_AT: LazyLock<Gauge> = LazyLock::new(|| {
    let help = "When the newest backup of the installation was made, in seconds since 1970; 0 when none is known";
    metrics::register("backup_last_timestamp_seconds", help, Gauge::default())
});
static LAST_BYTES: LazyLock<Gauge> =
    LazyLock::new(|| metrics::register("backup_last_bytes", "Size of that backup's archive", Gauge::default()));

static LAST_MISSING: LazyLock<Gauge> = LazyLock::new(|| {
    let help = "Releases that the newest backup is without, because they had lost their files";
    metrics::register("backup_last_missing_releases", help, Gauge::default())
});

static FAILED_AT: LazyLock<Gauge> = LazyLock::new(|| {
    let help = "When a backup that was due failed last and none was made since, in seconds since 1970; else 0";
    metrics::register("backup_failed_timestamp_seconds", help, Gauge::default())
});

/// What backups leave in the data folder for whoever watches that there are any. Times are seconds since 1970, or 0.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Noted {
    /// The moment that the newest one shows.
    pub at: i64,
    pub bytes: i64,
    /// Releases that had lost their files before, so that it is without them.
    #[serde(default)]
    pub missing: i64,
    /// When one that was due failed, if none was made since.
    #[serde(default)]
    pub failed_at: i64,
    /// Why.
    #[serde(default)]
    pub reason: String,
}

fn note_file(data: &Path) -> PathBuf {
    data.join("run/backup.json")
}

/// What is noted of backups; nothing where none was made.
#[must_use]
pub fn noted(data: &Path) -> Noted {
    let read = || serde_json::from_slice(&std::fs::read(note_file(data)).ok()?).ok();
    read().unwrap_or_default()
}

/// Notes that a backup was made, for the metrics of the server and for who makes the next one.
///
/// # Errors
/// When the folder cannot be written to.
pub fn note(data: &Path, at: Timestamp, bytes: u64, missing: u64) -> std::io::Result<()> {
    let noted = Noted {
        at: at.as_second(),
        bytes: i64::try_from(bytes).unwrap_or(i64::MAX),
        missing: i64::try_from(missing).unwrap_or(i64::MAX),
        ..Noted::default()
    };
    write(data, &noted)
}

/// Notes that a backup that was due was not made.
///
/// # Errors
/// When the folder cannot be written to.
pub fn note_failure(data: &Path, at: Timestamp, reason: &str) -> std::io::Result<()> {
    let noted = Noted {
        failed_at: at.as_second(),
        reason: reason.to_owned(),
        ..noted(data)
    };
    write(data, &noted)
}

fn write(data: &Path, noted: &Noted) -> std::io::Result<()> {
    let (path, fresh) = (note_file(data), data.join("run/backup.json.new"));
    // The server's user may put files here as well: what it left is neither followed nor written to.
    let _absent = std::fs::remove_file(&fresh);
    let mut file = File::options().write(true).create_new(true).mode(0o644).open(&fresh)?;
    file.write_all(&serde_json::to_vec(noted)?)?;
    file.set_permissions(Permissions::from_mode(0o644))?;
    std::fs::rename(fresh, path)
}

/// Brings the metrics up to date.
pub(crate) fn observe(data: &Path) {
    let noted = noted(data);
    LAST_AT.set(noted.at);
    LAST_BYTES.set(noted.bytes);
    LAST_MISSING.set(noted.missing);
    FAILED_AT.set(noted.failed_at);
}

/// The migrations that this version has, by schema.
#[must_use]
pub fn migrations() -> BTreeMap<String, Vec<String>> {
    let names = |files: &[(&str, &str)]| files.iter().map(|(name, _)| (*name).to_owned()).collect();
    MIGRATIONS
        .iter()
        .map(|module| (module.schema.to_owned(), names(module.files)))
        .collect()
}

/// The platform's tenant, by whose id an installation is known wherever it moves; `None` before the first start was complete.
///
/// # Errors
/// When the database is away.
pub async fn installation(snapshot: &mut Snapshot) -> anyhow::Result<Option<TenantId>> {
    Ok(mpanel_tenancy::platform_of(snapshot).await?)
}

/// Every finished release that sites have at this moment.
///
/// # Errors
/// When the database is away.
pub async fn releases(snapshot: &mut Snapshot) -> anyhow::Result<Vec<(SiteId, ReleaseId)>> {
    Ok(mpanel_sites::finished_releases(snapshot).await?)
}

/// The numbers of sites' users.
///
/// # Errors
/// When the database is away.
pub async fn site_users(snapshot: &mut Snapshot) -> anyhow::Result<Vec<(SiteId, u32)>> {
    Ok(mpanel_sites::users(snapshot).await?)
}

/// Bytes of all tables and indexes.
///
/// # Errors
/// When the database is away.
pub async fn size(snapshot: &mut Snapshot) -> anyhow::Result<u64> {
    let found: Vec<(i64,)> = snapshot
        .fetch(
            "select coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint
             from pg_class c join pg_namespace n on n.oid = c.relnamespace
             where c.relkind in ('r', 'p', 'm') and n.nspname !~ '^pg_'",
        )
        .await?;
    Ok(found
        .first()
        .and_then(|(bytes,)| u64::try_from(*bytes).ok())
        .unwrap_or(0))
}

/// How many values of each column only the master key opens, by `schema.table.column`.
///
/// # Errors
/// When the database is away.
pub async fn count_sealed(snapshot: &mut Snapshot) -> anyhow::Result<BTreeMap<String, i64>> {
    let mut counts = BTreeMap::new();
    for SealedColumn {
        table, column, count, ..
    } in sealed()
    {
        let found: Vec<(i64,)> = snapshot.fetch(count).await?;
        counts.insert(format!("{table}.{column}"), found.first().map_or(0, |(rows,)| *rows));
    }
    Ok(counts)
}

/// A pool for the little that recovery does.
///
/// # Errors
/// When the database is away.
pub async fn connect(options: &PgConnectOptions) -> anyhow::Result<Db> {
    Db::connect(options.clone(), 2)
        .await
        .context("connecting to the database")
}

/// The master key for the server; the flag says whether it was made now. What keeps it from starting is left where `up` finds it
/// and tells the person at its terminal.
pub(crate) async fn open_key(db: &Db, data: &Path) -> anyhow::Result<(MasterKey, bool)> {
    let note = data.join("run/refused");
    match open_master(db, &data.join("keys/master.key")).await {
        Ok(opened) => {
            if note.exists() {
                std::fs::remove_file(&note).with_context(|| format!("removing {}", note.display()))?;
            }
            Ok(opened)
        }
        Err(error) => {
            std::fs::write(&note, format!("{error}\n")).with_context(|| format!("writing {}", note.display()))?;
            Err(error.into())
        }
    }
}

/// Brings an older schema up to date.
///
/// # Errors
/// When a migration fails.
pub async fn migrate(options: &PgConnectOptions) -> anyhow::Result<()> {
    Ok(mpanel_pg::migrate(options, &MIGRATIONS).await?)
}

/// What does not come back from a backup, since it may have been ended or used after it: every session, every link that was mailed
/// or handed out, every leave to act for a tenant below, and the data planes' place in the feed. API tokens only if `revoke_tokens`
/// is not set; says how many were revoked. Files of sites are looked at anew.
///
/// # Errors
/// When the database is away.
pub async fn begin_again(db: &Db, revoke_tokens: bool) -> anyhow::Result<u64> {
    let mut tx = db.platform(Reason::Lifecycle("recovery")).await?;
    let revoked = mpanel_identity::begin_again(&mut tx, &SystemClock, revoke_tokens).await?;
    mpanel_tenancy::end_all_assumptions(&mut tx, &SystemClock).await?;
    mpanel_sites::forget_files_seen(&mut tx).await?;
    tx.commit().await?;
    mpanel_events::notice_restore(db).await?;
    Ok(revoked)
}

/// Gives up everything that only the lost master key opened, in one transaction, and leaves each context in a state from which it
/// makes anew what can be made.
///
/// # Errors
/// When the database is away; nothing is changed then.
pub async fn give_up_sealed(db: &Db) -> anyhow::Result<()> {
    let mut tx = db.platform(Reason::Lifecycle("recovery")).await?;
    mpanel_identity::give_up_sealed(&mut tx, &SystemClock).await?;
    mpanel_certificates::give_up_sealed(&mut tx, &SystemClock).await?;
    mpanel_events::forget_keys(&mut tx).await?;
    Ok(tx.commit().await?)
}

/// Under which master keys the database's keys are wrapped: one, or none while nothing is sealed.
///
/// # Errors
/// When the database is away.
pub async fn key_ids(db: &Db) -> anyhow::Result<Vec<String>> {
    let ids = mpanel_events::masters(db).await?;
    Ok(ids.iter().map(ToString::to_string).collect())
}

/// Whether the file holds the database's master key.
///
/// # Errors
/// When it does not, with what to do.
pub async fn check_key(db: &Db, path: &Path) -> anyhow::Result<()> {
    if mpanel_events::masters(db).await?.is_empty() {
        MasterKey::load(path)?;
        return Ok(());
    }
    open_master(db, path).await?;
    Ok(())
}

/// Replaces the master key; says the ids of the old and the new one, and how many keys were wrapped anew. The new key stands beside
/// the old until the database has it, so whenever this is cut short one of the two is the database's.
///
/// # Errors
/// When the old key is not the database's, or the database is away.
pub async fn rotate_key(db: &Db, path: &Path) -> anyhow::Result<(String, String, u64)> {
    let (old, _) = open_master(db, path).await?;
    let next = next_path(path);
    // Left by a rotation that was cut short before the database had it.
    if next.exists() {
        std::fs::remove_file(&next).with_context(|| format!("removing {}", next.display()))?;
    }
    let (new, _) = MasterKey::load_or_create(&next)?;
    let mut tx = db.platform(Reason::Lifecycle("recovery")).await?;
    let count = rewrap_keys(&mut tx, &old, &new).await?;
    tx.commit().await?;
    std::fs::rename(&next, path).with_context(|| format!("putting {} in place", next.display()))?;
    Ok((old.id().to_string(), new.id().to_string(), count))
}

/// Writes down in the platform's audit log, and tells as an event, what was done to the installation.
///
/// # Errors
/// When the master key is not there, or the database is away.
pub async fn record(db: &Db, key: &Path, platform: TenantId, event: &'static str, facts: Value) -> anyhow::Result<()> {
    let (master, _) = open_master(db, key).await?;
    let spine = Spine::new(db.clone(), Arc::new(Vault::new(master)));
    let cx = OpCx::system("recovery", platform, Arc::new(SystemClock));
    let mut change = spine.begin(&cx).await?;
    change
        .record(Record::new(event, platform, facts.clone()).after(facts))
        .await?;
    Ok(change.commit().await?)
}
