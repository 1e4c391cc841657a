//! The system users that the processes run as when the supervisor is root.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, ensure};
use mpanel_process::account::{self, Account};

/// Everybody in a system-wide installation. Rootless, all are the one who started it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accounts {
    pub panel: Account,
    pub edge: Account,
    pub dns: Account,
    pub postgres: Account,
}

/// `useradd` gives up at once when the user database is locked.
const ATTEMPTS: u32 = 10;
const RETRY: Duration = Duration::from_millis(200);
/// Of the panel, the edge, the name servers and PostgreSQL.
pub const NAMES: [&str; 4] = ["mpanel", "mpanel-edge", "mpanel-dns", "mpanel-pg"];

/// Held while a user is looked up and created: of two `useradd` of one name at once, the second replaces the number that the first gave.
/// Nobody but root may open it.
const LOCK: &str = "/run/mpanel-accounts.lock";

/// Of the PostgreSQL that an archive is tried in, and of nothing else.
const SCRATCH: &str = "mpanel-scratch";

/// The account for what somebody else may have made: it owns nothing but what is thrown away. Created when missing; `None` when not
/// root.
///
/// # Errors
/// As [`prepare`]; also when somebody gave it the number of an account that owns something.
pub fn scratch() -> anyhow::Result<Option<Account>> {
    if !account::is_root() {
        return Ok(None);
    }
    let scratch = ensure_account(SCRATCH)?;
    for name in NAMES {
        let owner = Account::by_name(name)?.filter(|owner| owner.uid == scratch.uid);
        ensure!(
            owner.is_none(),
            "the accounts {SCRATCH} and {name} must not be one (uid {})",
            scratch.uid
        );
    }
    Ok(Some(scratch))
}

/// The accounts, created when missing; `None` when not root.
///
/// # Errors
/// When `useradd` is missing or fails; its words are kept.
pub fn prepare() -> anyhow::Result<Option<Accounts>> {
    if !account::is_root() {
        return Ok(None);
    }
    let [panel, edge, dns, postgres] = NAMES.map(ensure_account);
    Ok(Some(Accounts {
        panel: panel?,
        edge: edge?,
        dns: dns?,
        postgres: postgres?,
    }))
}

fn ensure_account(name: &str) -> anyhow::Result<Account> {
    if let Some(account) = known(name)? {
        return Ok(account);
    }
    let _held = lock()?;
    if let Some(account) = known(name)? {
        return Ok(account);
    }
    // Somebody else may be adding users: a package manager.
    let mut attempts = 0;
    loop {
        let output = Command::new("useradd")
            .args(arguments(name, account::group(name)?.is_some()))
            .env_clear()
            .env("PATH", super::PATH)
            .output()
            .with_context(|| {
                format!("creating the system user {name}: cannot start useradd; create it by hand or install `passwd`")
            })?;
        if let Some(account) = Account::by_name(name)? {
            tracing::info!(name, "created a system user");
            return Ok(account);
        }
        attempts += 1;
        ensure!(
            attempts < ATTEMPTS,
            "creating the system user {name} failed: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
        std::thread::sleep(RETRY);
    }
}

fn known(name: &str) -> anyhow::Result<Option<Account>> {
    let account = Account::by_name(name)?;
    let root = account.as_ref().is_some_and(|account| account.uid == 0);
    ensure!(!root, "the account {name} must not be root (uid 0)");
    Ok(account)
}

fn lock() -> anyhow::Result<File> {
    let mut open = OpenOptions::new();
    open.write(true).create(true).truncate(false).mode(0o600);
    let file = open.open(LOCK).with_context(|| format!("opening {LOCK}"))?;
    file.lock().with_context(|| format!("locking {LOCK}"))?;
    Ok(file)
}

/// No home, no shell, a group of its own (or the one of that name that is there already).
pub(super) fn arguments(name: &str, group_exists: bool) -> Vec<&str> {
    let mut arguments = vec![
        "--system",
        "--no-create-home",
        "--home-dir",
        "/nonexistent",
        "--shell",
        "/usr/sbin/nologin",
    ];
    match group_exists {
        true => arguments.extend(["--gid", name]),
        false => arguments.push("--user-group"),
    }
    arguments.push(name);
    arguments
}
