use std::io;

use mpanel_authz::Denied;
use mpanel_dns_contract::DnsPortError;
use mpanel_kernel::error::{FieldError, Kind, PublicError};
use mpanel_tenancy_contract::{EntitlementError, NameError};

/// What can go wrong with sites, domains, uploads and releases.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Denied(#[from] Denied),
    #[error("there is no such object here")]
    NotFound,
    #[error("{}", .0.first().map_or("the request is not valid", |f| f.message.as_str()))]
    Invalid(Vec<FieldError>),
    #[error("somebody changed this meanwhile; load it again and repeat your change")]
    Stale,
    #[error("the site is being deleted")]
    Deleting,
    #[error("{0} is a domain of one of your sites already")]
    DomainExists(String),
    #[error("the release is the one that is served; activate another one first")]
    ReleaseActive,
    #[error("the release is not ready: it is still unpacked, has failed or is being deleted")]
    ReleaseNotReady,
    #[error("the upload has {current} bytes; continue there")]
    UploadOffset { current: i64 },
    #[error("another request sends this upload at the moment; wait until it has ended")]
    UploadBusy,
    #[error("{most} uploads of the {of} are open already; complete one or give it up")]
    UploadsOpen { most: i64, of: &'static str },
    #[error("the upload is not complete yet: {received} of {size} bytes have arrived")]
    UploadUnfinished { received: i64, size: i64 },
    #[error("the upload has become a release already")]
    UploadUsed,
    #[error("more bytes than the {size} that were announced for this upload")]
    UploadTooLarge { size: i64 },
    #[error("the bytes that had arrived are no longer on the server; begin a new upload")]
    UploadLost,
    #[error("the connection broke off; ask how many bytes have arrived and continue there")]
    UploadInterrupted,
    #[error("the server has no disk space left for this; nothing that has arrived is lost")]
    NoSpace,
    #[error(transparent)]
    Entitlement(#[from] EntitlementError),
    /// A name cannot be claimed; with the field that held it.
    #[error("{error}")]
    Name { pointer: &'static str, error: NameError },
    #[error(transparent)]
    Dns(#[from] DnsPortError),
    #[error("the agent: {0}")]
    Agent(#[from] mpanel_client_agent::Error),
    #[error("a file of an upload: {0}")]
    Io(#[from] io::Error),
    #[error("a password: {0}")]
    Password(#[from] mpanel_crypto::Error),
    #[error("a stored name is not valid: {0}")]
    Stored(String),
    #[error(transparent)]
    Jobs(#[from] mpanel_jobs::Error),
    #[error(transparent)]
    Spine(#[from] mpanel_events::Error),
}

impl Error {
    pub(crate) fn field(pointer: &'static str, code: &'static str, message: impl Into<String>) -> Self {
        Self::Invalid(vec![FieldError::new(pointer, code, message)])
    }

    /// A full disk is told apart from other failures of a file.
    pub(crate) fn file(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::NoSpace,
            _ => Self::Io(error),
        }
    }
}

impl From<FieldError> for Error {
    fn from(field: FieldError) -> Self {
        Self::Invalid(vec![field])
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        Self::Spine(error.into())
    }
}

impl From<mpanel_pg::Error> for Error {
    fn from(error: mpanel_pg::Error) -> Self {
        Self::Spine(error.into())
    }
}

impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Self {
        Self::Spine(error.into())
    }
}

impl PublicError for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Denied(_) => Kind::Forbidden,
            Self::NotFound => Kind::NotFound,
            Self::Invalid(_) => Kind::Invalid,
            Self::Stale => Kind::Stale,
            Self::Deleting
            | Self::DomainExists(_)
            | Self::ReleaseActive
            | Self::ReleaseNotReady
            | Self::UploadOffset { .. }
            | Self::UploadBusy
            | Self::UploadsOpen { .. }
            | Self::UploadUnfinished { .. }
            | Self::UploadUsed => Kind::Conflict,
            Self::UploadTooLarge { .. } => Kind::TooLarge,
            Self::UploadLost => Kind::Gone,
            Self::UploadInterrupted => Kind::Malformed,
            Self::NoSpace => Kind::Unavailable,
            Self::Entitlement(error) => error.kind(),
            Self::Name { error, .. } => error.kind(),
            Self::Dns(error) => error.kind(),
            Self::Agent(error) if error.is_transient() => Kind::Unavailable,
            Self::Agent(_) | Self::Io(_) | Self::Password(_) | Self::Stored(_) => Kind::Internal,
            Self::Jobs(error) => error.kind(),
            Self::Spine(error) => error.kind(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Denied(denied) => denied.code(),
            Self::NotFound => "request.not_found",
            Self::Invalid(_) => "request.invalid",
            Self::Stale => "request.stale",
            Self::Deleting => "sites.site.deleting",
            Self::DomainExists(_) => "sites.domain.exists",
            Self::ReleaseActive => "sites.release.active",
            Self::ReleaseNotReady => "sites.release.not_ready",
            Self::UploadOffset { .. } => "sites.upload.offset",
            Self::UploadBusy => "sites.upload.busy",
            Self::UploadsOpen { .. } => "sites.upload.too_many",
            Self::UploadUnfinished { .. } => "sites.upload.unfinished",
            Self::UploadUsed => "sites.upload.used",
            Self::UploadTooLarge { .. } => "sites.upload.too_large",
            Self::UploadLost => "sites.upload.lost",
            Self::UploadInterrupted => "sites.upload.interrupted",
            Self::NoSpace => "sites.upload.no_space",
            Self::Entitlement(error) => error.code(),
            Self::Name { error, .. } => error.code(),
            Self::Dns(error) => error.code(),
            Self::Agent(_) => "sites.agent.unavailable",
            Self::Io(_) | Self::Password(_) | Self::Stored(_) => "sites.internal",
            Self::Jobs(error) => error.code(),
            Self::Spine(error) => error.code(),
        }
    }

    fn public_text(&self) -> String {
        match self {
            Self::Entitlement(error) => error.public_text(),
            Self::Name { error, .. } => error.public_text(),
            Self::Dns(error) => error.public_text(),
            Self::Agent(_) => "the part of the server that keeps sites' files is not available at the moment".into(),
            Self::Io(_) | Self::Password(_) | Self::Stored(_) => {
                "something went wrong on our side; nothing was changed".into()
            }
            Self::Jobs(error) => error.public_text(),
            Self::Spine(error) => error.public_text(),
            other => other.to_string(),
        }
    }

    fn fields(&self) -> Vec<FieldError> {
        match self {
            Self::Invalid(fields) => fields.clone(),
            Self::Name { pointer, error } => vec![FieldError::new(*pointer, error.code(), error.public_text())],
            Self::Spine(error) => error.fields(),
            _ => Vec::new(),
        }
    }

    fn retry_after(&self) -> Option<u32> {
        match self {
            Self::Spine(error) => error.retry_after(),
            Self::Jobs(error) => error.retry_after(),
            Self::Agent(error) if error.is_transient() => Some(2),
            Self::NoSpace => Some(60),
            _ => None,
        }
    }
}
