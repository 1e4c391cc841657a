//! An unimportant PostgreSQL: no durability, a Unix socket only, gone when this process is gone.

use super::database::Url;
use crate::process;
use anyhow::{Context as _, Result, bail};
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

const OLDEST_MAJOR: u32 = 15;
const PREFIX: &str = "mpanel-xtask-";
const START_TRIES: u32 = 300;
const START_PAUSE: Duration = Duration::from_millis(100);

/// A server that runs in its own folder.
#[derive(Debug)]
pub struct Server {
    dir: PathBuf,
    process: Option<Child>,
    ephemeral: bool,
}

/// Finds a program of PostgreSQL: `PG_BINDIR`, the newest Debian version, then `PATH`.
///
/// # Errors
/// When none is installed.
pub fn program(name: &str) -> Result<PathBuf> {
    let mut folders: Vec<PathBuf> = std::env::var_os("PG_BINDIR").into_iter().map(PathBuf::from).collect();
    let mut versions: Vec<(u32, PathBuf)> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .filter(|(major, _)| *major >= OLDEST_MAJOR)
        .collect();
    versions.sort();
    folders.extend(versions.into_iter().rev().map(|(_, bin)| bin));
    folders.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
    folders
        .into_iter()
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
        .with_context(|| format!("`{name}` of PostgreSQL {OLDEST_MAJOR} or newer is not installed: run `make deps`"))
}

/// The account the server runs as when we are root, which PostgreSQL refuses to be.
fn unprivileged_account() -> Result<Option<(u32, u32)>> {
    let we_are_root = fs::metadata("/proc/self")?.uid() == 0;
    if !we_are_root {
        return Ok(None);
    }
    let passwd = fs::read_to_string("/etc/passwd")?;
    for account in ["postgres", "nobody"] {
        for line in passwd.lines() {
            let fields: Vec<&str> = line.split(':').collect();
            if let [name, _, uid, gid, ..] = fields.as_slice()
                && *name == account
            {
                return Ok(Some((uid.parse()?, gid.parse()?)));
            }
        }
    }
    bail!("neither `postgres` nor `nobody` exists: PostgreSQL cannot run as root")
}

impl Server {
    /// Starts in a new temporary folder that is removed with the server.
    ///
    /// # Errors
    /// When PostgreSQL is missing or does not start.
    pub fn start_ephemeral() -> Result<Self> {
        // Root's TMPDIR may be closed to the account the server runs as.
        let base = match unprivileged_account()? {
            Some(_) => PathBuf::from("/tmp"),
            None => std::env::temp_dir(),
        };
        remove_leftovers(&base);
        let dir = base.join(format!("{PREFIX}{}", std::process::id()));
        fs::create_dir(&dir).with_context(|| format!("cannot create {}", dir.display()))?;
        Self::start(&dir, true)
    }

