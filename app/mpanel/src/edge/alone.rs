//! `mpanel edge serve`: a web server of its own, from one file.

use std::path::Path;

use mpanel_engine_edge::alone;
use mpanel_telemetry::{Format, Options};
use tokio::signal::unix::{SignalKind, signal};

use super::GRACE;
use crate::child::{self, Stop};

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
    loop {
        tokio::select! {
            () = stop.asked() => break,
            _ = hang_up.recv() => match alone::reload(&edge, file) {
                Ok(()) => tracing::info!(hosts = edge.status().hosts, "file read again"),
                Err(error) => tracing::error!(%error, "file not usable, what was served before stays"),
            },
        }
    }
    stop.while_ending(move || running.stop(GRACE)).await;
    Ok(())
}
