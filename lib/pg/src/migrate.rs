use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection, SqlSafeStr};

use crate::Error;

/// The migrations of one crate, in a schema of its own with a migrations table of its own.
#[derive(Debug, Clone, Copy)]
pub struct Migrations {
    /// The SQL schema that it owns.
    pub schema: &'static str,
    /// Name and text of each file, in order; the name starts with its number: `0001_sites`.
    pub files: &'static [(&'static str, &'static str)],
}

/// What every other migration builds on.
pub const FOUNDATION: Migrations = Migrations {
    schema: "mpanel",
    files: &[
        ("0001_foundation", include_str!("../migrations/0001_foundation.sql")),
        ("0002_recovery", include_str!("../migrations/0002_recovery.sql")),
    ],
};

/// Applies what is missing, one module after the other. Each file is one transaction, and an
/// advisory lock keeps two servers from migrating at once.
///
/// # Errors
/// When a file fails, or an applied one differs from what this binary carries.
pub async fn migrate(options: &PgConnectOptions, modules: &[Migrations]) -> Result<(), Error> {
    let mut connection = PgConnection::connect_with(options).await?;
    for module in modules {
        let list = module
            .files
            .iter()
            .map(|(name, sql)| {
                let (number, description) = name.split_once('_').unwrap_or((name, ""));
                let version = number.parse().unwrap_or_default();
                Migration::new(
                    version,
                    description.into(),
                    MigrationType::Simple,
                    sql.into_sql_str(),
                    false,
                )
            })
            .collect();
        let mut migrator = Migrator::with_migrations(list);
        migrator.create_schema(module.schema);
        migrator.dangerous_set_table_name(format!("{}._migrations", module.schema));
        migrator.run(&mut connection).await.map_err(|source| Error::Migrate {
            schema: module.schema,
            source,
        })?;
    }
    sqlx::raw_sql(include_str!("../readable.sql"))
        .execute(&mut connection)
        .await?;
    connection.close().await?;
    Ok(())
}
