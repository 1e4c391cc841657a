use async_trait::async_trait;
use mpanel_kernel::ids::TenantId;
use mpanel_pg::{Error, PlatformTx};

/// Whom the provider has suspended.
#[async_trait]
pub trait Suspensions: Send + Sync + 'static {
    /// Tenants that are suspended, and everybody below them. What changes it is told of in
    /// [`TENANT_CHANGED`](crate::events::TENANT_CHANGED).
    ///
    /// # Errors
    /// When the database is away.
    async fn suspended(&self, tx: &mut PlatformTx) -> Result<Vec<TenantId>, Error>;
}
