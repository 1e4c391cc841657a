use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use mpanel_process::{Exit, Process, Signal, Spawn};
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection};
use tokio::time::{Instant, timeout};

use super::binaries::Installation;
use super::error::Context;
use super::postmaster::{self, PidFile};
use super::{Error, Options, admin, cluster, config, log};

/// How long an adopted server that calls itself ready may refuse connections before it is restarted.
const ADOPTED_PATIENCE: Duration = Duration::from_secs(15);
/// How long a server may recover after a crash. Replaying the log at the configured size takes seconds.
const RECOVERY: Duration = Duration::from_secs(600);

/// A running private server. Dropping it leaves the server running.
#[derive(Debug)]
pub struct Server {
    process: Process,
    options: Options,
    major: u32,
}

impl Server {
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// PostgreSQL's major version.
    pub fn major(&self) -> u32 {
        self.major
    }

    /// True when the server was already running.
    pub fn is_adopted(&self) -> bool {
        self.process.is_adopted()
    }

    pub fn options(&self) -> &Options {
        &self.options
    }

    /// How [`super::ADMIN`] connects.
    pub fn admin_options(&self) -> PgConnectOptions {
        self.options.admin_options()
    }

    /// How the panel connects.
    pub fn panel_options(&self) -> PgConnectOptions {
        self.options.panel_options()
    }

    /// Waits until the postmaster ends, for whatever reason. Cancel-safe.
    ///
    /// # Errors
    /// When the process cannot be watched (descriptors ran out).
    pub async fn wait(&mut self) -> std::io::Result<Exit> {
        self.process.wait().await
    }

    /// Stops the server; see [`stop`].
    ///
    /// # Errors
    /// As [`stop`].
    pub async fn stop(mut self, limits: Limits) -> Result<(), Error> {
        end(&mut self.process, &self.options, limits).await
    }
}

/// How long each way of stopping may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Fast: sessions are cut, transactions rolled back, a checkpoint written.
    pub fast: Duration,
    /// Immediate: no checkpoint; the next start recovers.
    pub immediate: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            fast: Duration::from_secs(30),
            immediate: Duration::from_secs(10),
        }
    }
}

/// Starts or adopts the server and waits until it serves. Making a new cluster takes about a second, starting one a tenth of that,
/// recovering after a crash as long as replaying the log takes (at most ten minutes). Cancelling stops what it started (not what it
/// adopted) without waiting; [`stop`] waits.
///
/// # Errors
/// Every variant of [`Error`] names what an operator can do; nothing in PGDATA is deleted or changed on an error.
pub async fn start(options: &Options) -> Result<Server, Error> {
    options.check()?;
    let account = options.server_account()?;
    let installation = cluster::prepare(options, &account).await?;
    prepare_socket_dir(options)?;
    let main = config::write(options, installation.major, &account)?;
    loop {
        if let Some(mut process) = postmaster::living(&options.data_dir)? {
            tracing::info!(pid = process.pid(), "adopting the running postgresql");
            // The configuration may be newer than the server.
            process.signal(Signal::HUP).context(|| "reloading postgresql".into())?;
            match ready(&mut process, options, ADOPTED_PATIENCE).await? {
                Ready::Yes(connection) => return finish(process, options, installation, connection).await,
                Ready::Exited(_) => continue,
                Ready::TooLate(error) => {
                    tracing::warn!(pid = process.pid(), %error, "restarting the running postgresql, it cannot be reached");
                    end(&mut process, options, Limits::default()).await?;
                    continue;
                }
            }
        }
        postmaster::end_orphans(&options.data_dir).await?;
        let (mut process, mark) = launch(options, &installation, &main)?;
        // Not INT, which a shell makes the programs ignore that it starts in the background: until the server has its
        // own handlers that would be lost. It has no clients yet that TERM would wait for.
        process.end_on_drop(Some(Signal::TERM));
        return match ready(&mut process, options, RECOVERY).await? {
            Ready::Yes(connection) => finish(process, options, installation, connection).await,
            Ready::Exited(exit) => {
                let text = log::since(&options.log, mark);
                if log::says_disk_full(&text) {
                    let free_mib = cluster::free(&options.data_dir).unwrap_or_default() >> 20;
                    return Err(Error::DiskFull {
                        path: options.data_dir.clone(),
                        free_mib,
                        needed_mib: free_mib + 64,
                    });
                }
                Err(Error::Start {
                    exit: exit.to_string(),
                    log: text,
                })
            }
            Ready::TooLate(source) => Err(Error::NotReady {
                pid: process.pid(),
                source,
            }),
        };
    }
}

/// Stops whatever server runs on this PGDATA: fast, then immediate, then by force; also what a killed server, or a killed set-up
/// of one, has left behind. Once it returns nothing of PostgreSQL's writes there. Nothing running is no error.
///
/// # Errors
/// When processes survive even that, or may not be signalled.
pub async fn stop(options: &Options, limits: Limits) -> Result<(), Error> {
    if let Some(mut process) = postmaster::living(&options.data_dir)? {
        end(&mut process, options, limits).await?;
    }
    for folder in cluster::unfinished(&options.data_dir)?
        .iter()
        .chain([&options.data_dir])
    {
        postmaster::end_orphans(folder).await?;
    }
    Ok(())
}

