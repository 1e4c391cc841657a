//! The generated configuration. It stands outside PGDATA and is rewritten at each start, so a new version of the platform always
//! finds its own settings; an operator's `ALTER SYSTEM` (kept in PGDATA) still wins.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use mpanel_process::account::Account;

use super::error::Context;
use super::{ADMIN, Access, Error, Options, PANEL, PORT};

/// Writes the three files and returns the main one.
pub(super) fn write(options: &Options, major: u32, server: &Account) -> Result<PathBuf, Error> {
    let folder = &options.conf_dir;
    std::fs::create_dir_all(folder).context(|| format!("making {}", folder.display()))?;
    // The server's account must read them; they hold no secret.
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755))
        .context(|| format!("opening {} to the server", folder.display()))?;
    let main = folder.join("postgresql.conf");
    replace(&folder.join("pg_hba.conf"), HBA)?;
    replace(&folder.join("pg_ident.conf"), &ident(&allowed(options, server)?))?;
    replace(&main, &settings(options, major))?;
    Ok(main)
}

fn replace(path: &Path, text: &str) -> Result<(), Error> {
    // Nothing to write is nothing that a full disk can fail.
    if std::fs::read(path).is_ok_and(|present| present == text.as_bytes()) {
        return Ok(());
    }
    let fresh = path.with_extension("new");
    let write = || {
        let _absent = std::fs::remove_file(&fresh);
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o644)
            .open(&fresh)?;
        std::io::Write::write_all(&mut file, text.as_bytes())?;
        file.set_permissions(std::fs::Permissions::from_mode(0o644))?;
        std::fs::rename(&fresh, path)
    };
    write().context(|| format!("writing {}", path.display()))
}

/// One rule: who sits behind the socket is asked of the kernel, and the map says which roles that account may take.
const HBA: &str = "local all all peer map=mpanel\nlocal replication all peer map=mpanel\n";

/// The map's rows: what the caller allows, this program's account, and the server's own (for `pg_dump` and friends).
fn allowed(options: &Options, server: &Account) -> Result<BTreeSet<(String, String)>, Error> {
    let mut rows: BTreeSet<_> = options
        .access
        .iter()
        .map(|Access { os_user, role }| (os_user.clone(), role.clone()))
        .collect();
    rows.insert((server.name.clone(), ADMIN.into()));
    rows.insert((server.name.clone(), PANEL.into()));
    if let Some(own) = Account::current().context(|| "reading /etc/passwd".into())? {
        rows.insert((own.name.clone(), ADMIN.into()));
        rows.insert((own.name, PANEL.into()));
    }
    Ok(rows)
}

pub(super) fn ident(rows: &BTreeSet<(String, String)>) -> String {
    rows.iter().fold(String::new(), |mut text, (user, role)| {
        // A leading slash would make the name a pattern, and no account has a quote in its name.
        if !user.starts_with('/') && !user.contains(['"', '\n']) && !role.contains(['"', '\n']) {
            let _infallible = writeln!(text, "mpanel \"{user}\" \"{role}\"");
        }
        text
    })
}

pub(super) fn settings(options: &Options, major: u32) -> String {
    let tuning = options.tuning;
    let quote = |path: &Path| format!("'{}'", path.to_string_lossy().replace('\'', "''"));
    let mut lines = vec![
        ("hba_file", quote(&options.conf_dir.join("pg_hba.conf"))),
        ("ident_file", quote(&options.conf_dir.join("pg_ident.conf"))),
        ("listen_addresses", "''".into()),
        ("port", PORT.to_string()),
        ("unix_socket_directories", quote(&options.socket_dir)),
        // The folder's mode decides who gets this far.
        ("unix_socket_permissions", "0777".into()),
        ("max_connections", tuning.max_connections.to_string()),
        ("superuser_reserved_connections", "3".into()),
        ("cluster_name", "'mpanel'".into()),
        // Memory: a small share for everybody, nothing for what is not used.
        ("shared_buffers", format!("{}MB", tuning.shared_buffers_mib)),
        ("huge_pages", "off".into()),
        ("work_mem", "4MB".into()),
        ("maintenance_work_mem", "32MB".into()),
        ("wal_buffers", "1MB".into()),
        ("jit", "off".into()),
        ("max_worker_processes", "4".into()),
        ("max_parallel_workers", "2".into()),
        ("max_parallel_workers_per_gather", "1".into()),
        ("max_logical_replication_workers", "0".into()),
        ("max_wal_senders", "3".into()),
        ("max_replication_slots", "3".into()),
        ("autovacuum_max_workers", "2".into()),
        ("autovacuum_naptime", "30s".into()),
        // Written data: `replica` keeps base backups possible.
        ("wal_level", "replica".into()),
        ("wal_compression", "on".into()),
        ("min_wal_size", "64MB".into()),
        ("max_wal_size", "512MB".into()),
        ("checkpoint_timeout", "15min".into()),
        ("random_page_cost", "1.1".into()),
        ("effective_cache_size", "512MB".into()),
        ("password_encryption", "'scram-sha-256'".into()),
        // Messages.
        ("logging_collector", "off".into()),
        ("log_destination", "'stderr'".into()),
        ("log_line_prefix", "'%m [%p] %q%u@%d '".into()),
        ("log_checkpoints", "off".into()),
        ("log_lock_waits", "on".into()),
        ("lc_messages", "'C'".into()),
        ("log_timezone", "'UTC'".into()),
        ("timezone", "'UTC'".into()),
    ];
    if major >= 18 {
        // The worker processes of the new default cost more memory than they give an idle machine.
        lines.push(("io_method", "'sync'".into()));
    }
    for name in ["fsync", "synchronous_commit", "full_page_writes"] {
        lines.push((name, if tuning.durable { "on" } else { "off" }.into()));
    }
    let head = "# Written by mPanel at each start. Change settings with ALTER SYSTEM, which takes precedence.\n";
    lines.iter().fold(head.to_owned(), |text, (name, value)| {
        text + name + " = " + value + "\n"
    })
}
