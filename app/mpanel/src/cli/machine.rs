//! `mpanel config` and `mpanel completion`: commands that speak to nobody.

use std::path::PathBuf;

use clap::Subcommand;
use clap_complete::Shell;
use mpanel_config::Sources;
use serde_json::{Value, json};

use super::failure::Failure;
use super::view;

/// Arguments of `config`.
#[derive(Debug, clap::Args)]
pub struct Config {
    #[command(subcommand)]
    command: Command,
    /// Data folder of the installation [env: MPANEL_DATA]
    #[arg(long, global = true, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Configuration file [env: MPANEL_CONFIG] [default: config.toml in the data folder]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// One JSON document on standard output
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Say whether the settings can be used
    Check,
    /// Print every setting, its value and where that comes from
    Print,
}

/// Arguments of `completion`.
#[derive(Debug, clap::Args)]
pub struct Completion {
    /// For which shell
    shell: Shell,
}

/// # Errors
/// Everything that is wrong with the settings.
pub fn config(args: &Config) -> Result<(), Failure> {
    let data = args
        .data
        .as_ref()
        .map(|data| ("data", data.to_string_lossy().into_owned()));
    let sources = Sources::from_process(args.config.clone(), data.into_iter().collect());
    let config = mpanel_config::Config::load(&sources).map_err(|error| Failure::Invalid(error.to_string()))?;
    let lines = config.explain();
    match (&args.command, args.json) {
        (Command::Check, true) => view::print("{\"usable\":true}\n"),
        (Command::Check, false) => view::print("the settings can be used\n"),
        (Command::Print, true) => {
            let one =
                |line: &mpanel_config::Explained| json!({"key": line.key, "value": line.value, "source": line.source});
            let all: Vec<Value> = lines.iter().map(one).collect();
            view::print(&format!("{}\n", Value::from(all)))
        }
        (Command::Print, false) => {
            let one = |line: &mpanel_config::Explained| json!({"k": line.key, "v": line.value, "s": line.source});
            let all: Vec<Value> = lines.iter().map(one).collect();
            view::print(&view::table(&[("KEY", "/k"), ("VALUE", "/v"), ("FROM", "/s")], &all))
        }
    }
}

/// # Errors
/// When the script cannot be printed.
pub fn completion(args: &Completion, root: &mut clap::Command) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, root, "mpanel", &mut script);
    view::print(&String::from_utf8_lossy(&script))
}
