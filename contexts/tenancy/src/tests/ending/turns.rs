//! Those that cannot go, and those that wait for their turn.

use std::time::Duration;

use mpanel_jobs::Reconciler as _;
use mpanel_kernel::ids::{TenantId, Uuid};
use mpanel_pg::{Reason, Tx as _};

use super::Scene;
use crate::domain::TenantState;
use crate::store::going;

const LEFT: &str = "select count(*) from tenancy.tenants where state <> 'terminated'";

#[tokio::test]
async fn one_that_does_not_go_keeps_its_own_tree_and_nobody_else_until_it_is_tried_again() {
    let scene = Scene::new().await;
    let (world, customer) = (&scene.world, scene.customer.id);
    scene.slow.broken.lock().unwrap().insert(customer);
    scene.end(&scene.reseller, 2).await;
    scene.end(&scene.sibling, 0).await;
    scene.days_pass(31);
    for _ in 0..4 {
        scene.ending().pass().await.unwrap();
    }
    assert_eq!(scene.slow.order(), [scene.sibling.id]);
    assert_eq!(scene.state(&scene.below).await, Some(TenantState::Terminating));
    let again = scene.ending().pass().await.unwrap().again;
    assert_eq!(again, Some(Duration::from_secs(10)), "nothing else is left to do");
    assert!(
        scene.ending().stuck(None, 10).await.unwrap().is_empty(),
        "once is no sign"
    );

    world.clock.advance(jiff::SignedDuration::from_secs(10));
    let again = scene.ending().pass().await.unwrap().again;
    assert_eq!(again, Some(Duration::from_secs(2)));
    let stuck = scene.ending().stuck(None, 10).await.unwrap();
    let shown = [(customer, customer.to_string(), 2)];
    assert_eq!(
        stuck
            .iter()
            .map(|one| (one.tenant, one.subject.clone(), one.failures))
            .collect::<Vec<_>>(),
        shown
    );
    assert!(stuck[0].problem.contains("slow cannot remove"), "{}", stuck[0].problem);
    assert!(!stuck[0].problem.contains("it does not go"), "{}", stuck[0].problem);
    assert_eq!(stuck[0].name, "Customer");
    assert!(scene.ending().stuck(Some(scene.below.id), 10).await.unwrap().is_empty());

    scene.slow.broken.lock().unwrap().clear();
    scene.settle().await;
    assert_eq!(world.count(LEFT).await, 4, "its turn has not come");
    assert!(
        !scene
            .ending()
            .try_now(scene.below.id, &scene.below.id.to_string())
            .await
            .unwrap()
    );
    assert!(scene.ending().try_now(customer, &customer.to_string()).await.unwrap());
    scene.settle().await;
    assert_eq!(world.count(LEFT).await, 1);
    assert!(scene.ending().stuck(None, 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_whole_batch_that_cannot_go_lets_the_others_have_their_turn() {
    let scene = Scene::new().await;
    let world = &scene.world;
    // As many as one pass sees to, all before whoever else there is.
    let low: Vec<Uuid> = (1..=60).map(Uuid::from_u128).collect();
    let mut tx = world.db().platform(Reason::Administer("test")).await.unwrap();
    sqlx::query(
        "insert into tenancy.tenants (tenant_id, parent_id, kind, name, slug, created_at, state, erasing, ends_at)
         select id, $2, 'customer', 'Low', 'low', now(), 'terminating', true, '2000-01-01' from unnest($1) id",
    )
    .bind(&low)
    .bind(world.tenancy.platform().uuid())
    .execute(tx.conn())
    .await
    .unwrap();
    tx.commit().await.unwrap();
    scene
        .slow
        .broken
        .lock()
        .unwrap()
        .extend(low.into_iter().map(TenantId::from_uuid));
    scene.end(&scene.sibling, 0).await;
    scene.days_pass(31);
    for _ in 0..4 {
        scene.ending().pass().await.unwrap();
    }
    assert_eq!(scene.slow.order(), [scene.sibling.id]);
    assert_eq!(scene.state(&scene.sibling).await, None, "it is gone");
}

#[tokio::test]
async fn one_whose_removal_cannot_begin_keeps_nobody_else_waiting() {
    let scene = Scene::new().await;
    let (world, sibling) = (&scene.world, scene.sibling.id);
    scene.end(&scene.sibling, 0).await;
    world.clock.advance(jiff::SignedDuration::from_hours(1));
    scene.end(&scene.reseller, 2).await;
    scene.days_pass(31);
    let mut held = world.db().platform(Reason::Administer("test")).await.unwrap();
    going::looked_at(&mut held, sibling, world.now()).await.unwrap();
    let ending = scene.ending();
    for _ in 0..10 {
        ending.pass().await.unwrap();
    }
    let others = [scene.customer.id, scene.below.id, scene.reseller.id];
    assert_eq!(scene.slow.order(), others);
    let again = ending.pass().await.unwrap().again;
    assert_eq!(again, Some(Duration::from_secs(10)), "it is not tried again before");
    drop(held);
    ending.pass().await.unwrap();
    assert_eq!(scene.slow.order(), others, "its turn has not come");

    world.clock.advance(jiff::SignedDuration::from_secs(10));
    for _ in 0..4 {
        ending.pass().await.unwrap();
    }
    assert_eq!(scene.state(&scene.sibling).await, None, "it is gone");
}
