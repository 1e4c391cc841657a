//! `mpanel doctor`: looks at an installation from outside, question by question, each with what to do when something is
//! wrong; and `mpanel support-bundle`: what somebody who helps has to see, without what is nobody's business.
//!
//! Everything here reads: the data folder, the sockets, the database's own figures. It says the most when nothing else works.

mod bundle;
mod database;
mod folder;
mod processes;
mod redact;
mod versions;
mod work;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use mpanel_config::{Config, Sources};
use mpanel_kernel::clock::{Clock as _, SystemClock};
use serde_json::json;

use crate::checks::{self, Check, Machine, State};
use crate::installation::{Installation, print};

/// Say what is wrong with this installation, and what to do about it; ends with 1 when something is
#[derive(Debug, clap::Args)]
pub struct Doctor {
    #[command(flatten)]
    installation: Installation,
}

/// Gather what somebody who helps has to see, without secrets, addresses and names of people
#[derive(Debug, clap::Args)]
pub struct SupportBundle {
    #[command(flatten)]
    installation: Installation,
    /// The archive to write [default: mpanel-support-<time>.tar.gz here]
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
}

/// The installation that is looked at.
struct Patient {
    data: PathBuf,
    config: Config,
    machine: Machine,
}

impl Patient {
    fn of(installation: &Installation) -> anyhow::Result<Self> {
        let named = installation.data.as_ref();
        let named = named.map(|data| ("data", data.to_string_lossy().into_owned()));
        let config = Config::load(&Sources::from_process(None, named.into_iter().collect()))?;
        let data = config.data.canonicalize().unwrap_or_else(|_| config.data.clone());
        let lock = data.join("lock");
        ensure!(
            lock.exists(),
            "there is no installation in {}; name one by --data",
            data.display()
        );
        crate::up::layout::check_owner(&data, &lock)?;
        Ok(Self {
            data,
            config,
            machine: Machine::this(),
        })
    }

    /// Every check, from the ground up: what is wrong below explains what is wrong above.
    async fn examine(&self) -> Vec<Check> {
        let mut checks = checks::standing(&self.machine, &self.data, self.config.database_url.is_some());
        checks.extend(folder::all(&self.data));
        checks.extend(processes::all(&self.data).await);
        checks.extend(versions::check(&self.data));
        checks.push(database::health(&self.data, &self.config).await);
        checks.extend(work::all(&self.data, &self.config).await);
        checks
    }
}

/// # Errors
/// A text for the operator; also when something is wrong.
pub fn doctor(args: &Doctor) -> anyhow::Result<()> {
    let patient = Patient::of(&args.installation)?;
    let checks = block_on(patient.examine())?;
    let worst = checks::worst(&checks);
    match args.installation.json {
        true => print(&json!({"state": worst, "checks": checks}).to_string())?,
        false => print(&told(&patient.data, &checks))?,
    }
    if worst == State::Failure {
        let failures = checks.iter().filter(|check| check.state == State::Failure).count();
        bail!("{failures} of {} checks failed", checks.len());
    }
    Ok(())
}

fn told(data: &Path, checks: &[Check]) -> String {
    let end = match checks::worst(checks) {
        State::Ok => "All is well.",
        State::Warning => "It works; look at the warnings when there is time.",
        State::Failure => "Begin with the first failure: it may explain those below it.",
    };
    format!("mPanel on {}\n\n{}\n  {end}", data.display(), checks::told(checks))
}

/// # Errors
/// A text for the operator.
pub fn support_bundle(args: &SupportBundle) -> anyhow::Result<()> {
    let patient = Patient::of(&args.installation)?;
    let checks = block_on(patient.examine())?;
    let now = SystemClock.now().strftime("%Y%m%d-%H%M%S").to_string();
    let file = args.to.clone();
    let file = file.unwrap_or_else(|| PathBuf::from(format!("mpanel-support-{now}.tar.gz")));
    let metrics = block_on(work::metrics(&patient.data))?;
    let members = bundle::gather(
        &patient.data,
        &patient.config,
        &patient.machine,
        &checks,
        metrics.as_deref(),
    );
    bundle::write(&file, &members).with_context(|| format!("writing {}", file.display()))?;
    match args.installation.json {
        true => print(
            &json!({"file": file, "members": members.iter().map(|member| &member.name).collect::<Vec<_>>()})
                .to_string(),
        ),
        false => {
            let names: String = members.iter().map(|member| format!("  {}\n", member.name)).collect();
            print(&format!(
                "{names}\nwritten to {}\nKeys, passwords, tokens, e-mail and network addresses are replaced. Domain names are not: look \
                 through it before you send it.",
                file.display()
            ))
        }
    }
}

fn block_on<T>(work: impl Future<Output = T>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(runtime.block_on(work))
}
