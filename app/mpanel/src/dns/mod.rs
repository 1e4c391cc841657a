//! `mpanel dns`: the DNS engine as a process. It follows the feed and answers from its copy on disk whatever else is down.

mod alone;
mod feed;

#[cfg(test)]
mod tests;

use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use clap::Subcommand;
use mpanel_engine_dns::{Config, Listeners, Server, ZoneSet};
use mpanel_feed::{Subscription, follow, frame, topics};
use mpanel_process::inherited::Inherited;

use crate::child::{self, Stop};
use crate::pretence;
use feed::Feed;

/// How often the engine's threads are looked at.
const LOOK: Duration = Duration::from_secs(1);

/// Answer DNS (started by `up`), serve zone files, or check one.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Answer for the zones of the panel; `mpanel up` starts this
    Run(child::Args),
    /// Answer for zone files, without a panel; SIGHUP reads them again
    Serve {
        /// UDP and TCP
        #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8053")]
        listen: SocketAddr,
        /// A zone and its file, such as example.com=example.zone
        #[arg(long, value_name = "ORIGIN=FILE", required = true, value_parser = alone::zone_file)]
        zone_file: Vec<(String, PathBuf)>,
    },
    /// Say whether a zone file can be served, and what is odd about it
    CheckZone {
        /// The zone's name
        origin: String,
        /// The zone file
        file: PathBuf,
    },
}

/// Serves until a signal stops it, or checks.
///
/// # Errors
/// A text for the operator.
pub fn run(args: &Args) -> anyhow::Result<()> {
    // First: it reads and clears the environment, which no other thread may do at the same time.
    let mut inherited = Inherited::from_env();
    let args = match &args.command {
        Command::Run(args) => args,
        Command::Serve { listen, zone_file } => return alone::serve(*listen, zone_file),
        Command::CheckZone { origin, file } => return alone::check(origin, file),
    };
    pretence::hang(pretence::Failure::DnsHang);
    let config = args.config()?;
    let _log = child::log("mpanel-dns", &config, None)?;
    let listeners = Listeners {
        udp: inherited.udp("dns-udp")?.into_iter().collect(),
        tcp: inherited.tcp("dns-tcp")?.into_iter().collect(),
    };
    anyhow::ensure!(
        !listeners.udp.is_empty() && !listeners.tcp.is_empty(),
        "no listeners were passed: `mpanel up` starts this process; alone it is `mpanel dns serve --zone-file ORIGIN=FILE`"
    );
    let subscription = subscription(&config.data, args.process.as_deref().unwrap_or("dns"));
    let runtime = child::small_runtime()?;
    let result = runtime.block_on(serve(listeners, subscription));
    runtime.shutdown_background();
    result
}

/// Two processes share the folder; each has a copy of its own.
fn subscription(data: &Path, process: &str) -> Subscription {
    let file = match process.strip_prefix("dns-") {
        Some(which) => format!("dns/snapshot-{which}.json"),
        None => "dns/snapshot.json".to_owned(),
    };
    Subscription {
        socket: data.join("run/feed.sock"),
        snapshot: data.join(file),
        role: frame::Role::Dns,
        process: process.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        topics: vec![topics::DNS_ZONE.to_owned()],
        public_key: None,
    }
}

async fn serve(listeners: Listeners, subscription: Subscription) -> anyhow::Result<()> {
    let mut stop = Stop::new()?;
    let zones = Arc::new(ZoneSet::new());
    let feed = Feed::new(Arc::clone(&zones));
    let mut following = pin!(follow(subscription, |update| feed.apply(update)));
    // Its first step applies the copy on disk, so that no query finds its zone missing.
    poll_fn(|context| {
        let _connecting = following.as_mut().poll(context);
        Poll::Ready(())
    })
    .await;
    let server = Server::start(Arc::clone(&zones), listeners, Config::default())?;
    tracing::info!(zones = zones.snapshot().len(), address = %server.local_addr(), "dns answers");
    let mut look = tokio::time::interval(LOOK);
    loop {
        tokio::select! {
            () = &mut following => break,
            () = stop.asked() => break,
            _ = look.tick() => anyhow::ensure!(server.is_healthy(), "a socket has failed: start again"),
        }
    }
    tracing::info!("dns stops");
    stop.while_ending(move || server.stop()).await;
    Ok(())
}
