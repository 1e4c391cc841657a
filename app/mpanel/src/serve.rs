//! `mpanel serve`: the control plane as a process. `up` starts it; it listens on what it was passed.

mod once;

use std::os::unix::net::UnixListener;
use std::str::FromStr;

use anyhow::Context as _;
use mpanel_pg::PgConnectOptions;
use mpanel_process::account::{self, Account};
use mpanel_process::inherited::Inherited;
use mpanel_server::{Listeners, Options};

use crate::child::{self, Stop};
use crate::pretence;

/// Serve the panel and the API (started by `up`)
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    child: child::Args,
    /// Do this and end, instead of serving
    #[arg(long, value_name = "WHAT", hide = true)]
    once: Option<once::Once>,
}

/// Serves until a signal stops it.
///
/// # Errors
/// A text for the operator.
pub fn run(args: &Args) -> anyhow::Result<()> {
    // First: it reads and clears the environment, which no other thread may do at the same time.
    let mut inherited = Inherited::from_env();
    let config = args.child.config()?;
    let url = config
        .database_url
        .as_ref()
        .context("no database was named: `mpanel up` starts this process")?;
    let database = PgConnectOptions::from_str(url.expose()).context("setting database_url")?;
    if let Some(once) = args.once {
        return once::run(once, &config, &database);
    }
    anyhow::ensure!(
        pretence::failure() != Some(pretence::Failure::Crash),
        "this is a test of a panel that ends"
    );
    pretence::hang(pretence::Failure::Hang);
    let listeners = Listeners {
        serve: listener(&mut inherited, "serve")?,
        feed: listener(&mut inherited, "feed")?,
    };
    let rootless = args.child.rootless;
    let (edge_uid, dns_uid) = match rootless {
        true => (account::effective_uid(), account::effective_uid()),
        false => (uid("mpanel-edge")?, uid("mpanel-dns")?),
    };
    // A thread carries thousands of requests a second, and those of the database and the edge want the other half of
    // the machine: with more, each request wakes threads in turn. Each one more costs memory at all times.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads((std::thread::available_parallelism().map_or(2, usize::from) / 2).clamp(1, 4))
        .max_blocking_threads(16)
        .thread_keep_alive(std::time::Duration::from_secs(5))
        .enable_all()
        .build()?;
    let result = runtime.block_on(async {
        let _log = child::log("mpanel-serve", &config, config.traces.endpoint.as_deref())?;
        let mut stop = Stop::new()?;
        let pages = mpanel_web::pages();
        let options = Options {
            config,
            database,
            listeners,
            pages,
            rootless,
            edge_uid,
            dns_uid,
        };
        mpanel_server::run(options, async move { stop.asked().await }).await
    });
    // Streams of events never end by themselves.
    runtime.shutdown_background();
    result
}

fn listener(inherited: &mut Inherited, name: &str) -> anyhow::Result<UnixListener> {
    let listener = inherited.unix(name).with_context(|| format!("listener {name}"))?;
    listener.with_context(|| format!("no listener {name} was passed: `mpanel up` starts this process"))
}

fn uid(name: &str) -> anyhow::Result<u32> {
    let account = Account::by_name(name)?;
    Ok(account
        .with_context(|| format!("there is no user {name}; `mpanel up` makes it"))?
        .uid)
}