    /// Starts in a folder that is kept, or finds the server that runs there.
    ///
    /// # Errors
    /// When PostgreSQL is missing or does not start.
    pub fn start_in(dir: &Path) -> Result<Self> {
        fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))?;
        let dir = fs::canonicalize(dir)?;
        let found = Self {
            dir,
            process: None,
            ephemeral: false,
        };
        if found.answers() {
            return Ok(found);
        }
        Self::start(&found.dir, false)
    }

    fn start(dir: &Path, ephemeral: bool) -> Result<Self> {
        let mut server = Self {
            dir: dir.to_owned(),
            process: None,
            ephemeral,
        };
        let account = unprivileged_account()?;
        let (data, sockets) = (server.data(), server.sockets());
        fs::create_dir_all(&sockets)?;
        if let Some((uid, gid)) = account {
            for folder in [dir, &sockets] {
                chown(folder, Some(uid), Some(gid))?;
            }
        }
        fs::set_permissions(&sockets, fs::Permissions::from_mode(0o700))?;
        if !data.join("PG_VERSION").is_file() {
            if data.is_dir() {
                fs::remove_dir_all(&data).context("cannot remove a half-made cluster")?;
            }
            let mut initdb = Command::new(program("initdb")?);
            initdb.args([
                "--username=postgres",
                "--auth=trust",
                "--encoding=UTF8",
                "--locale=C",
                "--no-sync",
            ]);
            initdb.arg("--pgdata").arg(&data);
            become_account(&mut initdb, dir, account);
            process::output(&mut initdb)?;
        }
        server.process = Some(server.spawn(account)?);
        server.wait_until_ready()?;
        Ok(server)
    }

    fn spawn(&self, account: Option<(u32, u32)>) -> Result<Child> {
        let postgres = program("postgres")?;
        // With `setpriv` the server also ends when this process is killed.
        let setpriv = Path::new("/usr/bin/setpriv");
        let mut command = if setpriv.is_file() {
            let mut command = Command::new(setpriv);
            if let Some((uid, gid)) = account {
                command.args([
                    format!("--reuid={uid}"),
                    format!("--regid={gid}"),
                    "--clear-groups".to_owned(),
                ]);
            }
            command
                .args(["--pdeathsig", "INT"])
                .arg(postgres)
                .current_dir(&self.dir);
            command
        } else {
            let mut command = Command::new(postgres);
            become_account(&mut command, &self.dir, account);
            command
        };
        command.arg("-D").arg(self.data()).arg("-k").arg(self.sockets());
        let settings = [
            "listen_addresses=",
            "fsync=off",
            "synchronous_commit=off",
            "full_page_writes=off",
            "shared_buffers=32MB",
            "max_connections=60",
            "log_min_messages=fatal",
        ];
        for setting in settings {
            command.arg("-c").arg(setting);
        }
        let log = fs::File::create(self.dir.join("postgres.log"))?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        command.spawn().context("cannot start postgres")
    }

    fn wait_until_ready(&mut self) -> Result<()> {
        for _ in 0..START_TRIES {
            if self.answers() {
                return Ok(());
            }
            let ended = match &mut self.process {
                Some(process) => process.try_wait()?,
                None => None,
            };
            if let Some(status) = ended {
                let log = fs::read_to_string(self.dir.join("postgres.log")).unwrap_or_default();
                bail!("postgres ended at once ({status})\n{}", log.trim_end());
            }
            thread::sleep(START_PAUSE);
        }
        bail!("postgres in {} does not answer", self.dir.display())
    }

    fn answers(&self) -> bool {
        let Ok(pg_isready) = program("pg_isready") else {
            return false;
        };
        let mut command = Command::new(pg_isready);
        command.arg("--quiet").arg("--host").arg(self.sockets());
        command.status().is_ok_and(|status| status.success())
    }

    /// Whether the server ran before us and goes on after us.
    pub fn is_adopted(&self) -> bool {
        self.process.is_none()
    }

    /// Waits until somebody stops the server.
    ///
    /// # Errors
    /// When it cannot be waited for.
    pub fn wait(mut self) -> Result<()> {
        if let Some(process) = &mut self.process {
            process.wait()?;
        }
        Ok(())
    }

    /// The URL of a database of this server, understood by libpq and sqlx.
    pub fn url(&self, database: &str) -> Url {
        let host = self
            .sockets()
            .display()
            .to_string()
            .replace('%', "%25")
            .replace('/', "%2F");
        Url::parse(&format!("postgres://postgres@{host}/{database}")).expect("database names are literals of ours")
    }

    fn data(&self) -> PathBuf {
        self.dir.join("data")
    }

    fn sockets(&self) -> PathBuf {
        self.dir.join("run")
    }
}

/// Removes the folders of runs that were killed; their servers ended with them.
fn remove_leftovers(base: &Path) {
    for entry in fs::read_dir(base).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some(pid) = name.strip_prefix(PREFIX).and_then(|pid| pid.parse::<u32>().ok()) else {
            continue;
        };
        if !Path::new("/proc").join(pid.to_string()).exists() {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn become_account(command: &mut Command, dir: &Path, account: Option<(u32, u32)>) {
    command.current_dir(dir);
    if let Some((uid, gid)) = account {
        command.uid(uid).gid(gid);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            if let Ok(pg_ctl) = program("pg_ctl") {
                let mut stop = Command::new(pg_ctl);
                stop.args(["stop", "--silent", "--mode=immediate", "--pgdata"])
                    .arg(self.dir.join("data"));
                if let Ok(account) = unprivileged_account() {
                    become_account(&mut stop, &self.dir, account);
                }
                let _ = process::output(&mut stop);
            }
            let _ = process.kill();
            let _ = process.wait();
        }
        if self.ephemeral {
            let _ = fs::remove_dir_all(&self.dir);
        }
    }
}
