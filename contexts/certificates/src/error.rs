use mpanel_authz::Denied;
use mpanel_kernel::error::{FieldError, Kind, PublicError};

/// What can go wrong with certificates.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Denied(#[from] Denied),
    #[error("there is no such object here")]
    NotFound,
    #[error("a certificate could not be made: {0}")]
    Issue(#[from] rcgen::Error),
    #[error("{}", .0.first().map_or("the authority is not valid", |field| field.message.as_str()))]
    Invalid(Vec<FieldError>),
    #[error("there is an authority of this name already")]
    IssuerExists,
    #[error("a certificate authority does not do what it is asked: {0}")]
    Authority(#[from] mpanel_client_acme::Error),
    #[error("the zone cannot be changed: {0}")]
    Dns(#[from] mpanel_dns_contract::DnsPortError),
    #[error("a stored key does not open: {0}")]
    Key(#[from] mpanel_crypto::Error),
    #[error(transparent)]
    Spine(#[from] mpanel_events::Error),
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

impl PublicError for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Denied(_) => Kind::Forbidden,
            Self::NotFound => Kind::NotFound,
            Self::Invalid(_) => Kind::Invalid,
            Self::IssuerExists => Kind::Conflict,
            Self::Dns(error) => error.kind(),
            Self::Issue(_) | Self::Key(_) | Self::Authority(_) => Kind::Internal,
            Self::Spine(error) => error.kind(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Denied(denied) => denied.code(),
            Self::NotFound => "request.not_found",
            Self::Invalid(_) => "request.invalid",
            Self::IssuerExists => "certificates.issuer.exists",
            Self::Dns(error) => error.code(),
            Self::Issue(_) | Self::Key(_) | Self::Authority(_) => "certificates.internal",
            Self::Spine(error) => error.code(),
        }
    }

    fn public_text(&self) -> String {
        match self {
            Self::Spine(error) => error.public_text(),
            Self::Issue(_) => "no certificate can be made for these names at the moment".into(),
            Self::Key(_) => "the key of its certificate cannot be opened at the moment".into(),
            other => other.to_string(),
        }
    }

    fn fields(&self) -> Vec<FieldError> {
        match self {
            Self::Invalid(fields) => fields.clone(),
            _ => Vec::new(),
        }
    }
}
