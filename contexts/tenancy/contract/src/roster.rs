use async_trait::async_trait;
use mpanel_authz::{OpCx, RoleRef};
use mpanel_kernel::ids::{TenantId, UserId};
use mpanel_pg::{Error, TenantTx};

/// What an invitation tells of the tenant that invites, and of what it offers. All of it joins the caller's transaction.
#[async_trait]
pub trait Roster: Send + Sync + 'static {
    /// The name of the transaction's tenant, or of one below it.
    ///
    /// # Errors
    /// When the database is away.
    async fn tenant_name(&self, tx: &mut TenantTx, tenant: TenantId) -> Result<Option<String>, Error>;

    /// The members of the transaction's tenant and their roles, held as they are until it ends.
    ///
    /// # Errors
    /// When the database is away.
    async fn roles(&self, tx: &mut TenantTx) -> Result<Vec<(UserId, RoleRef)>, Error>;

    /// Whether the actor has all that a role of the transaction's tenant gives, and so may give it. Whoever holds the link of
    /// an invitation becomes what is offered by it.
    ///
    /// # Errors
    /// When the database is away.
    async fn could_give(&self, tx: &mut TenantTx, cx: &OpCx, role: RoleRef) -> Result<bool, Error>;

    /// Whether the actor may change who belongs to the transaction's tenant: from above only with its consent, where it
    /// demands that.
    ///
    /// # Errors
    /// When the database is away.
    async fn has_consent(&self, tx: &mut TenantTx, cx: &OpCx) -> Result<bool, Error>;
}
