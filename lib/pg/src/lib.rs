//! PostgreSQL for the whole platform: the private server ([`server`]), the pool ([`Db`]), the
//! three kinds of transaction and the look-up that are the only way to a connection, and migrations.
#![forbid(unsafe_code)]

mod begin;
mod db;
pub mod dump;
mod error;
mod health;
mod look;
mod metrics;
mod migrate;
mod one;
pub mod server;
mod ts;
mod tx;

pub use db::{Db, bootstrap};
pub use error::{Error, constraint};
pub use health::{Health, health};
pub use look::Look;
pub use migrate::{FOUNDATION, Migrations, Promise, migrate, migrate_promising};
pub use one::{counted, one_connection};
pub use sqlx::PgConnection;
pub use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
pub use ts::Ts;
pub use tx::{PlatformTx, Reason, SpineTx, TenantTx, Tx};

#[cfg(test)]
mod tests;
