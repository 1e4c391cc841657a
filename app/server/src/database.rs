use std::time::{Duration, Instant};

use anyhow::Context as _;
use mpanel_pg::{Db, PgConnectOptions, Promise};

use crate::contexts::MIGRATIONS;

/// How long a database that is starting, or being restarted by its operator, is waited for.
const PATIENCE: Duration = Duration::from_secs(60);
/// Connections of one server; PostgreSQL's own memory grows with them.
const CONNECTIONS: u32 = 16;
/// The migrations of the release before this one, with whose queries `cargo xtask migrations` tries what came after.
const BASELINE: &str = include_str!("../../../deploy/baseline/migrations.txt");

/// Connects, brings the schema up to date and opens the pool.
pub async fn open(options: PgConnectOptions) -> anyhow::Result<Db> {
    // A migration may take long, and its schema does not yet exist when the pool's settings would name it.
    migrate(&options).await?;
    retry("connect to the database", || Db::connect(options.clone(), CONNECTIONS)).await
}

/// Brings the schema up to date, all of it or nothing, and leaves word of which versions may still work on it.
pub async fn migrate(options: &PgConnectOptions) -> anyhow::Result<()> {
    let before = newest(BASELINE);
    let promise = Promise {
        version: env!("CARGO_PKG_VERSION"),
        before: &before,
    };
    let migrated = retry("migrate the database", || {
        mpanel_pg::migrate_promising(options, &MIGRATIONS, promise)
    });
    migrated.await
}

/// The last migration of each schema in a list of lines such as `sites 0002_traffic 5f3a…`, in order.
fn newest(list: &str) -> Vec<(&str, i64)> {
    let mut newest: Vec<(&str, i64)> = Vec::new();
    for line in list.lines() {
        let mut words = line.split(' ');
        let number = |name: &str| name.get(..4)?.parse().ok();
        let (Some(schema), Some(number)) = (words.next(), words.next().and_then(number)) else {
            continue;
        };
        match newest.last_mut() {
            Some((last, newest)) if *last == schema => *newest = number,
            _ => newest.push((schema, number)),
        }
    }
    newest
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

#[cfg(test)]
mod tests;
