use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection};

use crate::Error;

/// What a server says of itself.
#[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
pub struct Health {
    /// As `15.18 (Debian 15.18-0+deb12u1)`.
    pub version: String,
    /// Bytes of this database.
    pub size: i64,
    /// Connections of clients to all databases, and how many there may be.
    pub connections: i64,
    pub most_connections: i32,
    /// Age of the oldest transaction of a client, in seconds.
    pub oldest_transaction: f64,
    /// Transactions since rows were last frozen. The server stops taking writes at two thousand million.
    pub frozen_age: i64,
    pub read_only: bool,
}

/// Asks the server, with a connection of its own.
///
/// # Errors
/// When it does not answer.
pub async fn health(options: &PgConnectOptions) -> Result<Health, Error> {
    let mut connection = PgConnection::connect_with(options).await?;
    let health = sqlx::query_as(
        "select current_setting('server_version') as version,
                pg_database_size(current_database()) as size,
                (select count(*) from pg_stat_activity where backend_type = 'client backend') as connections,
                current_setting('max_connections')::int as most_connections,
                coalesce((select extract(epoch from max(clock_timestamp() - xact_start)) from pg_stat_activity
                          where backend_type = 'client backend' and pid <> pg_backend_pid()), 0)::float8
                    as oldest_transaction,
                (select age(datfrozenxid)::bigint from pg_database where datname = current_database()) as frozen_age,
                current_setting('transaction_read_only')::bool as read_only",
    )
    .fetch_one(&mut connection)
    .await?;
    connection.close().await?;
    Ok(health)
}
