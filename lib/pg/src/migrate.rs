use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
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
        ("0003_readers", include_str!("../migrations/0003_readers.sql")),
    ],
};

/// What a version promises of the one before it: that it can work on the schemas that this one makes.
#[derive(Debug, Clone, Copy)]
pub struct Promise<'a> {
    /// Of this version, for the text that a version before both reads.
    pub version: &'a str,
    /// The last migration of each schema that the version before has.
    pub before: &'a [(&'a str, i64)],
}

/// A running version may hold what a migration changes, or change things in another order: then it is tried again.
const ATTEMPTS: u32 = 5;

/// Applies what is missing, one module after the other, all of it in one transaction: when a file fails, nothing has changed.
/// A lock keeps two servers from migrating at once. Migrations that this version does not know are left alone when the version
/// that made them has promised that this one can do without.
///
/// # Errors
/// When a file fails, an applied one differs from what this binary carries, or the database is too new for it.
pub async fn migrate(options: &PgConnectOptions, modules: &[Migrations]) -> Result<(), Error> {
    let promise = Promise {
        version: "",
        before: &[],
    };
    migrate_promising(options, modules, promise).await
}

/// The same, and leaves the promise in the database.
///
/// # Errors
/// As [`migrate`].
pub async fn migrate_promising(
    options: &PgConnectOptions,
    modules: &[Migrations],
    promise: Promise<'_>,
) -> Result<(), Error> {
    let mut connection = PgConnection::connect_with(options).await?;
    let mut attempt = 1;
    loop {
        match at_once(&mut connection, modules, promise).await {
            Err(error) if attempt < ATTEMPTS && error.is_contention() => {
                tracing::info!(%error, "something is in the way of a migration, trying again");
                attempt += 1;
            }
            done => {
                done?;
                break;
            }
        }
    }
    connection.close().await?;
    Ok(())
}

async fn at_once(connection: &mut PgConnection, modules: &[Migrations], promise: Promise<'_>) -> Result<(), Error> {
    let mut tx = connection.begin().await?;
    // Waits for as long as another one works; the limits below are for what stands in this one's way.
    sqlx::query("select pg_advisory_xact_lock(7885910074301642096)")
        .execute(&mut *tx)
        .await?;
    // Who waits for a table keeps everybody behind it waiting too, and the version before serves meanwhile.
    sqlx::raw_sql("set local lock_timeout = '5s'; set local statement_timeout = '10min'")
        .execute(&mut *tx)
        .await?;
    refuse_newer(&mut tx, modules).await?;
    for module in modules {
        apply(&mut tx, module).await?;
    }
    sqlx::raw_sql(include_str!("../readable.sql")).execute(&mut *tx).await?;
    leave(&mut tx, modules, promise).await?;
    Ok(tx.commit().await?)
}

/// Number of a migration, from its name.
fn number(name: &str) -> i64 {
    name.split_once('_')
        .and_then(|(number, _)| number.parse().ok())
        .unwrap_or_default()
}

async fn apply(connection: &mut PgConnection, module: &Migrations) -> Result<(), Error> {
    let schema = module.schema;
    let list = module.files.iter().map(|(name, sql)| {
        let description = name.split_once('_').map_or("", |(_, description)| description);
        let sql = sql.into_sql_str();
        Migration::new(number(name), description.into(), MigrationType::Simple, sql, false)
    });
    let mut migrator = Migrator::with_migrations(list.collect());
    migrator.create_schema(schema);
    migrator.dangerous_set_table_name(format!("{schema}._migrations"));
    // Ours is held, and newer ones were looked at.
    migrator.set_locking(false);
    migrator.set_ignore_missing(true);
    migrator.run(&mut *connection).await.map_err(|source| match source {
        MigrateError::VersionMismatch(number) => Error::Edited { schema, number },
        source => Error::Migrate { schema, source },
    })
}

/// The newest version says who may still work on what it made.
async fn refuse_newer(connection: &mut PgConnection, modules: &[Migrations]) -> Result<(), Error> {
    let (known,): (bool,) = sqlx::query_as("select to_regclass('mpanel.readers') is not null")
        .fetch_one(&mut *connection)
        .await?;
    if !known {
        return Ok(());
    }
    let readers: Vec<(String, i64, String)> = sqlx::query_as("select home, oldest, said_by from mpanel.readers")
        .fetch_all(&mut *connection)
        .await?;
    for (home, oldest, said_by) in readers {
        let module = modules.iter().find(|module| module.schema == home);
        let newest = module.and_then(|module| module.files.last());
        if let Some((name, _)) = newest
            && number(name) < oldest
        {
            return Err(Error::TooNew { schema: home, said_by });
        }
    }
    Ok(())
}

/// A promise is never taken back: an older version that starts again knows less.
async fn leave(connection: &mut PgConnection, modules: &[Migrations], promise: Promise<'_>) -> Result<(), Error> {
    for (home, oldest) in promise.before {
        if !modules.iter().any(|module| module.schema == *home) {
            continue;
        }
        sqlx::query(
            "insert into mpanel.readers as r (home, oldest, said_by) values ($1, $2, $3)
             on conflict (home) do update set oldest = excluded.oldest, said_by = excluded.said_by
             where r.oldest < excluded.oldest",
        )
        .bind(home)
        .bind(oldest)
        .bind(promise.version)
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}
