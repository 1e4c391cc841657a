//! `mpanel edge`: the web engine as a process. It follows the feed and serves from its copy on disk whatever else is down.

mod alone;
mod feed;
mod usage;

#[cfg(test)]
mod tests;

use std::future::{Future, poll_fn};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use anyhow::Context;
use clap::Subcommand;
use mpanel_crypto::NodeKeyPair;
use mpanel_engine_edge::{Edge, EdgeConfig, EdgeOptions, Listener, Role};
use mpanel_feed::{Subscription, follow_and_report, frame, topics};
use mpanel_kernel::clock::SystemClock;
use mpanel_process::inherited::Inherited;

use crate::child::{self, Stop};
use crate::pretence;
use feed::Feed;
use usage::Meter;

/// How long open requests may go on after a stop was asked for; the supervisor waits 10 seconds.
const GRACE: Duration = Duration::from_secs(8);

/// Serve sites (started by `up`), or a file's sites alone.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Args {
    #[command(flatten)]
    child: child::Args,
    #[command(subcommand)]
    command: Option<Alone>,
}

#[derive(Debug, Subcommand)]
enum Alone {
    /// Serve the sites of a TOML file, without a panel; it is read again when it changes, and by SIGHUP
    Serve {
        /// Listeners, hosts, upstreams and certificates
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
}

/// Serves until a signal stops it.
///
/// # Errors
/// A text for the operator.
pub fn run(args: &Args) -> anyhow::Result<()> {
    // First: it reads and clears the environment, which no other thread may do at the same time.
    let mut inherited = Inherited::from_env();
    if let Some(Alone::Serve { config }) = &args.command {
        return alone::run(config);
    }
    anyhow::ensure!(
        pretence::failure() != Some(pretence::Failure::Edge),
        "this is a test of an edge that ends"
    );
    pretence::hang(pretence::Failure::EdgeHang);
    let config = args.child.config()?;
    let _log = child::log("mpanel-edge", &config, None)?;
    let listeners = listeners(&mut inherited)?;
    let folder = config.data.join("edge");
    let key = NodeKeyPair::load_or_create(&folder.join("node.key"))?;
    let mut options = EdgeOptions::new(config.data.join("sites"), config.data.join("run/serve.sock"));
    options.https_port = config.public_https_port();
    let subscription = subscription(&config.data, args.child.process.as_deref(), &key);
    let runtime = child::small_runtime()?;
    let result = runtime.block_on(serve(options, listeners, subscription, key));
    // Whatever still blocks after a second signal is left behind.
    runtime.shutdown_background();
    result
}

fn listeners(inherited: &mut Inherited) -> anyhow::Result<Vec<Listener>> {
    let mut listeners = Vec::new();
    let roles = [
        ("edge-http", Role::EdgeHttp),
        ("edge-https", Role::EdgeHttps),
        ("panel", Role::Panel),
    ];
    for (name, role) in roles {
        let socket: Option<TcpListener> = inherited.tcp(name).with_context(|| format!("listener {name}"))?;
        listeners.extend(socket.map(|socket| Listener::new(role, socket)));
    }
    anyhow::ensure!(
        !listeners.is_empty(),
        "no listener was passed: `mpanel up` starts this process; alone it is `mpanel edge serve --config FILE`"
    );
    Ok(listeners)
}

fn subscription(data: &Path, process: Option<&str>, key: &NodeKeyPair) -> Subscription {
    Subscription {
        socket: data.join("run/feed.sock"),
        snapshot: data.join("edge/snapshot.json"),
        role: frame::Role::Edge,
        process: process.unwrap_or("edge").to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        topics: [
            topics::EDGE_HOST,
            topics::EDGE_UPSTREAM,
            topics::EDGE_PURGE,
            topics::EDGE_CERTIFICATE,
            topics::EDGE_CHALLENGE,
        ]
        .map(str::to_owned)
        .into(),
        public_key: Some(key.public().to_string()),
    }
}

async fn serve(
    options: EdgeOptions,
    listeners: Vec<Listener>,
    subscription: Subscription,
    key: NodeKeyPair,
) -> anyhow::Result<()> {
    let mut stop = Stop::new()?;
    let (edge, _none) = Edge::new(options, EdgeConfig::default());
    let mut feed = Feed::new(edge.clone(), key);
    let meter = Meter::open(subscription.snapshot.with_file_name("usage"), Arc::new(SystemClock));
    let mut following = pin!(follow_and_report(
        subscription,
        |update| feed.apply(update),
        meter.clone()
    ));
    // Its first step applies the copy on disk, so that no request finds its site missing.
    poll_fn(|context| {
        let _connecting = following.as_mut().poll(context);
        Poll::Ready(())
    })
    .await;
    let running = edge.start(listeners)?;
    let status = edge.status();
    tracing::info!(hosts = status.hosts, certificates = status.certificates, "edge serves");
    tokio::select! {
        () = &mut following => {}
        () = meter.run(&edge) => {}
        () = stop.asked() => {}
    }
    tracing::info!("edge stops");
    if let Some(stopped) = stop.while_ending(move || running.stop(GRACE)).await {
        tracing::info!(aborted = stopped.aborted, "edge has stopped");
    }
    meter.finish(&edge);
    Ok(())
}
