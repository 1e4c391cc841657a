use std::fs::File;
use std::io;

use async_trait::async_trait;
use mpanel_kernel::ids::TenantId;

/// How much of a tenant is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ExportScope {
    /// The files of all releases, and not only of those that are shown.
    pub all_releases: bool,
}

/// A context could not give what it has of a tenant.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// It would be more bytes than there is room for.
    #[error("there is not enough room for it")]
    NoSpace,
    /// It was there when it was listed, and was removed since.
    #[error("it is gone")]
    Gone,
    /// Anything else; asked again, it may work.
    #[error(transparent)]
    Other(Box<dyn std::error::Error + Send + Sync>),
}

impl ExportError {
    pub fn other(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Other(error.into())
    }
}

impl From<io::Error> for ExportError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::NoSpace,
            _ => Self::other(error),
        }
    }
}

/// What a context has of a tenant, for the tenant to take away.
#[async_trait]
pub trait Exporter: Send + Sync + 'static {
    /// For messages: `sites`.
    fn name(&self) -> &'static str;

    /// The paths of the files that it gives, such as `zones/example.com.json`: plain parts of letters, digits and `._-`,
    /// that no other context uses; one or a few files for each object, so that no more than one of them is in memory.
    /// Secrets that open something, such as keys of certificates, are in none of them.
    ///
    /// # Errors
    /// Anything; it is asked again later.
    async fn list(&self, tenant: TenantId, scope: ExportScope) -> Result<Vec<String>, ExportError>;

    /// Writes one of those files into an empty one, at most `most` bytes.
    ///
    /// # Errors
    /// [`ExportError::Gone`] leaves it out; after any other it is asked again later, with another file.
    async fn write(&self, tenant: TenantId, path: &str, into: File, most: u64) -> Result<(), ExportError>;
}
