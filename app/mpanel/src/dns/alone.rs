//! `mpanel dns serve` and `mpanel dns check-zone`: zone files, without a panel.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use mpanel_engine_dns::{Config, FileError, Server, check_zone_file, load_zone_file, serve_files};
use mpanel_telemetry::{Format, Options};
use tokio::signal::unix::{SignalKind, signal};

use super::LOOK;
use crate::child::{self, Stop};

/// Reads `ORIGIN=FILE`.
pub fn zone_file(text: &str) -> Result<(String, PathBuf), String> {
    match text.split_once('=') {
        Some((origin, file)) if !origin.is_empty() && !file.is_empty() => Ok((origin.to_owned(), file.into())),
        _ => Err("write the zone's name, `=`, and its file: example.com=example.zone".to_owned()),
    }
}

/// Serves until a signal stops it.
///
/// # Errors
/// What is wrong with a file or the address.
pub fn serve(listen: SocketAddr, files: &[(String, PathBuf)]) -> anyhow::Result<()> {
    let _log = mpanel_telemetry::init(&Options {
        service: "mpanel-dns",
        filter: "info",
        format: Format::Auto,
        traces: None,
    })?;
    let runtime = child::small_runtime()?;
    let result = runtime.block_on(answer(listen, files));
    runtime.shutdown_background();
    result
}

async fn answer(listen: SocketAddr, files: &[(String, PathBuf)]) -> anyhow::Result<()> {
    let mut stop = Stop::new()?;
    let mut hang_up = signal(SignalKind::hangup())?;
    let server = serve_files(listen, files, Config::default())?;
    tracing::info!(zones = files.len(), address = %server.local_addr(), "dns answers");
    let mut look = tokio::time::interval(LOOK);
    loop {
        tokio::select! {
            () = stop.asked() => break,
            _ = hang_up.recv() => match reload(&server, files) {
                Ok(()) => tracing::info!("zone files read again"),
                Err(error) => tracing::error!(%error, "zone files not usable, what was served before stays"),
            },
            _ = look.tick() => anyhow::ensure!(server.is_healthy(), "a socket has failed"),
        }
    }
    stop.while_ending(move || server.stop()).await;
    Ok(())
}

fn reload(server: &Server, files: &[(String, PathBuf)]) -> Result<(), FileError> {
    let zones: Result<Vec<_>, _> = files
        .iter()
        .map(|(origin, file)| load_zone_file(origin, file).map(Arc::new))
        .collect();
    server.zones().replace_all(zones?);
    Ok(())
}

/// Prints what a zone file holds; what is odd goes to standard error.
///
/// # Errors
/// Why it cannot be served.
pub fn check(origin: &str, file: &Path) -> anyhow::Result<()> {
    let report = check_zone_file(origin, file).context("the zone cannot be served")?;
    for warning in &report.warnings {
        eprintln!("{warning}");
    }
    println!(
        "{}: serial {}, {} records, {} names, {} warnings",
        report.origin,
        report.serial,
        report.records,
        report.names,
        report.warnings.len()
    );
    Ok(())
}
