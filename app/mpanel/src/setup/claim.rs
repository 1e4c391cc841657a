//! After the start: is it ready, whose is it, and how does its owner get in.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::bail;
use mpanel_config::Config;
use serde::Serialize;

use crate::cli::api::{self, Api, Server, Trust};

/// A first start makes a database: seconds, on a slow disk a minute.
const PATIENCE: Duration = Duration::from_secs(180);
const PAUSE: Duration = Duration::from_millis(500);

/// How the installation is taken over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Claim {
    /// Somebody owns it already.
    pub claimed: bool,
    /// The panel's address for the network, or on this machine when it has no name.
    pub panel: String,
    /// The link that makes its reader the owner, for 30 minutes; null once somebody is.
    pub link: Option<String>,
    /// SHA-256 of the certificate authority that signs the panel's certificate.
    pub authority: Option<String>,
}

/// Waits until the panel answers.
///
/// # Errors
/// When it does not within three minutes.
pub fn wait(data: &Path, config: &Config) -> anyhow::Result<Claim> {
    let panel = panel_url(config);
    let begin = Instant::now();
    loop {
        if let Some(claimed) = is_claimed(data) {
            let read = |name: &str| {
                let text = std::fs::read_to_string(data.join("run").join(name)).ok()?;
                Some(text.trim().to_owned()).filter(|text| !text.is_empty())
            };
            let token = read("claim");
            if claimed || token.is_some() {
                return Ok(Claim {
                    claimed,
                    link: token.map(|token| format!("{panel}claim#{token}")),
                    panel,
                    authority: read("ca-fingerprint"),
                });
            }
        }
        if begin.elapsed() > PATIENCE {
            bail!(
                "the panel does not answer after {} seconds: `journalctl --unit mpanel` and the files in {} say why",
                PATIENCE.as_secs(),
                data.join("logs").display()
            );
        }
        std::thread::sleep(PAUSE);
    }
}

/// `None` as long as nobody answers.
fn is_claimed(data: &Path) -> Option<bool> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .ok()?;
    let api = Api::new(&Server::Socket(api::socket(data)), &Trust::System).ok()?;
    let answer = runtime.block_on(api.get(&["setup"])).ok()?;
    answer.value.pointer("/claimed")?.as_bool()
}

pub(super) fn panel_url(config: &Config) -> String {
    match (config.hosts.first(), config.public_https_port()) {
        (Some(host), 443) => format!("https://{host}/"),
        (Some(host), port) => format!("https://{host}:{port}/"),
        (None, _) => crate::up::announce::url(config.panel, crate::up::announce::outward_address),
    }
}

impl Claim {
    pub fn told(&self) -> String {
        let mut text = format!("\nmPanel runs: {}\n", self.panel);
        if let Some(authority) = &self.authority {
            text += &format!("  certificate authority (SHA-256): {authority}\n");
        }
        match &self.link {
            Some(link) => {
                text += &format!(
                    "\n  Nobody owns this installation yet. Claim it within 30 minutes:\n\n    {link}\n\n  \
                     or on this machine: mpanel claim\n"
                );
                if self.panel.starts_with("http://") {
                    text += "  The address is this machine's own: from elsewhere, forward it with ssh -L 7080:127.0.0.1:7080\n";
                }
                text += "\n  Keep the master key apart from this machine: mpanel keys export\n";
            }
            None => text += "  It has an owner.\n",
        }
        text
    }
}
