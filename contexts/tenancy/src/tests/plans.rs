//! What sellers sell.

use mpanel_authz::{Role, TenantKind};
use mpanel_kernel::error::{Kind, PublicError as _};
use mpanel_kernel::paging::PageRequest;
use mpanel_pg::{Reason, Tx as _};
use serde_json::json;

use crate::domain::Limits;
use crate::error::Error;
use crate::service::{CreatePlan, PlanPatch};
use crate::tests::support::{World, limits, terms};

fn patch(name: Option<&str>, archived: Option<bool>, seen: Option<i64>) -> PlanPatch {
    PlanPatch {
        name: name.map(str::to_owned),
        archived,
        seen,
    }
}

#[tokio::test]
async fn a_change_of_terms_is_a_new_version_and_the_old_one_stays() {
    let world = World::new().await;
    let root = world.root();
    let id = world
        .plan(&root, "Small", json!({"sites": 1, "disk_bytes": null}), false)
        .await;
    let plan = world.service.get_plan(&root, id).await.unwrap();
    assert_eq!((plan.latest.number, plan.version, plan.subscribers), (1, 1, 0));
    assert_eq!(
        plan.latest.entitlements,
        limits(&json!({"sites": 1, "disk_bytes": null}))
    );
    world.child(&root, TenantKind::Customer, "C", Some(id)).await;

    let plan = world
        .service
        .add_plan_version(&root, id, terms(&json!({"sites": 2}), true))
        .await
        .unwrap();
    assert_eq!((plan.latest.number, plan.version, plan.subscribers), (2, 2, 1));
    assert!(plan.latest.oversell);
    let entry = world.audit(root.tenant()).await.pop().unwrap();
    assert_eq!(entry.action, "tenancy.plan.changed");
    assert_eq!(
        entry.before.unwrap()["entitlements"],
        json!({"sites": 1, "disk_bytes": null})
    );
    assert_eq!(entry.after.unwrap()["entitlements"], json!({"sites": 2}));

    let first = "select (entitlements ->> 'sites')::bigint from tenancy.plan_versions where number = 1";
    assert_eq!(world.count(first).await, 1);
    // Neither the tenant nor the platform's own role can rewrite what was sold.
    for change in [
        "update tenancy.plan_versions set entitlements = '{}'",
        "delete from tenancy.plan_versions",
    ] {
        let mut tx = world.tenant_tx(root.tenant()).await;
        assert!(sqlx::query(change).execute(tx.conn()).await.is_err(), "{change}");
        let mut tx = world.db().platform(Reason::Administer("test")).await.unwrap();
        assert!(sqlx::query(change).execute(tx.conn()).await.is_err(), "{change}");
    }
}

#[tokio::test]
async fn two_versions_at_once_get_two_numbers() {
    let world = World::new().await;
    let root = world.root();
    let id = world.plan(&root, "P", json!({}), false).await;
    let add = |sites: i64| {
        world
            .service
            .add_plan_version(&root, id, terms(&json!({"sites": sites}), false))
    };
    let (one, two) = tokio::join!(add(1), add(2));
    let mut numbers = [one.unwrap().latest.number, two.unwrap().latest.number];
    numbers.sort_unstable();
    assert_eq!(numbers, [2, 3]);
}

#[tokio::test]
async fn a_name_is_used_once_among_a_sellers_plans_on_sale() {
    let world = World::new().await;
    let root = world.root();
    let id = world.plan(&root, "Basic", json!({}), false).await;
    let again = |name: &str| CreatePlan {
        name: name.to_owned(),
        terms: terms(&json!({}), false),
    };
    let error = world.service.create_plan(&root, again("BASIC")).await.err().unwrap();
    assert_eq!(
        (error.kind(), error.code()),
        (Kind::Conflict, "tenancy.plan.name_taken")
    );
    let reseller = world.reseller("R").await;
    world
        .service
        .create_plan(&world.owner(&reseller), again("Basic"))
        .await
        .unwrap();

    world
        .service
        .update_plan(&root, id, patch(None, Some(true), None))
        .await
        .unwrap();
    let second = world.service.create_plan(&root, again("Basic")).await.unwrap();
    let error = world
        .service
        .update_plan(&root, id, patch(None, Some(false), None))
        .await
        .err()
        .unwrap();
    assert_eq!(error.code(), "tenancy.plan.name_taken");
    let renamed = world
        .service
        .update_plan(&root, second.id, patch(Some(" Better "), None, Some(1)))
        .await
        .unwrap();
    assert_eq!((renamed.name.as_str(), renamed.version), ("Better", 2));
    let stale = world
        .service
        .update_plan(&root, second.id, patch(Some("Worse"), None, Some(1)))
        .await
        .err()
        .unwrap();
    assert_eq!(stale.kind(), Kind::Stale);
    let error = world
        .service
        .update_plan(&root, second.id, patch(Some(" "), None, None))
        .await
        .err()
        .unwrap();
    assert_eq!(error.fields()[0].pointer, "/name");
}

