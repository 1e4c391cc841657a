//! `--demo`: once the panel serves, a process of its own adds the demo provider through the API.

use std::fs::File;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use mpanel_process::account::Account;
use mpanel_process::{Signal, Spawn};

use super::PATH;

/// The process to come.
#[derive(Debug)]
pub struct Seeder {
    pub program: PathBuf,
    pub data: PathBuf,
    /// Who may use `serve.sock` and read the claim token.
    pub account: Option<Account>,
    pub panel_url: String,
    pub https_port: u16,
}

impl Seeder {
    /// Runs it to its end, which changes nothing for the others; it reports on our terminal.
    pub async fn run(self) {
        if let Err(error) = self.seed().await {
            tracing::error!(%error, "the demo was not added");
        }
    }

    async fn seed(self) -> std::io::Result<()> {
        let terminal = File::from(std::io::stdout().as_fd().try_clone_to_owned()?);
        let mut process = Spawn::new(&self.program)
            .args([
                "demo",
                "seed",
                "--panel-url",
                &self.panel_url,
                "--https-port",
                &self.https_port.to_string(),
            ])
            .arg("--data")
            .arg(&self.data)
            .env("PATH", PATH)
            .env("LANG", "C.UTF-8")
            .run_as(self.account.as_ref())
            .output(terminal)
            .start()?;
        // A stop does not wait for it: the next start continues.
        process.end_on_drop(Some(Signal::TERM));
        let exit = process.wait().await?;
        process.end_on_drop(None);
        // Otherwise it has said itself what is wrong.
        if exit.status.is_none_or(|status| status.code().is_none()) {
            tracing::error!(
                exit = exit.to_string(),
                "the demo is not complete, the next start continues"
            );
        }
        Ok(())
    }

    /// Which program, below the folder of programs.
    pub fn program(programs: &Path) -> PathBuf {
        programs.join("mpanel")
    }
}
