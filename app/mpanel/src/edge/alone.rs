//! `mpanel edge serve`: a web server of its own, from one file.

use std::path::Path;
use std::time::Duration;

use mpanel_engine_edge::alone;
use mpanel_telemetry::{Format, Options};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::MissedTickBehavior;

use super::GRACE;
use crate::child::{self, Stop};

/// Between two looks whether the file has changed.
const LOOK: Duration = Duration::from_secs(1);

/// Serves until a signal stops it.
///
/// # Errors
/// What is wrong with the file or its addresses.
pub fn run(file: &Path) -> anyhow::Result<()> {
    let _log = mpanel_telemetry::init(&Options {
        service: "mpanel-edge",
        filter: "info",
        format: Format::Auto,
        traces: None,
    })?;
    let runtime = child::small_runtime()?;
    let result = runtime.block_on(serve(file));
    runtime.shutdown_background();
    result
}

async fn serve(file: &Path) -> anyhow::Result<()> {
    let mut stop = Stop::new()?;
    let mut hang_up = signal(SignalKind::hangup())?;
    let (edge, running) = alone::serve(file)?;
    for (role, address) in running.addresses() {
        tracing::info!(?role, %address, "edge serves");
    }
    let mut watched = alone::Watched::new(file);
    let mut look = tokio::time::interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.asked() => break,
            _ = hang_up.recv() => {}
            _ = look.tick() => if !watched.has_changed() {
                continue;
            },
        }
        // Before it is read: what changes meanwhile is noticed with the next look.
        watched = alone::Watched::new(file);
        match alone::reload(&edge, file) {
            Ok(()) => tracing::info!(hosts = edge.status().hosts, "file read again"),
            Err(error) => tracing::error!(%error, "file not usable, what was served before stays"),
        }
    }
    stop.while_ending(move || running.stop(GRACE)).await;
    Ok(())
}
