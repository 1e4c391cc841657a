//! One use case a function: authorise, load, decide, save, record, commit.

mod members;
mod plans;
mod tenants;

use std::sync::Arc;

use mpanel_authz::OpCx;
use mpanel_identity_contract::Accounts;
use mpanel_kernel::ids::TenantId;

pub use members::{Activation, AddMember, Member};
pub use plans::{CreatePlan, PlanPatch, Terms};
pub use tenants::{CreateTenant, Owner, TenantPatch};

use crate::Tenancy;
use crate::error::Error;
use crate::store;

pub struct Service {
    pub tenancy: Tenancy,
    pub accounts: Arc<dyn Accounts>,
}

impl Service {
    /// The context of the same actor for `id`: itself, or a tenant below it.
    async fn reach(&self, cx: &OpCx, id: TenantId) -> Result<OpCx, Error> {
        if id == cx.tenant() {
            return Ok(cx.clone());
        }
        let mut tx = self.tenancy.spine.db().tenant(cx.tenant()).await?;
        let tenant = store::tenants::get(&mut tx, id).await?.ok_or(Error::NotFound)?;
        tx.commit().await?;
        cx.for_descendant(id, tenant.kind).ok_or(Error::NotFound)
    }
}
