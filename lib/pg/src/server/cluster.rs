//! PGDATA before a server runs on it: whose it is, which version made it, and making it.

use std::fs::File;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use mpanel_process::account::Account;
use mpanel_process::{Signal, Spawn};

use super::binaries::{self, Installation};
use super::error::Context;
use super::{ADMIN, Error, Options, log, postmaster};

/// What a new cluster and its first write-ahead log take, with room to work.
const NEEDED_TO_INIT: u64 = 128 << 20;

/// Makes the cluster when there is none, and picks the installation that fits it.
pub(super) async fn prepare(options: &Options, server: &Account) -> Result<Installation, Error> {
    let mut installed = binaries::installed(options.bin_dir.as_deref())?;
    match version(&options.data_dir)? {
        Some(major) => {
            check_owner(&options.data_dir, server)?;
            match installed.iter().position(|installation| installation.major == major) {
                Some(index) => Ok(installed.swap_remove(index)),
                None => Err(Error::WrongVersion {
                    path: options.data_dir.clone(),
                    data: major,
                    installed: installed.iter().map(|installation| installation.major).collect(),
                }),
            }
        }
        None => {
            let newest = installed.swap_remove(0);
            init(options, server, &newest).await?;
            Ok(newest)
        }
    }
}

/// The major version that made the folder; `None` when it is missing or empty.
pub(super) fn version(data_dir: &Path) -> Result<Option<u32>, Error> {
    match std::fs::read_to_string(data_dir.join("PG_VERSION")) {
        Ok(text) => match text.trim().parse() {
            Ok(major) => Ok(Some(major)),
            Err(_) => Err(Error::NotACluster {
                path: data_dir.to_owned(),
            }),
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => match std::fs::read_dir(data_dir) {
            Ok(entries) => match entries.count() {
                0 => Ok(None),
                _ => Err(Error::NotACluster {
                    path: data_dir.to_owned(),
                }),
            },
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).context(|| format!("reading {}", data_dir.display())),
        },
        Err(error) => Err(error).context(|| format!("reading {}", data_dir.join("PG_VERSION").display())),
    }
}

fn check_owner(data_dir: &Path, server: &Account) -> Result<(), Error> {
    let owner = std::fs::metadata(data_dir)
        .context(|| format!("reading {}", data_dir.display()))?
        .uid();
    if owner == server.uid {
        return Ok(());
    }
    Err(Error::ForeignOwner {
        path: data_dir.to_owned(),
        owner,
        account: server.name.clone(),
        uid: server.uid,
    })
}

/// `initdb` beside the final place, then a rename: a crash in between leaves a folder that the next start removes, never half a
/// cluster that looks like one.
async fn init(options: &Options, server: &Account, installation: &Installation) -> Result<(), Error> {
    let data_dir = &options.data_dir;
    let (parent, prefix) = unfinished_are(data_dir)?;
    remove_unfinished(data_dir).await?;
    check_space(parent, NEEDED_TO_INIT)?;

    let fresh = parent.join(format!("{prefix}{}", std::process::id()));
    std::fs::DirBuilder::new()
        .mode(0o700)
        .create(&fresh)
        .context(|| format!("making {}", fresh.display()))?;
    if let Some(account) = &options.account {
        std::os::unix::fs::lchown(&fresh, Some(account.uid), Some(account.gid))
            .context(|| format!("giving {} to {}", fresh.display(), account.name))?;
    }
    let (file, mark) = log::open(&options.log)?;
    let mut command = Spawn::new(installation.program("initdb"))
        .arg("-D")
        .arg(&fresh)
        .args([
            "--encoding=UTF8",
            "--locale-provider=libc",
            "--locale=C",
            "--data-checksums",
            "--no-instructions",
        ])
        .args(["--auth-local=peer", "--auth-host=reject"])
        .arg(format!("--username={ADMIN}"))
        .env("LC_ALL", "C")
        .run_as(options.account.as_ref())
        .output(file);
    if !options.tuning.durable {
        command = command.arg("--no-sync");
    }
    if options.dies_with_thread {
        command = command.dies_with_thread("KILL");
    }
    let mut process = command
        .start()
        .context(|| format!("starting initdb as {}", server.name))?;
    process.end_on_drop(Some(Signal::KILL));
    let exit = process.wait().await.context(|| "waiting for initdb".into())?;
    if !exit.status.is_some_and(|status| status.success()) {
        let text = log::since(&options.log, mark);
        remove_unfinished(data_dir).await?;
        if log::says_disk_full(&text) {
            check_space(parent, NEEDED_TO_INIT)?;
        }
        return Err(Error::Init {
            exit: exit.to_string(),
            log: text,
        });
    }
    let publish = || {
        // An empty folder (a fresh mount's, or a packager's) makes way; rename replaces it.
        std::fs::rename(&fresh, data_dir)?;
        File::open(parent)?.sync_all()
    };
    publish().context(|| format!("moving the new cluster to {}", data_dir.display()))
}

/// Where clusters stand that are being set up, and how their names begin.
fn unfinished_are(data_dir: &Path) -> Result<(&Path, String), Error> {
    let parent = data_dir.parent().ok_or_else(|| Error::NotACluster {
        path: data_dir.to_owned(),
    })?;
    let name = data_dir.file_name().unwrap_or_default().to_string_lossy();
    Ok((parent, format!("{name}.init-")))
}

/// The folders of set-ups that did not come to their end, or have not yet.
pub(super) fn unfinished(data_dir: &Path) -> Result<Vec<PathBuf>, Error> {
    let (parent, prefix) = unfinished_are(data_dir)?;
    let mut found = Vec::new();
    match std::fs::read_dir(parent) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        entries => {
            let entries = entries.context(|| format!("reading {}", parent.display()))?.flatten();
            let named = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(&prefix));
            found.extend(named.map(|entry| entry.path()));
        }
    }
    Ok(found)
}

/// A killed `initdb` leaves a server in single-user mode that writes on for a moment.
async fn remove_unfinished(data_dir: &Path) -> Result<(), Error> {
    for folder in unfinished(data_dir)? {
        postmaster::end_orphans(&folder).await?;
        std::fs::remove_dir_all(&folder).context(|| format!("removing the interrupted set-up {}", folder.display()))?;
    }
    Ok(())
}

/// Fails when less than `needed` bytes are free.
pub(super) fn check_space(path: &Path, needed: u64) -> Result<(), Error> {
    let free = free(path).context(|| format!("measuring {}", path.display()))?;
    if free >= needed {
        return Ok(());
    }
    Err(Error::DiskFull {
        path: path.to_owned(),
        free_mib: free >> 20,
        needed_mib: needed >> 20,
    })
}

pub(super) fn free(path: &Path) -> std::io::Result<u64> {
    let stat = rustix::fs::statvfs(path)?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}
