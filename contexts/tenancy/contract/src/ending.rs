use async_trait::async_trait;
use mpanel_kernel::ids::TenantId;

/// How far a context is with removing what a tenant has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Erased {
    /// It has nothing of the tenant any more.
    All,
    /// It is on its way; to be asked again.
    Going,
}

/// A context could not remove what a tenant has; it is asked again later.
pub type EraseError = Box<dyn std::error::Error + Send + Sync>;

/// What a context has of a tenant, when that goes for good.
#[async_trait]
pub trait Eraser: Send + Sync + 'static {
    /// For messages: `sites`.
    fn name(&self) -> &'static str;

    /// Removes what the context has of the tenant, or a good part of it, or goes on doing so; in transactions of its
    /// own. Called again until it answers [`Erased::All`], also after `kill -9` and when nothing is left. The tenant is as
    /// good as suspended: nothing comes in meanwhile. What others have stays, even where the tenant has made it.
    ///
    /// # Errors
    /// Anything: it is called again later.
    async fn erase(&self, tenant: TenantId) -> Result<Erased, EraseError>;
}
