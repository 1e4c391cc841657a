//! Who is on which plan, and what that allows.

use mpanel_authz::{Role, TenantKind};
use mpanel_kernel::error::{Kind, PublicError as _};
use mpanel_kernel::ids::PlanId;
use mpanel_tenancy_contract::{EntitlementKey, Entitlements as _};
use serde_json::{Value, json};

use crate::domain::{Limits, Tenant};
use crate::error::Error;
use crate::service::PlanPatch;
use crate::tests::support::{World, limits, terms, unlimited};

impl World {
    async fn limit(&self, tenant: &Tenant, wanted: EntitlementKey) -> Option<i64> {
        let usage = self.service.usage(&self.owner(tenant), tenant.id).await.unwrap();
        usage.into_iter().find(|(key, ..)| *key == wanted).unwrap().2
    }
}

#[tokio::test]
async fn a_subscription_sets_the_limits_and_a_change_moves_them() {
    let world = World::new().await;
    let root = world.root();
    let plan = world
        .plan(&root, "P", json!({"sites": 2, "disk_bytes": null}), false)
        .await;
    let customer = world.child(&root, TenantKind::Customer, "C", Some(plan)).await;
    let usage = world.service.usage(&root, customer.id).await.unwrap();
    let figures: Vec<_> = usage
        .iter()
        .map(|(key, used, limit)| (key.as_str(), *used, *limit))
        .collect();
    assert_eq!(
        figures,
        [
            ("sites", 0, Some(2)),
            ("domains", 0, Some(0)),
            ("disk_bytes", 0, None),
            ("traffic_bytes_month", 0, Some(0))
        ]
    );

    // A new version moves nobody until they are moved.
    world
        .service
        .add_plan_version(&root, plan, terms(&json!({"sites": 5}), false))
        .await
        .unwrap();
    assert_eq!(world.limit(&customer, EntitlementKey::Sites).await, Some(2));
    let moved = world
        .service
        .subscribe(&root, customer.id, plan, &limits(&json!({"domains": 7})))
        .await
        .unwrap();
    assert_eq!(moved.plan.unwrap().version, 2);
    assert_eq!(world.limit(&customer, EntitlementKey::Sites).await, Some(5));
    assert_eq!(
        world.limit(&customer, EntitlementKey::Domains).await,
        Some(7),
        "an override"
    );
    assert_eq!(
        world.limit(&customer, EntitlementKey::DiskBytes).await,
        Some(0),
        "no longer in the plan"
    );

    let entry = world.audit(root.tenant()).await.pop().unwrap();
    assert_eq!(entry.action, "tenancy.subscription.changed");
    let (mut before, after) = (entry.before.unwrap(), entry.after.unwrap());
    assert_eq!((&before["plan"], &before["plan_version"]), (&json!(plan), &json!(1)));
    before["plan_version"] = json!(2);
    assert_eq!(before, after, "the same of both, and nothing else has changed");
}

#[tokio::test]
async fn a_smaller_plan_keeps_what_is_used_and_stops_growth() {
    let world = World::new().await;
    let root = world.root();
    let large = world.plan(&root, "L", json!({"sites": 5}), false).await;
    let small = world.plan(&root, "S", json!({"sites": 1}), false).await;
    let customer = world.child(&root, TenantKind::Customer, "C", Some(large)).await;
    let mut tx = world.tenant_tx(customer.id).await;
    world.tenancy.reserve(&mut tx, EntitlementKey::Sites, 3).await.unwrap();
    tx.commit().await.unwrap();
    world
        .service
        .subscribe(&root, customer.id, small, &Limits::default())
        .await
        .unwrap();
    let mut tx = world.tenant_tx(customer.id).await;
    assert_eq!(
        world.tenancy.headroom(&mut tx, EntitlementKey::Sites).await.unwrap(),
        Some(0),
        "never less than none"
    );
    assert!(world.tenancy.reserve(&mut tx, EntitlementKey::Sites, 1).await.is_err());
    world.tenancy.reserve(&mut tx, EntitlementKey::Sites, -3).await.unwrap();
    world.tenancy.reserve(&mut tx, EntitlementKey::Sites, 1).await.unwrap();
}

