//! Counting use against limits, from the root to the leaf.

use mpanel_authz::TenantKind;
use mpanel_kernel::error::{Kind, PublicError as _};
use mpanel_kernel::ids::TenantId;
use mpanel_tenancy_contract::{EntitlementError, EntitlementKey, Entitlements as _};
use serde_json::json;

use crate::domain::{Tenant, TenantState};
use crate::service::TenantPatch;
use crate::tests::support::{World, unlimited};

const SITES: EntitlementKey = EntitlementKey::Sites;

impl World {
    async fn reserve(&self, tenant: TenantId, delta: i64) -> Result<(), EntitlementError> {
        let mut tx = self.tenant_tx(tenant).await;
        self.tenancy.reserve(&mut tx, SITES, delta).await?;
        tx.commit().await.unwrap();
        Ok(())
    }

    async fn used(&self, tenant: TenantId) -> i64 {
        let usage = self.service.usage(&self.root(), tenant).await.unwrap();
        usage.into_iter().find(|(key, ..)| *key == SITES).unwrap().1
    }

    /// A reseller that may have `above` sites with a customer that may have `own`.
    async fn pair(&self, above: i64, own: i64) -> (Tenant, Tenant) {
        let root = self.root();
        let bought = self.plan(&root, "Bought", json!({"sites": above}), true).await;
        let reseller = self.child(&root, TenantKind::Reseller, "R", Some(bought)).await;
        let cx = self.owner(&reseller);
        let sold = self.plan(&cx, "Sold", json!({"sites": own}), false).await;
        let customer = self.child(&cx, TenantKind::Customer, "C", Some(sold)).await;
        (reseller, customer)
    }
}

#[tokio::test]
async fn use_counts_in_the_tenant_and_everybody_above() {
    let world = World::new().await;
    let (reseller, customer) = world.pair(10, 5).await;
    world.reserve(customer.id, 3).await.unwrap();
    world.reserve(reseller.id, 1).await.unwrap();
    world.reserve(customer.id, -1).await.unwrap();
    let root = world.tenancy.platform();
    assert_eq!(
        (
            world.used(customer.id).await,
            world.used(reseller.id).await,
            world.used(root).await
        ),
        (2, 3, 3)
    );
    let mut tx = world.tenant_tx(customer.id).await;
    assert_eq!(world.tenancy.headroom(&mut tx, SITES).await.unwrap(), Some(3));
    let mut tx = world.tenant_tx(root).await;
    assert_eq!(world.tenancy.headroom(&mut tx, SITES).await.unwrap(), None);
}

#[tokio::test]
async fn ones_own_limit_is_named_before_one_above() {
    let world = World::new().await;
    let (reseller, customer) = world.pair(4, 5).await;
    world.reserve(customer.id, 3).await.unwrap();
    match world.reserve(customer.id, 2).await.unwrap_err() {
        EntitlementError::ExceededAbove { key } => assert_eq!(key, SITES),
        other => panic!("{other:?}"),
    }
    // Three would pass the own limit as well as the seller's.
    let error = world.reserve(customer.id, 3).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.code()),
        (Kind::Quota, "tenancy.entitlement.exceeded")
    );
    assert!(
        matches!(error, EntitlementError::Exceeded { used: 3, limit: 5, .. }),
        "{error:?}"
    );
    let mut tx = world.tenant_tx(customer.id).await;
    assert_eq!(
        world.tenancy.headroom(&mut tx, SITES).await.unwrap(),
        Some(1),
        "the least of all"
    );
    assert_eq!((world.used(customer.id).await, world.used(reseller.id).await), (3, 3));
}

#[tokio::test]
async fn a_refusal_leaves_the_transaction_usable() {
    let world = World::new().await;
    let (_, customer) = world.pair(4, 2).await;
    let mut tx = world.tenant_tx(customer.id).await;
    assert!(world.tenancy.reserve(&mut tx, SITES, 3).await.is_err());
    world.tenancy.reserve(&mut tx, SITES, 2).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(world.used(customer.id).await, 2);
}

#[tokio::test]
async fn without_a_plan_there_is_nothing_to_use() {
    let world = World::new().await;
    let customer = world.customer("C").await;
    let mut tx = world.tenant_tx(customer.id).await;
    assert_eq!(world.tenancy.headroom(&mut tx, SITES).await.unwrap(), Some(0));
    drop(tx);
    let error = world.reserve(customer.id, 1).await.unwrap_err();
    assert!(
        matches!(error, EntitlementError::Exceeded { used: 0, limit: 0, .. }),
        "{error:?}"
    );
    world.reserve(customer.id, 0).await.unwrap();
}

#[tokio::test]
async fn use_never_goes_below_nothing() {
    let world = World::new().await;
    let (reseller, customer) = world.pair(4, 2).await;
    world.reserve(reseller.id, 1).await.unwrap();
    world.reserve(customer.id, 1).await.unwrap();
    let error = world.reserve(customer.id, -2).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Internal, "a bug of whoever counted");
    assert_eq!((world.used(customer.id).await, world.used(reseller.id).await), (1, 2));
}

#[tokio::test]
async fn amounts_at_the_edge_of_the_counter_are_refused_not_lost() {
    let world = World::new().await;
    let root = world.root();
    let plan = world.plan(&root, "All", unlimited(), false).await;
    let customer = world.child(&root, TenantKind::Customer, "C", Some(plan)).await;
    world.reserve(customer.id, 5).await.unwrap();
    let error = world.reserve(customer.id, i64::MAX).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Quota, "{error:?}");
    world.reserve(customer.id, i64::MAX - 5).await.unwrap();
    assert_eq!(world.used(customer.id).await, i64::MAX);
}

#[tokio::test]
async fn who_is_suspended_or_stands_below_gives_back_and_takes_nothing() {
    let world = World::new().await;
    let (reseller, customer) = world.pair(4, 2).await;
    world.reserve(customer.id, 1).await.unwrap();
    let suspend = TenantPatch {
        name: None,
        state: Some(TenantState::Suspended),
        seen: None,
    };
    world
        .service
        .update_tenant(&world.root(), reseller.id, suspend)
        .await
        .unwrap();
    for tenant in [reseller.id, customer.id] {
        let error = world.reserve(tenant, 1).await.unwrap_err();
        assert_eq!(
            (error.kind(), error.code()),
            (Kind::Forbidden, "tenancy.tenant.suspended")
        );
    }
    world.reserve(customer.id, -1).await.unwrap();
    assert_eq!(world.used(reseller.id).await, 0);
}

#[tokio::test]
async fn what_is_rolled_back_was_never_used() {
    let world = World::new().await;
    let (_, customer) = world.pair(4, 2).await;
    let mut tx = world.tenant_tx(customer.id).await;
    world.tenancy.reserve(&mut tx, SITES, 2).await.unwrap();
    drop(tx);
    world.reserve(customer.id, 2).await.unwrap();
}