#[tokio::test]
async fn plans_are_their_sellers_alone() {
    let world = World::new().await;
    let root = world.root();
    let mut ids = Vec::new();
    for n in 0..3 {
        ids.push(world.plan(&root, &format!("P{n}"), json!({}), false).await);
    }
    let page = world
        .service
        .list_plans(&root, PageRequest { limit: 2, after: None })
        .await
        .unwrap();
    assert_eq!(page.items.iter().map(|plan| plan.id).collect::<Vec<_>>(), ids[..2]);
    let next = PageRequest::parse(Some(2), page.next_cursor.as_deref()).unwrap();
    let page = world.service.list_plans(&root, next).await.unwrap();
    assert_eq!(
        (page.items.len(), page.items[0].id, page.next_cursor),
        (1, ids[2], None)
    );

    let reseller = world.reseller("R").await;
    let cx = world.owner(&reseller);
    assert!(
        world
            .service
            .list_plans(&cx, PageRequest::default())
            .await
            .unwrap()
            .items
            .is_empty()
    );
    assert!(matches!(
        world.service.get_plan(&cx, ids[0]).await,
        Err(Error::NotFound)
    ));
    assert!(matches!(
        world
            .service
            .update_plan(&cx, ids[0], patch(Some("x"), None, None))
            .await,
        Err(Error::NotFound)
    ));
    assert!(matches!(
        world
            .service
            .add_plan_version(&cx, ids[0], terms(&json!({}), false))
            .await,
        Err(Error::NotFound)
    ));
    // A customer sells nothing; who only looks makes nothing.
    let customer = world.customer("C").await;
    let new = || CreatePlan {
        name: "x".into(),
        terms: terms(&json!({}), false),
    };
    let viewer = world.cx(root.tenant(), TenantKind::Platform, Role::Viewer);
    for cx in [world.owner(&customer), viewer] {
        let error = world.service.create_plan(&cx, new()).await.err().unwrap();
        assert_eq!(error.kind(), Kind::Forbidden);
    }
}

#[tokio::test]
async fn a_replayed_creation_gives_the_same_plan() {
    let world = World::new().await;
    let new = || CreatePlan {
        name: "Once".into(),
        terms: terms(&json!({"sites": 3}), false),
    };
    let one = world
        .service
        .create_plan(&world.root_with_key("k", 1), new())
        .await
        .unwrap();
    let two = world
        .service
        .create_plan(&world.root_with_key("k", 1), new())
        .await
        .unwrap();
    assert_eq!(one, two);
    let more = || terms(&json!({"sites": 4}), false);
    let one = world
        .service
        .add_plan_version(&world.root_with_key("v", 1), one.id, more())
        .await
        .unwrap();
    let two = world
        .service
        .add_plan_version(&world.root_with_key("v", 1), one.id, more())
        .await
        .unwrap();
    assert_eq!((one.latest.number, two.latest.number), (2, 2));
}

#[test]
fn every_wrong_limit_is_named() {
    let given = json!({"sites": -1, "domains": 1.5, "disk_bytes": "10", "a/b~c": 1, "traffic_bytes_month": 7});
    let errors = Limits::parse("/entitlements", given.as_object().unwrap()).unwrap_err();
    let found: Vec<_> = errors.iter().map(|e| (e.pointer.as_ref(), e.code.as_ref())).collect();
    assert_eq!(
        found,
        [
            ("/entitlements/a~1b~0c", "tenancy.entitlement.unknown"),
            ("/entitlements/disk_bytes", "tenancy.entitlement.bad_limit"),
            ("/entitlements/domains", "tenancy.entitlement.bad_limit"),
            ("/entitlements/sites", "tenancy.entitlement.bad_limit"),
        ]
    );
    let most = json!({"sites": i64::MAX});
    assert!(Limits::parse("", most.as_object().unwrap()).is_ok());
    let more = json!({"sites": u64::MAX});
    assert!(Limits::parse("", more.as_object().unwrap()).is_err());
}

#[test]
fn stored_limits_lose_keys_that_no_longer_exist_and_gain_nothing() {
    let stored = Limits::stored(&json!({"sites": 2, "domains": null, "retired": 9}));
    assert_eq!(stored.to_json(), json!({"sites": 2, "domains": null}));
    let over = limits(&json!({"domains": 4}));
    assert_eq!(
        stored.with(&over).complete().to_json(),
        json!({"sites": 2, "domains": 4, "disk_bytes": 0, "traffic_bytes_month": 0})
    );
}
