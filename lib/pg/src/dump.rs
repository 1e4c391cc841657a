//! Taking a database out whole and putting it into an empty one, by PostgreSQL's own `pg_dump` and `pg_restore`.
//!
//! Everything is read at one point: [`Snapshot`] holds a transaction open and names it, and `pg_dump` joins it. What is asked of
//! the snapshot and what the dump holds are therefore the same moment, however long the dump takes and whatever is written meanwhile.

mod programs;
mod target;

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::process::{ChildStdin, ChildStdout};

use sqlx::postgres::{PgConnectOptions, PgRow};
use sqlx::{Connection, FromRow, PgConnection};

use crate::{Error, Tx};
use programs::Program;

pub use target::Target;

/// The role that reads everything and changes nothing; see `readable.sql`.
const READER: &str = "mpanel_backup";

/// A moment of the database, read as often as wanted.
#[derive(Debug)]
pub struct Snapshot {
    connection: PgConnection,
    id: String,
    major: u32,
}

/// Why a database was not taken out or put in. The texts are for the operator.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DumpError {
    #[error(
        "the role {READER} is missing, or the login role is no member of it: apply lib/pg/bootstrap.sql to the database again, as a role that may create roles, and restart mPanel"
    )]
    NoReader,
    #[error(
        "row-level security would hide rows of {0} from a backup: restart mPanel, which gives backups their policies, or look who changed them"
    )]
    Hidden(String),
    #[error(
        "PostgreSQL's programs are of version {installed}, and the database is of version {needed}: install PostgreSQL {needed} (Debian: apt-get install postgresql-client-{needed}), or set MPANEL_PG_BIN"
    )]
    OldPrograms { installed: u32, needed: u32 },
    #[error("{0}")]
    Programs(#[from] crate::server::Error),
    #[error("{program} failed ({status}): {text}")]
    Failed {
        program: &'static str,
        status: String,
        text: String,
    },
    #[error("{what}: {source}")]
    Io { what: String, source: io::Error },
    #[error("{0}")]
    Database(#[from] Error),
    #[error("the address of the database is malformed: {0}")]
    Address(&'static str),
}

impl From<sqlx::Error> for DumpError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error.into())
    }
}

impl Tx for Snapshot {
    fn conn(&mut self) -> &mut PgConnection {
        &mut self.connection
    }
}

impl Snapshot {
    /// # Errors
    /// When the database is away, or does not let a backup read everything.
    pub async fn open(options: &PgConnectOptions) -> Result<Self, DumpError> {
        let mut connection = PgConnection::connect_with(options).await?;
        let readable: bool = sqlx::query_scalar(
            "select exists (select from pg_roles where rolname = 'mpanel_backup'
                            and pg_has_role(current_user, oid, 'member'))",
        )
        .fetch_one(&mut connection)
        .await?;
        if !readable {
            return Err(DumpError::NoReader);
        }
        sqlx::raw_sql("begin isolation level repeatable read read only; set local role mpanel_backup")
            .execute(&mut connection)
            .await?;
        // A policy that is missing would leave rows out without a word.
        let hidden: Option<String> = sqlx::query_scalar(
            "select c.oid::regclass::text from pg_class c join pg_namespace n on n.oid = c.relnamespace
             where c.relkind in ('r', 'p') and c.relrowsecurity and n.nspname !~ '^pg_'
               and not exists (select from pg_policy p where p.polrelid = c.oid and p.polpermissive and p.polcmd in ('r', '*')
                               and 'mpanel_backup'::regrole = any (p.polroles) and pg_get_expr(p.polqual, p.polrelid) = 'true')
             limit 1",
        )
        .fetch_optional(&mut connection)
        .await?;
        if let Some(table) = hidden {
            return Err(DumpError::Hidden(table));
        }
        let (id, version): (String, i32) =
            sqlx::query_as("select pg_export_snapshot(), current_setting('server_version_num')::int")
                .fetch_one(&mut connection)
                .await?;
        Ok(Self {
            connection,
            id,
            major: u32::try_from(version / 10_000).unwrap_or_default(),
        })
    }

    /// PostgreSQL's major version.
    #[must_use]
    pub fn major(&self) -> u32 {
        self.major
    }

    /// Rows of every table, by `schema.table`.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn rows(&mut self) -> Result<BTreeMap<String, i64>, Error> {
        let rows: Vec<(String, i64)> = sqlx::query_as("select name, rows from mpanel.table_rows()")
            .fetch_all(&mut self.connection)
            .await?;
        Ok(rows.into_iter().collect())
    }

    /// The names of the migrations applied, by schema, in order.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn migrations(&mut self) -> Result<BTreeMap<String, Vec<String>>, Error> {
        let rows: Vec<(String, String)> = sqlx::query_as("select home, name from mpanel.applied_migrations()")
            .fetch_all(&mut self.connection)
            .await?;
        let mut by_schema: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (schema, name) in rows {
            by_schema.entry(schema).or_default().push(name);
        }
        Ok(by_schema)
    }

    /// What a statement without parameters finds at this moment: rows as tuples.
    ///
    /// # Errors
    /// When the database is away, or the rows are others than asked for.
    pub async fn fetch<T>(&mut self, statement: &'static str) -> Result<Vec<T>, Error>
    where
        T: for<'r> FromRow<'r, PgRow> + Send + Unpin,
    {
        Ok(sqlx::query_as(statement).fetch_all(&mut self.connection).await?)
    }

    /// Starts the dump of this moment; the snapshot must live until the dump has begun to come.
    ///
    /// # Errors
    /// When `pg_dump` is missing or too old.
    pub fn dump(&self, target: &Target) -> Result<Dump, DumpError> {
        let bin = programs::newest(self.major)?;
        let mut program = programs::start(
            (&bin, "pg_dump"),
            &[
                "--format=custom",
                // The archive is compressed as a whole.
                "--compress=0",
                "--no-password",
                "--enable-row-security",
                "--lock-wait-timeout=60000",
                &format!("--role={READER}"),
                &format!("--snapshot={}", self.id),
            ],
            target,
            None,
        )?;
        let output = program.stdout();
        Ok(Dump { program, output })
    }
}

