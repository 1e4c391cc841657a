//! Who is told that a tenant was taken over.

use mpanel_authz::TenantKind;
use serde_json::{Value, json};

use super::{Scene, how};
use crate::domain::Tenant;
use crate::tests::support::World;

/// What a log says since `seen` entries: action, subject, and whether it tells a before and an after.
async fn told(world: &World, tenant: &Tenant, seen: usize) -> Vec<(String, String, bool, bool)> {
    let log = world.audit(tenant.id).await;
    let new = log.into_iter().skip(seen);
    new.map(|entry| {
        let action = entry.action.trim_start_matches("tenancy.").to_owned();
        (action, entry.subject, entry.before.is_some(), entry.after.is_some())
    })
    .collect()
}

#[tokio::test]
async fn both_and_those_above_them_and_everybody_who_goes_along_are_told() {
    let scene = Scene::new().await;
    let world = &scene.world;
    // Each of the two below a seller of its own, which are below the platform.
    let root = world.root();
    let all = world.plan(&root, "Sellers", super::unlimited(), true).await;
    let above = world.child(&root, TenantKind::Reseller, "Above", Some(all)).await;
    let plan = world.plan(&world.owner(&above), "Any", super::unlimited(), true).await;
    let buyer = world
        .child(&world.owner(&above), TenantKind::Reseller, "Buying", Some(plan))
        .await;
    let mut seen = Vec::new();
    let logs = [&scene.sold, &scene.below, &buyer, &above, &scene.deep];
    for tenant in logs {
        seen.push(world.audit(tenant.id).await.len());
    }
    world
        .service
        .merge_tenant(&root, scene.below.id, how(&scene.below, &buyer, 1))
        .await
        .unwrap();
    let mut said = Vec::new();
    for (tenant, seen) in logs.into_iter().zip(seen) {
        said.push(told(world, tenant, seen).await);
    }
    let line =
        |action: &str, subject: &dyn ToString, before, after| (action.to_owned(), subject.to_string(), before, after);
    let merged = line("tenant.merged", &scene.below.id, true, true);
    let ending = line("tenant.ending", &scene.below.id, true, true);
    assert_eq!(
        said[0],
        [line("tenant.merged", &scene.below.id, true, false)],
        "the old seller loses"
    );
    assert_eq!(said[1], [merged.clone(), ending.clone()]);
    assert_eq!(said[2][0], merged);
    assert_eq!(said[2][1].0, "plan.created");
    assert_eq!(said[2].len(), 2);
    assert_eq!(
        said[3],
        [line("tenant.merged", &buyer.id, false, true)],
        "the new seller gets"
    );
    assert_eq!(said[4], [line("tenant.moved", &scene.deep.id, true, true)]);
    let platform = world.audit(root.tenant()).await;
    let last: Vec<&str> = platform
        .iter()
        .rev()
        .take(2)
        .map(|entry| entry.action.as_str())
        .collect();
    assert_eq!(last, ["tenancy.tenant.ending", "tenancy.tenant.merged"]);

    // The plan before and after stands in the log of who is on it.
    let moved = world.audit(scene.deep.id).await.pop().unwrap();
    let (before, after) = (moved.before.unwrap(), moved.after.unwrap());
    assert_eq!(
        (&before["parent"], &after["parent"]),
        (&json!(scene.below.id), &json!(buyer.id))
    );
    assert_ne!(before["plan"], after["plan"]);
    assert!(before["plan"] != Value::Null && after["plan"] != Value::Null);
    // And events tell whoever has to do something: one for each that stands elsewhere now, and that the rest ends.
    let events = world.events().await;
    let of = |kind: &str| events.iter().filter(|(_, value)| value["type"] == kind).count();
    assert_eq!(of("tenancy.tenant.moved.v1"), 1);
    assert_eq!(of("tenancy.tenant.ending.v1"), 2);
}

#[tokio::test]
async fn one_seller_above_both_is_told_once() {
    let scene = Scene::new().await;
    let world = &scene.world;
    let cx = world.owner(&scene.sold);
    let plan = world.plan(&cx, "Wide", super::unlimited(), true).await;
    let beside = world.child(&cx, TenantKind::Reseller, "Beside", Some(plan)).await;
    let seen = world.audit(scene.sold.id).await.len();
    let merging = how(&scene.below, &beside, 1);
    world
        .service
        .merge_tenant(&world.root(), scene.below.id, merging)
        .await
        .unwrap();
    let said = told(world, &scene.sold, seen).await;
    assert_eq!(
        said,
        [("tenant.merged".to_owned(), scene.below.id.to_string(), true, true)]
    );
}
