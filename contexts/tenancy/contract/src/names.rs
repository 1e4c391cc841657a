use async_trait::async_trait;
use mpanel_kernel::error::{Kind, PublicError};
use mpanel_kernel::names::DomainName;
use mpanel_pg::TenantTx;

/// For what a name is claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClaimKind {
    /// A website answers at it.
    Site,
    /// A DNS zone's apex.
    Zone,
    /// A website's preview, below the platform's own preview domain.
    Preview,
}

impl ClaimKind {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Site => "site",
            Self::Zone => "zone",
            Self::Preview => "preview",
        }
    }
}

/// A name cannot be claimed. None of the texts tells who holds it.
#[derive(Debug, thiserror::Error)]
pub enum NameError {
    #[error("{0} is already in use on this platform")]
    Taken(DomainName),
    #[error("{0} is reserved for the platform")]
    Reserved(DomainName),
    /// A name above it is claimed by somebody else.
    #[error("{0} is below a domain that belongs to another account")]
    BelowAnothers(DomainName),
    #[error("{0} is a public suffix under which others register; name a domain of your own")]
    PublicSuffix(DomainName),
    #[error(transparent)]
    Db(#[from] mpanel_pg::Error),
}

impl PublicError for NameError {
    fn kind(&self) -> Kind {
        match self {
            Self::Taken(_) | Self::Reserved(_) | Self::BelowAnothers(_) => Kind::Conflict,
            Self::PublicSuffix(_) => Kind::Invalid,
            Self::Db(error) if error.is_unavailable() => Kind::Unavailable,
            Self::Db(_) => Kind::Internal,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            // One code for all three: which of them it is would tell whose names exist.
            Self::Taken(_) | Self::Reserved(_) | Self::BelowAnothers(_) => "tenancy.name.taken",
            Self::PublicSuffix(_) => "tenancy.name.public_suffix",
            Self::Db(error) if error.is_unavailable() => error.code(),
            Self::Db(_) => "tenancy.internal",
        }
    }

    fn public_text(&self) -> String {
        match self {
            Self::Taken(name) | Self::Reserved(name) | Self::BelowAnothers(name) => {
                format!(
                    "{name} is not available on this platform; use another name, or ask the provider if it is yours"
                )
            }
            Self::PublicSuffix(_) => self.to_string(),
            Self::Db(error) => error.public_text(),
        }
    }
}

/// Names that exist once in the whole installation.
#[async_trait]
pub trait NameClaims: Send + Sync + 'static {
    /// Claims exactly this name for the transaction's tenant; again for the same kind is no change. A
    /// tenant may hold a name as a zone and as a site at once. What stands below a name that another
    /// tenant holds is refused, what stands above one is not, except a zone above another's zone.
    ///
    /// Claims come after reservations of entitlements and before anything else that is locked.
    ///
    /// # Errors
    /// [`NameError`]; the transaction stays usable.
    async fn claim(&self, tx: &mut TenantTx, name: &DomainName, kind: ClaimKind) -> Result<(), NameError>;

    /// Gives a claim up; one that is not held is no error.
    ///
    /// # Errors
    /// When the database is away.
    async fn release(&self, tx: &mut TenantTx, name: &DomainName, kind: ClaimKind) -> Result<(), NameError>;
}