/// A dump as it comes.
#[derive(Debug)]
pub struct Dump {
    program: Program,
    output: Option<ChildStdout>,
}

impl Read for Dump {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.output.as_mut().map_or(Ok(0), |output| output.read(buffer))
    }
}

impl Dump {
    /// Whether all of it came: the end of its output alone does not say so.
    ///
    /// # Errors
    /// With the program's own words.
    pub fn finish(mut self) -> Result<(), DumpError> {
        self.output = None;
        self.program.finish()
    }
}

/// A dump that goes in, in one transaction.
///
/// It may hold statements of whoever made it, which run with the rights of the role of the [`Target`]: that is never a superuser
/// on a private server, so that they reach the database and not the machine (`copy … from program`).
#[derive(Debug)]
pub struct Load {
    program: Program,
    input: Option<ChildStdin>,
}

impl Load {
    /// # Errors
    /// When `pg_restore` is missing or older than the PostgreSQL that the dump is of.
    pub fn start(target: &Target, made_by: u32) -> Result<Self, DumpError> {
        let bin = programs::newest(made_by)?;
        let mut program = programs::start(
            (&bin, "pg_restore"),
            &[
                "--no-password",
                // Roles need not have the same names, and who restores need not be a superuser.
                "--no-owner",
                "--exit-on-error",
                "--single-transaction",
                &format!("--dbname={}", target.database()),
            ],
            target,
            target.loader(),
        )?;
        let input = program.stdin();
        Ok(Self { program, input })
    }

    /// Waits until everything is in.
    ///
    /// # Errors
    /// With the program's own words; nothing is in the database then.
    pub fn finish(mut self) -> Result<(), DumpError> {
        self.input = None;
        self.program.finish()
    }
}

impl Write for Load {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.input.as_mut().map_or(Ok(0), |input| input.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.input.as_mut().map_or(Ok(()), Write::flush)
    }
}

/// Gives what was loaded the owners that it had.
///
/// # Errors
/// When the database is away or refuses.
pub async fn adopt(options: &PgConnectOptions) -> Result<(), Error> {
    let mut connection = PgConnection::connect_with(options).await?;
    sqlx::raw_sql(include_str!("../adopted.sql"))
        .execute(&mut connection)
        .await?;
    connection.close().await?;
    Ok(())
}

/// Whether the database holds nothing of mPanel's yet.
///
/// # Errors
/// When the database is away.
pub async fn is_empty(options: &PgConnectOptions) -> Result<bool, Error> {
    let mut connection = PgConnection::connect_with(options).await?;
    let empty = sqlx::query_scalar(
        "select not exists (select from pg_class c join pg_namespace n on n.oid = c.relnamespace
                            where n.nspname !~ '^pg_' and n.nspname <> 'information_schema')",
    )
    .fetch_one(&mut connection)
    .await?;
    connection.close().await?;
    Ok(empty)
}

#[cfg(test)]
mod tests;
