//! Whether the data planes of a new version answer what those of the version before answered: some zones over UDP and TCP, some
//! sites and the panel over TLS. Noted while the old ones serve, asked after each one that was replaced.

mod dns;
mod web;

#[cfg(test)]
mod tests;

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use mpanel_config::Config;
use mpanel_pg::PgConnectOptions;
use mpanel_server::upgrade::{self, Named};
use serde::{Deserialize, Serialize};

use crate::up::upgrade::{QUESTIONS, Record};

/// So many of each kind are asked for.
const MOST: usize = 3;
const PAUSE: Duration = Duration::from_millis(250);

/// What is asked, for which version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Questions {
    version: String,
    /// The data planes of the version before answered each of these: each is to be answered. Without that nobody knows whether
    /// one of them can be (a name may have no certificate yet): one of each kind is to be answered.
    each: bool,
    panel: bool,
    zones: Vec<Named>,
    hosts: Vec<Named>,
}

/// Notes what the data planes answer now, or what they are to answer where none of the version before runs. What was noted for
/// this version stays: it is from before anything was replaced.
///
/// # Errors
/// When the database is away or the disk is full.
pub(super) async fn note(config: &Config, database: &PgConnectOptions, old_run: bool) -> anyhow::Result<()> {
    let version = tried(&config.data)?;
    if load(&config.data).is_some_and(|noted| noted.version == version) {
        return Ok(());
    }
    let (mut zones, mut hosts) = upgrade::served(database).await?;
    let mut panel = true;
    if old_run {
        panel = web::panel(here(config.panel)).await.is_ok();
        let (mut answered, mut shown) = (Vec::new(), Vec::new());
        for zone in zones {
            if answered.len() < MOST && dns::zone(here(config.dns), &zone.0).await.is_ok() {
                answered.push(zone);
            }
        }
        for host in hosts {
            if shown.len() < MOST && web::site(here(config.edge_https), &host.0).await.is_ok() {
                shown.push(host);
            }
        }
        (zones, hosts) = (answered, shown);
    }
    let questions = Questions {
        version,
        each: old_run,
        panel,
        zones,
        hosts,
    };
    tracing::info!(?questions, "what the data planes are asked");
    let fresh = path(&config.data).with_extension("new");
    std::fs::write(&fresh, serde_json::to_vec(&questions)?)?;
    Ok(std::fs::rename(fresh, path(&config.data))?)
}

/// Ends well once all is answered that was noted and has not changed since.
///
/// # Errors
/// What is not answered, after half the time that the step may take.
pub(super) async fn ask(config: &Config, database: &PgConnectOptions) -> anyhow::Result<()> {
    let version = tried(&config.data)?;
    let noted = load(&config.data).filter(|noted| noted.version == version);
    let noted = noted.context("nobody has noted what the data planes are to answer")?;
    let (begin, patience) = (
        Instant::now(),
        Duration::from_secs(config.upgrade.gate_seconds.into()) / 2,
    );
    loop {
        let current = upgrade::served(database).await?;
        let Err(wrong) = noted.unchanged(&current).asked(config).await else {
            return Ok(());
        };
        if begin.elapsed() >= patience {
            bail!(wrong);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

impl Questions {
    /// Those of which nobody has made something else meanwhile.
    pub(super) fn unchanged(&self, (zones, hosts): &(Vec<Named>, Vec<Named>)) -> Self {
        let still = |noted: &[Named], current: &[Named]| {
            let kept = noted.iter().filter(|named| current.contains(named));
            kept.cloned().collect()
        };
        Self {
            zones: still(&self.zones, zones),
            hosts: still(&self.hosts, hosts),
            ..self.clone()
        }
    }

    async fn asked(&self, config: &Config) -> Result<(), String> {
        if self.panel {
            web::panel(here(config.panel)).await?;
        }
        let mut zones = Vec::new();
        for (apex, _) in &self.zones {
            zones.push(dns::zone(here(config.dns), apex).await);
        }
        self.judge(zones)?;
        let mut hosts = Vec::new();
        for (host, _) in &self.hosts {
            hosts.push(web::site(here(config.edge_https), host).await);
        }
        self.judge(hosts)
    }

    /// Of the answers of one kind, the first that is wrong; or nothing where one that is right is enough.
    pub(super) fn judge(&self, answers: Vec<Result<(), String>>) -> Result<(), String> {
        if !self.each && answers.iter().any(Result::is_ok) {
            return Ok(());
        }
        answers.into_iter().collect()
    }
}

fn path(data: &Path) -> PathBuf {
    data.join(QUESTIONS)
}

fn load(data: &Path) -> Option<Questions> {
    serde_json::from_slice(&std::fs::read(path(data)).ok()?).ok()
}

fn tried(data: &Path) -> anyhow::Result<String> {
    let tried = Record::load(data).trial.context("no version is tried")?;
    Ok(tried.version.id)
}

/// What listens everywhere is asked here.
fn here(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}
