use mpanel_kernel::error::{Kind, PublicError};

/// A database operation failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("database: {0}")]
    Sql(#[from] sqlx::Error),
    #[error("migrations of {schema}: {source}")]
    Migrate {
        schema: &'static str,
        source: sqlx::migrate::MigrateError,
    },
}

impl Error {
    /// Whether the database is away, overloaded or read-only, so that a retry later may work.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        match self {
            Self::Sql(sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed) => true,
            // Class 08 connection, 53 insufficient resources, 57P01..03 shutdown, 25006 read-only.
            Self::Sql(sqlx::Error::Database(e)) => e.code().is_some_and(|code| {
                code.starts_with("08") || code.starts_with("53") || code.starts_with("57P") || code == "25006"
            }),
            _ => false,
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
        if self.is_unavailable() {
            "spine.database.unavailable"
        } else {
            "spine.internal"
        }
    }

    fn public_text(&self) -> String {
        if self.is_unavailable() {
            "the database is not available at the moment; nothing was changed".into()
        } else {
            "something went wrong on our side; nothing was changed".into()
        }
    }

    fn retry_after(&self) -> Option<u32> {
        self.is_unavailable().then_some(2)
    }
}

/// The name of the constraint that an insert or update ran into, for mapping to a public error.
#[must_use]
pub fn constraint(error: &sqlx::Error) -> Option<&str> {
    error.as_database_error().and_then(|e| e.constraint())
}
