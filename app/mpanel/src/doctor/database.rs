//! The database, by its own figures.

use std::path::Path;
use std::str::FromStr as _;
use std::time::Duration;

use mpanel_config::Config;
use mpanel_pg::{Health, PgConnectOptions};

use crate::checks::Check;

const PATIENCE: Duration = Duration::from_secs(5);
const OLD_TRANSACTION_SECONDS: f64 = 300.0;
/// PostgreSQL freezes rows by itself from 200 million on, in a hurry from 1,600 million on, and stops at 2,147 million.
const FROZEN_WARNING: i64 = 1_000_000_000;
const FROZEN_FAILURE: i64 = 1_900_000_000;

const ID: &str = "database";
const TITLE: &str = "database";

pub async fn health(data: &Path, config: &Config) -> Check {
    let options = match &config.database_url {
        Some(url) => PgConnectOptions::from_str(url.expose()).map_err(|error| error.to_string()),
        None => Ok(crate::up::postgres::options(data, None).panel_options()),
    };
    let asked = match &options {
        Ok(options) => tokio::time::timeout(PATIENCE, mpanel_pg::health(options)).await,
        Err(error) => return away(data, config, error),
    };
    match asked {
        Ok(Ok(health)) => judge(&health),
        Ok(Err(error)) => away(data, config, &error.to_string()),
        Err(_) => away(data, config, "it does not answer within 5 seconds"),
    }
}

fn away(data: &Path, config: &Config, error: &str) -> Check {
    let fix = match config.database_url {
        Some(_) => "see whether the server that `database_url` names runs, and lets this machine in".to_owned(),
        None => format!("its messages are in {}", data.join("logs/postgres.log").display()),
    };
    Check::failure(ID, TITLE, error, fix)
}

pub fn judge(health: &Health) -> Check {
    let facts = format!(
        "PostgreSQL {}, {} MiB, {} of {} connections",
        health.version.split(' ').next().unwrap_or_default(),
        health.size / (1024 * 1024),
        health.connections,
        health.most_connections
    );
    let with = |what: String| format!("{facts}; {what}");
    if health.read_only {
        return Check::failure(
            ID,
            TITLE,
            with("takes no changes".to_owned()),
            "it is a standby, or `default_transaction_read_only` is set: make it the primary, or unset that",
        );
    }
    if health.frozen_age > FROZEN_WARNING {
        let text = with(format!(
            "{} million transactions since rows were frozen",
            health.frozen_age / 1_000_000
        ));
        let fix = "something keeps autovacuum from its work, such as an old transaction, a prepared one or a replication \
                   slot: end it, then `vacuum (freeze)`";
        return match health.frozen_age > FROZEN_FAILURE {
            true => Check::failure(ID, TITLE, text, fix),
            false => Check::warning(ID, TITLE, text, fix),
        };
    }
    if health.connections * 10 > i64::from(health.most_connections) * 9 {
        return Check::warning(
            ID,
            TITLE,
            with("hardly a connection is left".to_owned()),
            "look at `pg_stat_activity` for who has them",
        );
    }
    if health.oldest_transaction > OLD_TRANSACTION_SECONDS {
        return Check::warning(
            ID,
            TITLE,
            with(format!("a transaction is {:.0} s old", health.oldest_transaction)),
            "mPanel's own end after 30 s: see in `pg_stat_activity` whose it is, and end it",
        );
    }
    Check::ok(ID, TITLE, facts)
}
