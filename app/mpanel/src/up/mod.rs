//! `mpanel up`: opens every listener, runs the private PostgreSQL and the other processes, each as its own user, and keeps them
//! running. It holds no secret and serves no request; see `README.md` of this crate for the agreement with its children.

pub mod accounts;
mod adopt;
pub mod announce;
mod backups;
mod bequest;
mod children;
mod demo;
pub mod holder;
pub mod layout;
pub mod lock;
mod logs;
mod machine;
mod orphans;
pub mod postgres;
pub mod programs;
pub mod ready;
pub mod settings;
mod sockets;
pub mod state;
mod supervisor;
pub mod upgrade;

#[cfg(test)]
mod tests;

use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Context;
use mpanel_config::{Config, Sources};
use mpanel_kernel::clock::{Clock as _, SystemClock};
use mpanel_pg::server;

use accounts::Accounts;
use upgrade::trial;

use crate::{child, pretence};

/// Where children look for programs.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Start mPanel: PostgreSQL, panel, sites, DNS.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder of everything mPanel keeps [env: MPANEL_DATA]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Address of the panel [env: MPANEL_PANEL]
    #[arg(long, value_name = "ADDR")]
    panel: Option<String>,
    /// Address of the sites over HTTP [env: MPANEL_EDGE_HTTP]
    #[arg(long, value_name = "ADDR")]
    edge_http: Option<String>,
    /// Address of the sites over HTTPS [env: MPANEL_EDGE_HTTPS]
    #[arg(long, value_name = "ADDR")]
    edge_https: Option<String>,
    /// Address of the DNS server, UDP and TCP [env: MPANEL_DNS]
    #[arg(long, value_name = "ADDR")]
    dns: Option<String>,
    /// An existing PostgreSQL instead of a private one [env: MPANEL_DATABASE_URL]
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
    /// Add a demo provider: a reseller, customers, plans and real sites
    #[arg(long)]
    demo: bool,
    /// Configuration file [env: MPANEL_CONFIG] [default: config.toml in the data folder]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Folder of the programs `mpanel` and `mpanel-agent` [default: this program's]
    #[arg(long, value_name = "DIR", hide = true)]
    bin_dir: Option<PathBuf>,
    /// Start nothing: only say whether this program starts here and understands its settings
    #[arg(long, hide = true)]
    check: bool,
}

/// Runs until a signal stops it.
///
/// # Errors
/// A text for the operator: what is wrong and what to set.
pub fn run(args: Args) -> anyhow::Result<()> {
    let (bin_dir, demo, check) = (args.bin_dir.clone(), args.demo, args.check);
    let told = backups::Told {
        config: args.config.clone(),
        database_url: args.database_url.is_some(),
    };
    // Asked now: once the file is replaced, the kernel names it by what it was.
    let own = std::env::current_exe()?;
    let config = Config::load(&args.sources())?;
    if check {
        return Ok(());
    }
    let _log = child::log("mpanel-up", &config, None)?;
    let folder = |program: &Path| -> anyhow::Result<PathBuf> {
        Ok(program.parent().context("the program has a folder")?.to_owned())
    };
    let start = match std::env::var_os(upgrade::INSTALLED) {
        Some(installed) => Start {
            installed: installed.into(),
            programs: folder(&own)?,
            is_kept: true,
            told,
        },
        None => Start {
            programs: match bin_dir {
                Some(folder) => std::path::absolute(folder)?,
                None => folder(&own)?,
            },
            installed: own,
            is_kept: false,
            told,
        },
    };
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(start.run(&config, demo))
}

/// Which program this is.
#[derive(Debug, Clone)]
struct Start {
    /// The supervisor that is installed, which may be a newer one.
    installed: PathBuf,
    /// The folder of this one's programs, before they are kept.
    programs: PathBuf,
    /// Whether it is a kept one, in the place of an installed one that does not work.
    is_kept: bool,
    told: backups::Told,
}

impl Start {
    /// This command, with another program.
    fn again(program: &Path) -> Command {
        let mut command = Command::new(program);
        command.args(std::env::args_os().skip(1));
        // All of it again: it is the same service.
        command.env_clear().envs(std::env::vars_os());
        command.env_remove(upgrade::INSTALLED);
        command
    }

    /// The supervisor of a kept version.
    fn back(&self, program: &Path) -> Command {
        let mut command = Self::again(program);
        command.env(upgrade::INSTALLED, &self.installed);
        command
    }

