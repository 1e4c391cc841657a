use mpanel_authz::Denied;
use mpanel_kernel::error::{FieldError, Kind, PublicError};
use mpanel_tenancy_contract::{EntitlementError, NameError};

/// What can go wrong with zones and records.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Denied(#[from] Denied),
    #[error("there is no such object here")]
    NotFound,
    #[error("{}", .0.first().map_or("the record is not valid", |f| f.message.as_str()))]
    Invalid(Vec<FieldError>),
    #[error("there is a zone for this name already")]
    ZoneExists,
    #[error("exactly this record is in the zone already")]
    RecordExists,
    #[error("the platform keeps this record for a site; remove the domain from the site instead")]
    Managed,
    #[error("the record is there for a certificate that is being issued, and goes by itself")]
    Challenge,
    #[error("the zone's own name servers stay; add others beside them if some of yours answer it too")]
    Delegation,
    #[error("somebody changed this meanwhile; load it again and repeat your change")]
    Stale,
    #[error(transparent)]
    Entitlement(#[from] EntitlementError),
    #[error(transparent)]
    Name(#[from] NameError),
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
            Self::ZoneExists | Self::RecordExists | Self::Managed | Self::Challenge | Self::Delegation => {
                Kind::Conflict
            }
            Self::Stale => Kind::Stale,
            Self::Entitlement(error) => error.kind(),
            Self::Name(error) => error.kind(),
            Self::Spine(error) => error.kind(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Denied(denied) => denied.code(),
            Self::NotFound => "request.not_found",
            Self::Invalid(_) => "request.invalid",
            Self::ZoneExists => "dns.zone.exists",
            Self::RecordExists => "dns.record.exists",
            Self::Managed => "dns.record.managed",
            Self::Challenge => "dns.record.challenge",
            Self::Delegation => "dns.record.delegation",
            Self::Stale => "request.stale",
            Self::Entitlement(error) => error.code(),
            Self::Name(error) => error.code(),
            Self::Spine(error) => error.code(),
        }
    }

    fn public_text(&self) -> String {
        match self {
            Self::Entitlement(error) => error.public_text(),
            Self::Name(error) => error.public_text(),
            Self::Spine(error) => error.public_text(),
            other => other.to_string(),
        }
    }

    fn fields(&self) -> Vec<FieldError> {
        match self {
            Self::Invalid(fields) => fields.clone(),
            Self::Name(error) => vec![FieldError::new("/apex", error.code(), error.public_text())],
            Self::Spine(error) => error.fields(),
            _ => Vec::new(),
        }
    }

    fn retry_after(&self) -> Option<u32> {
        match self {
            Self::Spine(error) => error.retry_after(),
            _ => None,
        }
    }
}
