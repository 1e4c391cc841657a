use async_trait::async_trait;
use mpanel_kernel::ids::TenantId;
use mpanel_pg::{Error, PlatformTx};

/// Whom the provider has suspended.
#[async_trait]
pub trait Suspensions: Send + Sync + 'static {
    /// Tenants that are suspended or ending, and everybody below them. What changes it is told of in
    /// [`TENANT_CHANGED`](crate::events::TENANT_CHANGED), `TENANT_MOVED`, `TENANT_ENDING` and `TENANT_RESTORED`.
    ///
    /// # Errors
    /// When the database is away.
    async fn suspended(&self, tx: &mut PlatformTx) -> Result<Vec<TenantId>, Error>;
}
