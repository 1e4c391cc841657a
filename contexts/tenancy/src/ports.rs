use async_trait::async_trait;
use jiff::Timestamp;
use mpanel_authz::RoleRef;
use mpanel_kernel::ids::{TenantId, UserId};
use mpanel_kernel::names::DomainName;
use mpanel_pg::{Look, PlatformTx, TenantTx};
use mpanel_tenancy_contract::{
    Acting, ClaimKind, EntitlementError, EntitlementKey, Entitlements, Membership, Memberships, NameClaims, NameError,
    Suspended, Suspensions,
};

use crate::Tenancy;
use crate::store::entitlements::Reserved;
use crate::store::names::Claimed;
use crate::store::{entitlements, members, names, tenants};

#[async_trait]
impl Entitlements for Tenancy {
    async fn reserve(&self, tx: &mut TenantTx, key: EntitlementKey, delta: i64) -> Result<(), EntitlementError> {
        match entitlements::reserve(tx, key, delta).await? {
            Reserved::Done => Ok(()),
            Reserved::Suspended => Err(EntitlementError::Suspended),
            Reserved::OwnLimit { used, limit } => Err(EntitlementError::Exceeded { key, used, limit }),
            Reserved::LimitAbove => Err(EntitlementError::ExceededAbove { key }),
        }
    }

    async fn headroom(&self, tx: &mut TenantTx, key: EntitlementKey) -> Result<Option<i64>, EntitlementError> {
        Ok(entitlements::headroom(tx, key).await?)
    }
}

#[async_trait]
impl NameClaims for Tenancy {
    async fn claim(&self, tx: &mut TenantTx, name: &DomainName, kind: ClaimKind) -> Result<(), NameError> {
        let is_suffix = psl::suffix(name.as_str().as_bytes())
            .is_some_and(|suffix| suffix.is_known() && suffix.as_bytes() == name.as_str().as_bytes());
        if is_suffix && kind != ClaimKind::Preview {
            return Err(NameError::PublicSuffix(name.clone()));
        }
        match names::claim(tx, name, kind).await? {
            Claimed::Done => Ok(()),
            Claimed::Taken => Err(NameError::Taken(name.clone())),
            Claimed::Reserved => Err(NameError::Reserved(name.clone())),
            Claimed::BelowAnothers => Err(NameError::BelowAnothers(name.clone())),
        }
    }

    async fn release(&self, tx: &mut TenantTx, name: &DomainName, kind: ClaimKind) -> Result<(), NameError> {
        Ok(names::release(tx, name, kind).await?)
    }
}

#[async_trait]
impl Memberships for Tenancy {
    fn platform(&self) -> TenantId {
        self.platform
    }

    async fn acting(
        &self,
        look: &mut Look,
        user: UserId,
        tenant: TenantId,
        via: Option<TenantId>,
        now: Timestamp,
    ) -> Result<Option<Acting>, mpanel_pg::Error> {
        members::acting(look, user, (tenant, self.platform), via, now).await
    }

    async fn of_user(&self, user: UserId) -> Result<Vec<Membership>, mpanel_pg::Error> {
        let mut tx = self.spine.db().spine().await?;
        let memberships = members::of_user(&mut tx, user).await?;
        tx.end_read();
        Ok(memberships)
    }

    async fn join(
        &self,
        tx: &mut TenantTx,
        user: UserId,
        role: RoleRef,
        now: Timestamp,
    ) -> Result<(), mpanel_pg::Error> {
        members::join(tx, user, role, now).await?;
        Ok(())
    }

    async fn hand_over(&self, tx: &mut TenantTx, from: UserId, to: UserId) -> Result<(), mpanel_pg::Error> {
        members::hand_over(tx, from, to).await
    }

    async fn leave(&self, tx: &mut TenantTx, program: UserId) -> Result<(), mpanel_pg::Error> {
        members::leave(tx, program).await
    }
}

#[async_trait]
impl Suspensions for Tenancy {
    async fn suspended(&self, tx: &mut PlatformTx) -> Result<Vec<Suspended>, mpanel_pg::Error> {
        tenants::suspended(tx).await
    }
}
