//! `mpanel setup`: looks whether the machine suits, says what it would change, and after a yes changes that and no more.
//!
//! Every step looks first whether it is done, and changes in one go what is not. So the command can be run again, also after
//! it was killed half-way.

mod claim;
mod plan;
mod settings;
mod steps;

#[cfg(test)]
mod tests;

use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use anyhow::{bail, ensure};
use mpanel_config::{Config, Sources};
use mpanel_process::account;
use serde_json::json;

use crate::checks::{self, Check, Demands, Machine, State};
use crate::cli::prompt;
use plan::Step;

/// Where the package's unit looks.
const DATA: &str = "/var/lib/mpanel";
const CONFIG: &str = "/etc/mpanel/config.toml";

/// Prepare this machine for mPanel: checks, plan, and after a yes users, settings and the service
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only look whether the machine suits; ends with 1 when it does not
    #[arg(long, conflicts_with = "yes")]
    check: bool,
    /// Do it without asking
    #[arg(long)]
    yes: bool,
    /// One JSON document on standard output
    #[arg(long)]
    json: bool,
    /// Go on in spite of this failed check (its name stands in parentheses); may be repeated
    #[arg(long, value_name = "CHECK")]
    ignore: Vec<String>,
    #[command(flatten)]
    wishes: Wishes,
}

/// What the settings are made from when there are none yet.
#[derive(Debug, Clone, Default, clap::Args)]
#[group(skip)]
pub struct Wishes {
    /// Host name of the panel; may be repeated
    #[arg(long, value_name = "NAME")]
    pub host: Vec<String>,
    /// Address that customers' domains will point to [default: those that this machine sends from]
    #[arg(long, value_name = "IP")]
    pub public_address: Vec<IpAddr>,
    /// Host name of a name server of new zones; may be repeated
    #[arg(long, value_name = "NAME")]
    pub nameserver: Vec<String>,
    /// Listen on loopback only, to try it out
    #[arg(long)]
    pub local: bool,
    /// Address of the panel [default: 127.0.0.1:7080]
    #[arg(long, value_name = "ADDR")]
    pub panel: Option<SocketAddr>,
    /// Address of the sites over HTTP [default: port 80 everywhere]
    #[arg(long, value_name = "ADDR")]
    pub edge_http: Option<SocketAddr>,
    /// Address of the sites over HTTPS [default: port 443 everywhere]
    #[arg(long, value_name = "ADDR")]
    pub edge_https: Option<SocketAddr>,
    /// Address of the name server [default: port 53 everywhere]
    #[arg(long, value_name = "ADDR")]
    pub dns: Option<SocketAddr>,
    /// Write the settings anew from these options; the old ones are kept beside as config.toml.old
    #[arg(long)]
    pub reconfigure: bool,
}

/// Runs the command.
///
/// # Errors
/// A text for the operator: without root, when a check fails, or a step does.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let machine = Machine::this();
    ensure!(
        args.check || account::is_root(),
        "setting up a machine needs root: run it with sudo. `mpanel setup --check` only looks, and `mpanel up` alone starts \
         mPanel for trying it out as yourself"
    );
    let text = settings::text(&machine, &args.wishes)?;
    let config = settings::parse(&text)?;
    let demands = Demands {
        data: Path::new(DATA),
        addresses: vec![
            ("panel", config.panel, false),
            ("edge_http", config.edge_http, false),
            ("edge_https", config.edge_https, false),
            ("dns", config.dns, true),
        ],
        hosts: &config.hosts,
        external_database: config.database_url.is_some(),
    };
    let checks = checks::all(&machine, &demands);
    let failed: Vec<&str> = refused(&checks, &args.ignore);
    if args.check {
        return report(args, &checks, None, None).and_then(|()| settle(&failed, "this machine does not suit"));
    }
    let steps = plan::steps(&machine, &text)?;
    let due = steps.iter().any(|step| !step.done);
    if !args.json {
        crate::installation::print(&told(&checks, &steps))?;
    }
    if !failed.is_empty() {
        if args.json {
            report(args, &checks, Some(&steps), None)?;
        }
        settle(&failed, "nothing was changed: this machine does not suit")?;
    }
    if due && !args.yes && !agreed(args)? {
        if args.json {
            report(args, &checks, Some(&steps), None)?;
        }
        bail!("nothing was changed");
    }
    for step in steps.iter().filter(|step| !step.done) {
        steps::apply(&machine, step.id, &text)?;
        if !args.json {
            eprintln!("done: {}", step.title);
        }
    }
    if !machine.has_systemd() {
        if !args.json {
            crate::installation::print(&format!(
                "\nThere is no systemd here to start it. Start it by hand:\n\n  mpanel up --data {DATA}\n"
            ))?;
        }
        return if args.json {
            report(args, &checks, Some(&steps), None)
        } else {
            Ok(())
        };
    }
    let claim = claim::wait(Path::new(DATA), &config)?;
    match args.json {
        true => report(args, &checks, Some(&steps), Some(&claim)),
        false => crate::installation::print(&claim.told()),
    }
}

/// The failed checks that nobody asked to ignore.
fn refused<'a>(checks: &'a [Check], ignored: &[String]) -> Vec<&'a str> {
    let failed = checks.iter().filter(|check| check.state == State::Failure);
    failed
        .map(|check| check.id)
        .filter(|id| !ignored.iter().any(|ignored| ignored == id))
        .collect()
}

fn settle(failed: &[&str], what: &str) -> anyhow::Result<()> {
    ensure!(
        failed.is_empty(),
        "{what} ({}); each check says what to do",
        failed.join(", ")
    );
    Ok(())
}

fn agreed(args: &Args) -> anyhow::Result<bool> {
    if args.json || !prompt::is_possible() {
        bail!("nothing was changed: nobody can be asked; read the plan and give --yes");
    }
    prompt::confirm("Go on?", "--yes").map_err(|failure| anyhow::anyhow!("{failure}"))
}

fn told(checks: &[Check], steps: &[Step]) -> String {
    format!(
        "\nThis machine:\n{}\nPlan:\n{}",
        checks::told(checks),
        plan::told(steps)
    )
}

/// `{"suits", "checks": [Check], "plan": [Step] | null, "claim": Claim | null}`
fn report(args: &Args, checks: &[Check], steps: Option<&[Step]>, claim: Option<&claim::Claim>) -> anyhow::Result<()> {
    if !args.json {
        return crate::installation::print(&format!("This machine:\n{}", checks::told(checks)));
    }
    let document = json!({
        "suits": refused(checks, &args.ignore).is_empty(),
        "checks": checks,
        "plan": steps,
        "claim": claim,
    });
    crate::installation::print(&document.to_string())
}

/// The sources of an installed service's settings: its file alone.
fn sources(file: &Path) -> Sources {
    Sources {
        file: Some(file.to_owned()),
        ..Sources::default()
    }
}

/// What a file's settings mean.
fn load(file: &Path) -> anyhow::Result<Config> {
    Ok(Config::load(&sources(file))?)
}
