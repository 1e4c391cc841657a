//! An installation as the operator's commands find it: running or not, with its private PostgreSQL or another.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use mpanel_config::{Config, Sources};
use mpanel_pg::dump::Target;
use mpanel_pg::server::{self, Limits, Server};

use crate::installation::Installation;
use crate::up::accounts::{self, Accounts};
use crate::up::lock::{self, Lock};
use crate::up::{layout, postgres};

/// An installation with a database that answers.
pub struct Place {
    pub data: PathBuf,
    pub config: Config,
    pub accounts: Option<Accounts>,
    pub target: Target,
    /// The private PostgreSQL, when it was started for this.
    server: Option<Server>,
    /// Keeps a supervisor from starting meanwhile.
    _lock: Option<Lock>,
}

impl Place {
    /// Finds the installation and sees to its database. `stopped`: what is to be done must not meet a running one.
    ///
    /// # Errors
    /// A text for the operator.
    pub async fn open(installation: &Installation, file: Option<PathBuf>, stopped: bool) -> anyhow::Result<Self> {
        let named = installation.data.as_ref();
        let named = named.map(|data| ("data", data.to_string_lossy().into_owned()));
        let config = Config::load(&Sources::from_process(file, named.into_iter().collect()))?;
        let data = config.data.canonicalize().with_context(|| {
            format!(
                "there is no installation in {}; name one by --data",
                config.data.display()
            )
        })?;
        ensure!(
            data.join("lock").exists(),
            "there is no installation in {}; name one by --data",
            data.display()
        );
        layout::check_owner(&data, &data.join("lock"))?;
        let lock = lock::try_take(&data)?;
        if stopped && lock.is_none() {
            bail!("mPanel is running on {}: stop it first", data.display());
        }
        super::restore::refuse_half(&data)?;
        let accounts = accounts::prepare()?;
        let (target, server) = match &config.database_url {
            Some(url) => (Target::remote(url.expose())?, None),
            None => {
                let options = private(&data, accounts.as_ref());
                let server = match &lock {
                    // Adopted, when the supervisor was killed and left it running.
                    Some(_) => Some(server::start(&options).await?).filter(|server| !server.is_adopted()),
                    None => None,
                };
                (Target::private(&options), server)
            }
        };
        Ok(Self {
            data,
            config,
            accounts,
            target,
            server,
            _lock: lock,
        })
    }

    /// Where the master key is.
    pub fn key(&self) -> PathBuf {
        self.data.join("keys/master.key")
    }

    /// Stops what was started for this.
    ///
    /// # Errors
    /// When PostgreSQL does not stop.
    pub async fn close(self) -> anyhow::Result<()> {
        match self.server {
            Some(server) => Ok(server.stop(Limits::default()).await?),
            None => Ok(()),
        }
    }
}

/// The private PostgreSQL, which ends with this program when that is killed.
pub fn private(data: &Path, accounts: Option<&Accounts>) -> server::Options {
    let mut options = postgres::options(data, accounts);
    options.dies_with_thread = true;
    options
}
