use async_trait::async_trait;
use mpanel_kernel::ids::TenantId;
use mpanel_pg::Error;

/// Who stands below whom.
#[async_trait]
pub trait Below: Send + Sync + 'static {
    /// A tenant and all below it, but for those below that want to be asked before anybody above looks at what is theirs.
    ///
    /// # Errors
    /// When the database is away.
    async fn open_to(&self, tenant: TenantId) -> Result<Vec<TenantId>, Error>;

    /// Whether `one` is among these.
    ///
    /// # Errors
    /// When the database is away.
    async fn is_open_to(&self, tenant: TenantId, one: TenantId) -> Result<bool, Error>;
}
