//! What the supervisor has the panel's program do once in an upgrade: with the panel's rights, and never with its own.

mod served;

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use mpanel_config::Config;
use mpanel_pg::PgConnectOptions;
use mpanel_server::upgrade;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

use crate::child;
#[cfg(debug_assertions)]
use crate::pretence;
use crate::up::ready;
use crate::up::upgrade::Record;

/// What anybody may read, and the database has to be asked for.
const READ: &[u8] = b"GET /api/v1/setup HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
/// Its answer is small.
const ANSWER_MAX: u64 = 64 << 10;
/// Of one answer; the whole gate has a limit of its own.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Once {
    /// Bring the database up to date
    Migrate,
    /// Note what the data planes of the version before answer
    Note,
    /// Note what data planes are to answer, none of the version before being there
    Expect,
    /// End well when the panel is ready, reads and writes
    Gate,
    /// End well when the data planes answer what was noted
    Ask,
    /// Write the outcome of an upgrade to the audit log
    Tell,
}

pub fn run(once: Once, config: &Config, database: &PgConnectOptions) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let _log = runtime.block_on(async { child::log("mpanel-upgrade", config, None) })?;
    runtime.block_on(async {
        match once {
            Once::Migrate => migrate(database).await,
            Once::Note => served::note(config, database, true).await,
            Once::Expect => served::note(config, database, false).await,
            Once::Gate => gate(&config.data, database).await,
            Once::Ask => served::ask(config, database).await,
            Once::Tell => tell(&config.data, database).await,
        }
    })
}

async fn migrate(database: &PgConnectOptions) -> anyhow::Result<()> {
    #[cfg(debug_assertions)]
    if pretence::is_on() {
        if pretence::failure() == Some(pretence::Failure::Endless) {
            std::future::pending::<()>().await;
        }
        let wrong = pretence::failure() == Some(pretence::Failure::Migration);
        return upgrade::migrate_pretending(database, wrong).await;
    }
    upgrade::migrate(database).await
}

/// The panel answers, reads for somebody, and a change goes the way of every change.
async fn gate(data: &Path, database: &PgConnectOptions) -> anyhow::Result<()> {
    let socket = data.join("run/serve.sock");
    ready::wait(&socket).await;
    let read = tokio::time::timeout(ANSWER_LIMIT, read(&socket)).await;
    read.context("the panel does not answer a read within 10 s")??;
    let record = Record::load(data);
    let name = |version: Option<&crate::up::programs::Version>| version.map(|version| version.name.clone());
    let facts = json!({
        "from": name(record.running.as_ref()),
        "to": name(record.trial.as_ref().map(|tried| &tried.version)),
    });
    let written = upgrade::record(database, data, upgrade::TRIED, facts).await;
    written.context("the database takes no changes")
}

async fn read(socket: &Path) -> anyhow::Result<()> {
    let mut stream = UnixStream::connect(socket).await?;
    stream.write_all(READ).await?;
    let mut answer = Vec::new();
    stream.take(ANSWER_MAX).read_to_end(&mut answer).await?;
    let answer = String::from_utf8_lossy(&answer);
    let head = answer.lines().next().unwrap_or_default();
    ensure!(
        head.starts_with("HTTP/1.1 200") && answer.contains("\"rootless\""),
        "the panel answers a read with {head:?}"
    );
    Ok(())
}

async fn tell(data: &Path, database: &PgConnectOptions) -> anyhow::Result<()> {
    let record = Record::load(data);
    let outcome = record.untold().context("there was no upgrade")?;
    let event = match outcome.reason {
        None => upgrade::FINISHED,
        Some(_) => upgrade::ROLLED_BACK,
    };
    let facts = json!({"from": outcome.from, "to": outcome.to, "reason": outcome.reason, "at": outcome.at});
    upgrade::record_once(database, data, event, (outcome.at, facts)).await
}
