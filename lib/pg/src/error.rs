use mpanel_kernel::error::{Kind, PublicError};
use sqlx::migrate::MigrateError;

/// A database operation failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("database: {0}")]
    Sql(#[from] sqlx::Error),
    /// The connection went while a transaction was committed: whether it was, nobody knows.
    #[error("database, whether it was committed is not known: {0}")]
    Unknown(sqlx::Error),
    #[error("migrations of {schema}: {source}")]
    Migrate { schema: &'static str, source: MigrateError },
    #[error(
        "migration {number:04} of {schema} is not the one that this database was made with: it was edited since. Install the \
         version of mPanel that the database was made by, or restore a backup; a database for trying things out is made anew"
    )]
    Edited { schema: &'static str, number: i64 },
    #[error(
        "mPanel {said_by} has changed the database ({schema}) so that this version, which is older, cannot work on it: install \
         mPanel {said_by} or a newer one, or restore a backup from before that upgrade with `mpanel restore`"
    )]
    TooNew { schema: String, said_by: String },
}

impl Error {
    /// Whether somebody else's lock was in the way of a migration: 55P03 not available, 40P01 deadlock.
    pub(crate) fn is_contention(&self) -> bool {
        let error = match self {
            Self::Sql(error) => error,
            Self::Migrate {
                source: MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _),
                ..
            } => error,
            _ => return false,
        };
        let code = error.as_database_error().and_then(|error| error.code());
        code.is_some_and(|code| code == "55P03" || code == "40P01")
    }

    /// Whether the database is away, overloaded or read-only, so that a retry later may work.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        match self {
            Self::Unknown(_) => true,
            Self::Sql(error) => is_away(error) || is_passing(error),
            _ => false,
        }
    }

    /// How the end of a transaction failed.
    pub(crate) fn of_commit(error: sqlx::Error) -> Self {
        if is_away(&error) {
            Self::Unknown(error)
        } else {
            Self::Sql(error)
        }
    }
}

impl PublicError for Error {
    fn kind(&self) -> Kind {
        if self.is_unavailable() {
            Kind::Unavailable
        } else {
            Kind::Internal
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Unknown(_) => "spine.database.outcome_unknown",
            _ if self.is_unavailable() => "spine.database.unavailable",
            _ => "spine.internal",
        }
    }

    fn public_text(&self) -> String {
        match self {
            Self::Unknown(_) => {
                "the database went away while it was asked to keep the change, which may have happened: \
                                 ask again with the same Idempotency-Key, or look first"
                    .into()
            }
            _ if self.is_unavailable() => "the database is not available at the moment; nothing was changed".into(),
            _ => "something went wrong on our side; nothing was changed".into(),
        }
    }

    fn retry_after(&self) -> Option<u32> {
        self.is_unavailable().then_some(2)
    }
}

/// Whether the database did not answer, or said that it goes: class 08 is connections, 57P01 to 57P03 a shutdown.
fn is_away(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed => true,
        sqlx::Error::Database(error) => error
            .code()
            .is_some_and(|code| code.starts_with("08") || code.starts_with("57P")),
        _ => false,
    }
}

/// Whether it may work in a moment: class 40 is deadlocks and the like, 53 resources that are short, 25006 a database that
/// is read-only, 55P03 a lock that was not to be had and 57014 a statement that was not done in time.
fn is_passing(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    code.is_some_and(|code| {
        code.starts_with("40") || code.starts_with("53") || ["25006", "55P03", "57014"].contains(&code.as_ref())
    })
}

/// The name of the constraint that an insert or update ran into, for mapping to a public error.
#[must_use]
pub fn constraint(error: &sqlx::Error) -> Option<&str> {
    error.as_database_error().and_then(|e| e.constraint())
}
