use mpanel_kernel::error::{Kind, PublicError};

/// What a reconciler's pass may fail with: its text goes to the log and to the platform's staff.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The machinery of operations, reconcilers and jobs failed; not the work itself.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Db(#[from] mpanel_pg::Error),
    #[error(transparent)]
    Spine(#[from] mpanel_events::Error),
    #[error("stored value is no longer understood: {0}")]
    Json(#[from] serde_json::Error),
    #[error("no such operation")]
    NotFound,
    #[error("no such dead job")]
    NoDeadJob,
    #[error("the operation has ended and cannot be cancelled")]
    Ended,
    #[error("it is too late to cancel: the operation has begun what cannot be taken back")]
    Irrevocable,
    /// Another worker has taken the work over; this one must let go of it.
    #[error("the lease was lost to another worker")]
    LeaseLost,
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        Self::Db(error.into())
    }
}

impl PublicError for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::NotFound | Self::NoDeadJob => Kind::NotFound,
            Self::Ended | Self::Irrevocable => Kind::Conflict,
            Self::Db(error) if error.is_unavailable() => Kind::Unavailable,
            Self::Spine(error) => error.kind(),
            Self::Db(_) | Self::Json(_) | Self::LeaseLost => Kind::Internal,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "jobs.operation.not_found",
            Self::NoDeadJob => "jobs.job.not_found",
            Self::Ended => "jobs.operation.ended",
            Self::Irrevocable => "jobs.operation.irrevocable",
            Self::Db(error) if error.is_unavailable() => error.code(),
            Self::Spine(error) => error.code(),
            Self::Db(_) | Self::Json(_) | Self::LeaseLost => "jobs.internal",
        }
    }

    fn public_text(&self) -> String {
        match self {
            Self::Spine(error) => error.public_text(),
            Self::Db(error) => error.public_text(),
            _ => match self.kind() {
                Kind::Internal => "something went wrong on our side; nothing was changed".into(),
                _ => self.to_string(),
            },
        }
    }

    fn retry_after(&self) -> Option<u32> {
        matches!(self.kind(), Kind::Unavailable).then_some(2)
    }
}

/// An error's text with all its causes, for the log.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        // Transparent wrappers repeat what they wrap.
        if !text.ends_with(&next) {
            text.push_str(": ");
            text.push_str(&next);
        }
        cause = error.source();
    }
    text
}
