//! One use case a function: authorise, load, decide, save, record, commit.

mod assumptions;
mod ending;
mod exports;
pub mod grants;
mod members;
mod merge;
mod plans;
mod resources;
mod roles;
mod selling;
mod tenants;
mod tree;

use std::sync::Arc;

use mpanel_authz::{ActionType, Allowed, Denied, OpCx, Resource};
use mpanel_identity_contract::Accounts;
use mpanel_kernel::ids::TenantId;
use mpanel_tenancy_contract::Belongings;

pub use assumptions::{Assume, Shown};
pub use ending::End;
pub use exports::{AskedExport, ExportShown};
pub use members::{Activation, AddMember, Member, has_consent};
pub use merge::{Merging, Outlook};
pub use plans::{CreatePlan, PlanPatch, Terms};
pub use roles::{CreateRole, RolePatch};
pub use selling::SellingShown;
pub use tenants::{CreateTenant, Owner, TenantPatch};
pub use tree::Move;

use crate::Tenancy;
use crate::error::Error;
use crate::export::{ExportFiles, ExportLimits};
use crate::store;

pub struct Service {
    pub tenancy: Tenancy,
    pub accounts: Arc<dyn Accounts>,
    pub exports: Exports,
    pub belongings: Vec<Arc<dyn Belongings>>,
    /// Days in which a tenant that is to end can be restored, unless somebody above it says otherwise.
    pub grace_days: u32,
}

/// Where archives of tenants are kept, and how.
pub struct Exports {
    pub files: ExportFiles,
    pub limits: ExportLimits,
}

impl Service {
    /// The context of the same actor for `id`, the acting tenant or one below it, and the proof
    /// that the actor may do `action` there.
    async fn reach<R: Resource, A: ActionType>(
        &self,
        cx: &OpCx,
        id: TenantId,
        action: A,
    ) -> Result<(OpCx, Allowed<R, A>), Error> {
        if id == cx.tenant() {
            return Ok((cx.clone(), cx.authorize(action)?));
        }
        let mut tx = self.tenancy.spine.db().tenant(cx.tenant()).await?;
        let tenant = store::tenants::get(&mut tx, id).await?.ok_or(Error::NotFound)?;
        tx.end_read();
        // Whoever may look at the tenants below may not for that act for them.
        let there = cx.for_descendant(id, tenant.kind).ok_or(Denied {
            resource: R::NAME,
            action: A::ACTION,
        })?;
        let allowed = there.authorize(action)?;
        Ok((there, allowed))
    }
}