async fn end(process: &mut Process, options: &Options, limits: Limits) -> Result<(), Error> {
    let steps = [
        (Signal::INT, limits.fast),
        (Signal::QUIT, limits.immediate),
        (Signal::KILL, Duration::from_secs(5)),
    ];
    for (signal, patience) in steps {
        process
            .signal(signal)
            .context(|| format!("stopping postgresql (pid {})", process.pid()))?;
        if process
            .wait_for(patience)
            .await
            .context(|| "waiting for postgresql".into())?
            .is_some()
        {
            if signal == Signal::KILL {
                postmaster::end_orphans(&options.data_dir).await?;
            }
            return Ok(());
        }
        tracing::warn!(pid = process.pid(), signal = ?signal, "postgresql does not stop, insisting");
    }
    Err(Error::Orphans {
        pids: vec![process.pid()],
    })
}

fn launch(options: &Options, installation: &Installation, main: &std::path::Path) -> Result<(Process, u64), Error> {
    let (file, mark) = log::open(&options.log)?;
    let mut command = Spawn::new(installation.program("postgres"))
        .arg("-D")
        .arg(&options.data_dir)
        .arg(format!("--config_file={}", main.display()))
        .env("LC_ALL", "C")
        .run_as(options.account.as_ref())
        .output(file);
    if let Some(pid) = postmaster::innocent_namesake(&options.data_dir) {
        tracing::info!(pid, "postmaster.pid is stale: its pid belongs to another program now");
        command = command.env("PG_GRANDPARENT_PID", pid.to_string());
    }
    if options.dies_with_thread {
        // QUIT rather than KILL: the postmaster takes its backends and its shared memory with it.
        command = command.dies_with_thread("QUIT");
    }
    let process = command
        .start()
        .context(|| format!("starting {}", installation.program("postgres").display()))?;
    Ok((process, mark))
}

enum Ready {
    Yes(PgConnection),
    Exited(Exit),
    TooLate(sqlx::Error),
}

/// Connects until it works, the server ends or `patience` is over. A server that says it is recovering has all of [`RECOVERY`].
async fn ready(process: &mut Process, options: &Options, patience: Duration) -> Result<Ready, Error> {
    let begin = Instant::now();
    let connect = options.admin_options();
    let mut pause = Duration::from_millis(4);
    let mut reminder = Duration::from_secs(5);
    loop {
        let attempt = timeout(Duration::from_secs(5), PgConnection::connect_with(&connect));
        let error = match attempt.await {
            Ok(Ok(connection)) => return Ok(Ready::Yes(connection)),
            Ok(Err(error)) => error,
            Err(_elapsed) => sqlx::Error::PoolTimedOut,
        };
        let recovering = PidFile::read(&options.data_dir).is_none_or(|file| file.state != "ready");
        let limit = if recovering { RECOVERY } else { patience };
        if begin.elapsed() > limit {
            return Ok(Ready::TooLate(error));
        }
        if begin.elapsed() > reminder {
            tracing::info!(seconds = begin.elapsed().as_secs(), %error, "waiting for postgresql");
            reminder *= 2;
        }
        if let Some(exit) = process.wait_for(pause).await.context(|| "watching postgresql".into())? {
            return Ok(Ready::Exited(exit));
        }
        pause = (pause * 2).min(Duration::from_millis(100));
    }
}

async fn finish(
    mut process: Process,
    options: &Options,
    installation: Installation,
    mut connection: PgConnection,
) -> Result<Server, Error> {
    admin::provision(&mut connection).await?;
    connection.close().await?;
    // It says what exists already as notices, which at every start are no news. And the database's owner, or who made the dump
    // that it came from, does not say what the names mean to a superuser.
    let quiet = options
        .admin_options()
        .database(super::PANEL)
        .options([("client_min_messages", "warning"), ("search_path", "pg_catalog")]);
    crate::bootstrap(&quiet).await?;
    process.end_on_drop(None);
    Ok(Server {
        process,
        options: options.clone(),
        major: installation.major,
    })
}

/// Who may pass this folder may try to log in; nobody else even sees the socket.
fn prepare_socket_dir(options: &Options) -> Result<(), Error> {
    let folder = &options.socket_dir;
    let owner = options.account.as_ref().map(|account| account.uid);
    let mode = if options.socket_group.is_some() { 0o750 } else { 0o700 };
    let prepare = || {
        match std::fs::create_dir(folder) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(mode))?;
        let group = options
            .socket_group
            .or(options.account.as_ref().map(|account| account.gid));
        std::os::unix::fs::lchown(folder, owner, group)
    };
    prepare().context(|| format!("preparing {}", folder.display()))
}