#[tokio::test]
async fn a_seller_promises_no_more_than_it_has_unless_it_may() {
    let world = World::new().await;
    let root = world.root();
    let cases: [(bool, Value, bool); 6] = [
        (false, json!({"sites": 10}), true),
        (false, json!({"sites": 11}), false),
        (false, json!({"sites": null}), false),
        (false, json!({"sites": 1, "domains": 1}), false),
        (true, json!({"sites": 11}), true),
        (true, unlimited(), true),
    ];
    for (n, (oversell, gives, allowed)) in cases.into_iter().enumerate() {
        let bought = world
            .plan(&root, &format!("R{n}"), json!({"sites": 10}), oversell)
            .await;
        let reseller = world.child(&root, TenantKind::Reseller, "R", Some(bought)).await;
        let cx = world.owner(&reseller);
        let sold = world.plan(&cx, "Sold", gives.clone(), false).await;
        let customer = world.child(&cx, TenantKind::Customer, "C", None).await;
        let result = world
            .service
            .subscribe(&cx, customer.id, sold, &Limits::default())
            .await;
        assert_eq!(
            result.is_ok(),
            allowed,
            "{gives} with oversell {oversell}: {:?}",
            result.err()
        );
        if let Err(error) = result {
            assert_eq!((error.kind(), error.code()), (Kind::Quota, "tenancy.plan.oversold"));
            assert!(world.service.get_tenant(&cx, customer.id).await.unwrap().plan.is_none());
        }
    }
}

#[tokio::test]
async fn a_seller_without_a_plan_has_nothing_to_give() {
    let world = World::new().await;
    let reseller = world.reseller("R").await;
    let cx = world.owner(&reseller);
    let customer = world.child(&cx, TenantKind::Customer, "C", None).await;
    let sold = world.plan(&cx, "Sold", json!({"sites": 1}), true).await;
    let error = world
        .service
        .subscribe(&cx, customer.id, sold, &Limits::default())
        .await
        .err()
        .unwrap();
    assert!(matches!(error, Error::Oversold(EntitlementKey::Sites)), "{error}");
    let empty = world.plan(&cx, "Empty", json!({}), false).await;
    world
        .service
        .subscribe(&cx, customer.id, empty, &Limits::default())
        .await
        .unwrap();
    let over = limits(&json!({"disk_bytes": 1}));
    let error = world
        .service
        .subscribe(&cx, customer.id, empty, &over)
        .await
        .err()
        .unwrap();
    assert!(
        matches!(error, Error::Oversold(EntitlementKey::DiskBytes)),
        "overrides count: {error}"
    );
}

#[tokio::test]
async fn only_the_seller_directly_above_puts_a_tenant_on_its_own_plans() {
    let world = World::new().await;
    let root = world.root();
    let all = world.plan(&root, "All", unlimited(), false).await;
    let reseller = world.child(&root, TenantKind::Reseller, "R", Some(all)).await;
    let customer = world
        .child(&world.owner(&reseller), TenantKind::Customer, "C", None)
        .await;
    let to = |cx, id, plan| {
        let service = world.service.clone();
        async move {
            service
                .subscribe(&cx, id, plan, &Limits::default())
                .await
                .err()
                .unwrap()
        }
    };
    assert!(
        matches!(to(root.clone(), customer.id, all).await, Error::NotTheSeller),
        "a grandchild"
    );
    assert!(
        matches!(to(world.owner(&reseller), reseller.id, all).await, Error::NotTheSeller),
        "itself"
    );
    let error = to(world.owner(&reseller), customer.id, all).await;
    assert_eq!(
        error.fields()[0].pointer,
        "/plan_id",
        "somebody else's plan is no plan here"
    );
    assert_eq!(
        to(root.clone(), reseller.id, PlanId::generate()).await.fields()[0].pointer,
        "/plan_id"
    );
    let elsewhere = world.customer("Elsewhere").await;
    assert!(matches!(
        to(world.owner(&reseller), elsewhere.id, all).await,
        Error::NotFound
    ));
    let viewer = world.cx(root.tenant(), TenantKind::Platform, Role::Viewer);
    assert_eq!(to(viewer, reseller.id, all).await.kind(), Kind::Forbidden);

    let archive = PlanPatch {
        name: None,
        archived: Some(true),
        seen: None,
    };
    world.service.update_plan(&root, all, archive).await.unwrap();
    assert!(matches!(to(root, reseller.id, all).await, Error::PlanArchived));
    assert!(
        world
            .service
            .get_tenant(&world.root(), reseller.id)
            .await
            .unwrap()
            .plan
            .is_some(),
        "those it has keep it"
    );
}
