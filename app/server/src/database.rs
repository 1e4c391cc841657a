use std::time::{Duration, Instant};

use anyhow::Context as _;
use mpanel_pg::{Db, PgConnectOptions};

use crate::contexts::MIGRATIONS;

/// How long a database that is starting, or being restarted by its operator, is waited for.
const PATIENCE: Duration = Duration::from_secs(60);
/// Connections of one server; PostgreSQL's own memory grows with them.
const CONNECTIONS: u32 = 16;

/// Connects, brings the schema up to date and opens the pool.
pub async fn open(options: PgConnectOptions) -> anyhow::Result<Db> {
    // A migration may take long, and its schema does not yet exist when the pool's settings would name it.
    let migrated = retry("migrate the database", || mpanel_pg::migrate(&options, MIGRATIONS));
    migrated.await?;
    retry("connect to the database", || Db::connect(options.clone(), CONNECTIONS)).await
}

/// Tries again while the database is away; any other error is final.
async fn retry<T>(
    what: &'static str,
    mut attempt: impl AsyncFnMut() -> Result<T, mpanel_pg::Error>,
) -> anyhow::Result<T> {
    let started = Instant::now();
    let mut pause = Duration::from_millis(20);
    loop {
        match attempt().await {
            Ok(value) => return Ok(value),
            Err(error) if error.is_unavailable() && started.elapsed() < PATIENCE => {
                tracing::info!(%error, "cannot {what} yet");
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(Duration::from_secs(1));
            }
            Err(error) => return Err(error).context(format!("cannot {what}")),
        }
    }
}
