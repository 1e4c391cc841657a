use async_trait::async_trait;
use mpanel_authz::{OpCx, RoleRef};
use mpanel_kernel::ids::{TenantId, UserId};
use mpanel_pg::{Error, TenantTx};
use mpanel_tenancy_contract::Roster;

use crate::Tenancy;
use crate::service::{grants, has_consent};
use crate::store::{members, tenants};

#[async_trait]
impl Roster for Tenancy {
    async fn tenant_name(&self, tx: &mut TenantTx, tenant: TenantId) -> Result<Option<String>, Error> {
        tenants::name(tx, tenant).await
    }

    async fn roles(&self, tx: &mut TenantTx) -> Result<Vec<(UserId, RoleRef)>, Error> {
        members::lock(tx).await
    }

    async fn could_give(&self, tx: &mut TenantTx, cx: &OpCx, role: RoleRef) -> Result<bool, Error> {
        grants::could_give(cx, tx, role).await
    }

    async fn has_consent(&self, tx: &mut TenantTx, cx: &OpCx) -> Result<bool, Error> {
        has_consent(cx, tx).await
    }
}