    async fn run(&self, config: &Config, demo: bool) -> anyhow::Result<()> {
        let data = settings::data_folder(config)?;
        layout::check_owner(&data, &data.join("lock"))?;
        let lock = lock::take(&data)?;
        crate::recovery::before_start(&data)?;
        let accounts = accounts::prepare()?;
        layout::prepare(&data, accounts.as_ref())?;
        let launch = match self.is_kept {
            true => upgrade::Launch::of(&self.programs),
            false => upgrade::launch(&data, &self.programs, |program| self.back(&program))?,
        };
        let ended = self.supervise(config, (&data, accounts.as_ref()), &launch, demo).await;
        drop(lock);
        // The supervisor of a version that does not even come so far must not be what stays.
        if let (Err(error), Some(version)) = (&ended, &launch.trial)
            && let Some(back) = upgrade::kept(&data, version)
        {
            upgrade::refuse(&data, version, &format!("its supervisor ended: {error:#}"));
            let error = self.back(&back).exec();
            tracing::error!(%error, "cannot start the version before");
        }
        ended
    }

    async fn supervise(
        &self,
        config: &Config,
        (data, accounts): (&Path, Option<&Accounts>),
        launch: &upgrade::Launch,
        demo: bool,
    ) -> anyhow::Result<()> {
        if launch.trial.is_some() && pretence::failure() == Some(pretence::Failure::Supervisor) {
            std::process::abort();
        }
        let postgres = config.database_url.is_none().then(|| postgres::options(data, accounts));
        let private_url = postgres.as_ref().map(server::Options::panel_url);
        let parts = children::Parts {
            config,
            data,
            accounts,
            programs: &launch.programs,
            private_url: private_url.as_deref(),
        };
        let mut sockets = sockets::Sockets::new(children::listeners(parts));
        if std::env::var_os(bequest::MARK).is_some() {
            match bequest::take() {
                Ok(listeners) => sockets.inherit(listeners),
                // Those of living children are taken back from them.
                Err(error) => tracing::warn!(%error, "cannot take over the predecessor's listeners"),
            }
        }
        let slots = adopt::adopt(parts, &mut sockets, launch.trial.is_some()).await?;
        let panel = sockets.address("panel").unwrap_or(config.panel);
        let mut announcer = announce::Announcer::new(data, panel, accounts.is_none());
        announcer.hold_claim(demo);
        // With `--edge-https …:0` the port is known only now.
        let bound_https = sockets.address("edge_https").unwrap_or(config.edge_https).port();
        let https_port = Some(config.public_https_port()).filter(|port| *port != 0);
        let seeder = demo.then(|| demo::Seeder {
            program: demo::Seeder::program(&launch.programs),
            data: data.to_owned(),
            account: accounts.map(|all| all.panel.clone()),
            panel_url: announcer.url(),
            https_port: https_port.unwrap_or(bound_https),
        });
        let back = launch.trial.as_ref().and_then(|version| upgrade::kept(data, version));
        let limits = trial::Limits {
            step: Duration::from_secs(config.upgrade.gate_seconds.into()),
            data: Duration::from_secs(config.upgrade.migrate_seconds.into()),
        };
        let attempt = launch.trial.clone().map(|version| supervisor::Attempt {
            version,
            back: back.map(|program| self.back(&program)),
            limits,
        });
        if attempt.is_some() {
            upgrade::limit(data, SystemClock.now() + limits.whole(children::PLANES));
        }
        supervisor::Supervisor::new(data.to_owned(), slots, sockets, postgres, announcer)
            .and_then(seeder)
            .backing_up(backups::Backups::of(config, data, &launch.programs, &self.told)?)
            .trying(attempt)
            .succeeded_by(Self::again(&self.installed))
            .run()
            .await
    }
}

impl Args {
    fn sources(self) -> Sources {
        let text = |path: PathBuf| path.to_string_lossy().into_owned();
        let given = [
            ("data", self.data.map(text)),
            ("panel", self.panel),
            ("edge_http", self.edge_http),
            ("edge_https", self.edge_https),
            ("dns", self.dns),
            ("database_url", self.database_url),
        ];
        let mut sources = Sources::from_process(
            self.config,
            given
                .into_iter()
                .filter_map(|(key, value)| Some((key, value?)))
                .collect(),
        );
        // Where PostgreSQL's programs are is no setting of the installation, and no child needs it.
        sources.environment.remove("MPANEL_PG_BIN");
        sources
    }
}
