//! Starting the private cluster from a cached template, on a thread whose end is the cluster's end.

use std::path::{Path, PathBuf};
use std::sync::mpsc;

use mpanel_pg::server::{self, Limits, Options, Tuning};
use mpanel_process::account::{self, Account};

use super::folders;

/// Raise it when what a template holds changes.
const TEMPLATE_FORMAT: u32 = 1;

/// Starts the cluster and returns how to reach it.
pub(super) fn start() -> Result<Options, String> {
    let (sender, receiver) = mpsc::sync_channel(1);
    // PostgreSQL is tied to this thread by the kernel, so the thread stays until the process ends.
    let body = move || {
        let started = runtime().and_then(|runtime| runtime.block_on(start_here()));
        let failed = started.is_err();
        if sender.send(started).is_ok() && !failed {
            loop {
                std::thread::park();
            }
        }
    };
    std::thread::Builder::new()
        .name("test-postgres".into())
        .spawn(body)
        .map_err(|error| error.to_string())?;
    receiver
        .recv()
        .map_err(|_| "the thread that starts it panicked".to_owned())?
}

/// Runs a future to its end on a thread of its own: callers may be inside a runtime already.
pub(super) fn on_a_thread<T: Send + 'static>(
    future: impl Future<Output = Result<T, String>> + Send + 'static,
) -> Result<T, String> {
    std::thread::spawn(|| runtime()?.block_on(future))
        .join()
        .map_err(|_| "the thread panicked".to_owned())?
}

fn runtime() -> Result<tokio::runtime::Runtime, String> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())
}

async fn start_here() -> Result<Options, String> {
    let base = folders::base().map_err(|error| format!("preparing {}: {error}", folders::base_path().display()))?;
    folders::sweep(&base).await;
    let run = folders::own(&base).map_err(|error| format!("making a folder in {}: {error}", base.display()))?;
    let options = options(&run)?;
    let template = template(&run).await?;
    folders::copy(&template, &options.data_dir, options.account.as_ref())
        .map_err(|error| format!("copying {}: {error}", template.display()))?;
    server::start(&options).await.map_err(|error| error.to_string())?;
    Ok(options)
}

pub(super) fn options(run: &Path) -> Result<Options, String> {
    let mut options = Options::new(run.join("data"), run.join("run"), run.join("conf"), run.join("log"));
    options.tuning = Tuning {
        shared_buffers_mib: 32,
        max_connections: 120,
        durable: false,
    };
    options.dies_with_thread = true;
    if account::is_root() {
        // PostgreSQL refuses root: borrow the distribution's account, or the one that owns nothing.
        let by_name = |name| Account::by_name(name).map_err(|error| error.to_string());
        let borrowed = match by_name("postgres")? {
            Some(account) => Some(account),
            None => by_name("nobody")?,
        };
        options.account = Some(borrowed.ok_or("neither `postgres` nor `nobody` is an account here")?);
    }
    Ok(options)
}

/// The folder of a finished, stopped cluster with roles and panel database, made once per PostgreSQL version.
async fn template(run: &Path) -> Result<PathBuf, String> {
    let cache = folders::cache().map_err(|error| error.to_string())?;
    let major = server::installed(None).map_err(|error| error.to_string())?[0].major;
    let template = cache.join(format!("postgres-{major}-{TEMPLATE_FORMAT}"));
    let _lock = folders::lock(&cache.join("lock")).map_err(|error| format!("locking {}: {error}", cache.display()))?;
    if template.join("PG_VERSION").exists() {
        return Ok(template);
    }
    let mut options = options(run)?;
    options.data_dir = run.join("template");
    let built = server::start(&options).await.map_err(|error| error.to_string())?;
    built.stop(Limits::default()).await.map_err(|error| error.to_string())?;
    let publish = || {
        // A copy killed half-way leaves this folder.
        let fresh = cache.join("postgres.new");
        if fresh.exists() {
            std::fs::remove_dir_all(&fresh)?;
        }
        folders::copy(&options.data_dir, &fresh, None)?;
        if template.exists() {
            std::fs::remove_dir_all(&template)?;
        }
        std::fs::rename(&fresh, &template)?;
        std::fs::remove_dir_all(&options.data_dir)
    };
    publish().map_err(|error: std::io::Error| format!("keeping the template in {}: {error}", cache.display()))?;
    Ok(template)
}
