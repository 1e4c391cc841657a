//! What every process under the supervisor does first and last: its settings, its log, its signals.

use std::path::PathBuf;

use mpanel_config::{Config, LogFormat, Sources};
use mpanel_telemetry::{Format, Guard, Options};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// What `mpanel up` starts every process with.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub struct Args {
    /// Folder of everything mPanel keeps [env: MPANEL_DATA]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Which process this is, among several of a kind
    #[arg(long, value_name = "NAME", value_parser = process_name)]
    pub process: Option<String>,
    /// All processes run as one user
    #[arg(long)]
    pub rootless: bool,
}

impl Args {
    /// The effective settings.
    ///
    /// # Errors
    /// What is wrong with them, for the operator.
    pub fn config(&self) -> Result<Config, mpanel_config::Error> {
        let data = self
            .data
            .as_ref()
            .map(|data| ("data", data.to_string_lossy().into_owned()));
        Config::load(&Sources::from_process(None, data.into_iter().collect()))
    }
}

/// The name becomes part of a file's.
fn process_name(text: &str) -> Result<String, String> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if text.is_empty() || text.len() > 32 || !text.bytes().all(plain) {
        return Err("lower-case letters, digits and hyphens, at most 32".to_owned());
    }
    Ok(text.to_owned())
}

/// Log lines on standard error, as configured.
///
/// # Errors
/// When the filter does not parse.
pub fn log(service: &'static str, config: &Config, traces: Option<&str>) -> Result<Guard, mpanel_telemetry::Error> {
    mpanel_telemetry::init(&Options {
        service,
        filter: &config.log.filter,
        format: match config.log.format {
            LogFormat::Auto => Format::Auto,
            LogFormat::Text => Format::Text,
            LogFormat::Json => Format::Json,
        },
        traces,
    })
}

/// The runtime of a process whose engine has threads of its own.
///
/// # Errors
/// When the system gives no descriptors for it.
pub fn small_runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(4)
        .build()
}

/// The signals that end a process.
#[derive(Debug)]
pub struct Stop {
    terminate: Signal,
    interrupt: Signal,
}

impl Stop {
    /// From now on these signals no longer kill.
    ///
    /// # Errors
    /// When the system refuses a handler.
    pub fn new() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Waits for one of them.
    pub async fn asked(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    /// Runs what a stop takes and blocks; a second signal leaves it behind.
    pub async fn while_ending<T: Send + 'static>(&mut self, end: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        tokio::select! {
            ended = tokio::task::spawn_blocking(end) => ended.ok(),
            () = self.asked() => None,
        }
    }
}
