use std::borrow::Cow;

use mpanel_kernel::error::{Kind, PublicError};

/// The spine could not do its part of a change.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Db(#[from] mpanel_pg::Error),
    #[error("a request with this Idempotency-Key is still running; ask again when it has ended")]
    StillRunning,
    #[error("this Idempotency-Key was used for a different request")]
    KeyReused,
    #[error("no such dead event")]
    NoDeadEvent,
    #[error("stored value does not open: {0}")]
    Crypto(#[from] mpanel_crypto::Error),
    #[error("stored value is no longer understood: {0}")]
    Json(#[from] serde_json::Error),
    #[error(
        "this log is under a legal hold: release it first (`release_hold` at /audit/retention, or `mpanel audit retention --release`)"
    )]
    Held,
    #[error("a change was to be committed without an event and audit entry")]
    Unrecorded,
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        Self::Db(error.into())
    }
}

impl PublicError for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::StillRunning | Self::Held => Kind::Conflict,
            Self::KeyReused => Kind::Invalid,
            Self::NoDeadEvent => Kind::NotFound,
            Self::Db(error) if error.is_unavailable() => Kind::Unavailable,
            Self::Db(_) | Self::Crypto(_) | Self::Json(_) | Self::Unrecorded => Kind::Internal,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::StillRunning => "spine.idempotency.running",
            Self::KeyReused => "spine.idempotency.key_reused",
            Self::Held => "spine.audit.held",
            Self::NoDeadEvent => "spine.dead_event.not_found",
            Self::Db(error) if error.is_unavailable() => error.code(),
            Self::Db(_) | Self::Crypto(_) | Self::Json(_) | Self::Unrecorded => "spine.internal",
        }
    }

    fn public_text(&self) -> String {
        match self {
            Self::Db(error) => error.public_text(),
            _ if self.kind() == Kind::Internal => "something went wrong on our side; nothing was changed".into(),
            _ => self.to_string(),
        }
    }

    fn fields(&self) -> Vec<mpanel_kernel::error::FieldError> {
        match self {
            Self::KeyReused => vec![mpanel_kernel::error::FieldError {
                pointer: Cow::Borrowed("#Idempotency-Key"),
                code: Cow::Borrowed(self.code()),
                message: self.to_string(),
            }],
            _ => Vec::new(),
        }
    }

    fn retry_after(&self) -> Option<u32> {
        matches!(self.kind(), Kind::Unavailable).then_some(2)
    }
}
