//! The reconciler among many sites: who fails waits longer and keeps nobody waiting, and a start is no storm.

use std::time::Duration;

use jiff::SignedDuration;
use mpanel_client_agent::Failure;
use mpanel_client_agent::protocol::Request;
use mpanel_jobs::Reconciler;
use mpanel_kernel::clock::Clock;
use mpanel_kernel::ids::{SiteId, TenantId};

use super::store::{break_site, due, mend_site};
use super::support::World;
use crate::domain::{ReleaseState, Truth};
use crate::reconcile::Converge;
use crate::store;

async fn sites(world: &World, count: usize) -> Vec<SiteId> {
    let mut ids = Vec::new();
    for n in 0..count {
        ids.push(world.site(&format!("Site {n}"), None).await.id);
    }
    ids
}

async fn pause(world: &World, site: SiteId) -> (i32, SignedDuration) {
    let (failures, at) = due(&world.db, site).await;
    (failures, at.duration_since(world.clock.now()))
}

#[tokio::test]
async fn a_site_that_fails_waits_longer_each_time_and_the_others_do_not() {
    let world = World::new().await;
    let ids = sites(&world, 3).await;
    break_site(&world.db, ids[0]).await;
    let converge = Converge::new(world.sites.clone());
    let mut last = SignedDuration::ZERO;
    for failed in 1..=12 {
        let report = converge.pass().await.unwrap();
        assert!(
            report.again.is_some_and(|again| !again.is_zero()),
            "it goes on at once for ever"
        );
        let (failures, wait) = pause(&world, ids[0]).await;
        assert_eq!(failures, failed);
        assert!(
            wait >= last * 2 || wait == SignedDuration::from_mins(30),
            "{last} {wait}"
        );
        for well in &ids[1..] {
            let (failures, wait) = pause(&world, *well).await;
            assert_eq!(failures, 0);
            assert!(wait.is_positive());
        }
        last = wait;
        world.clock.advance(wait);
    }
    assert_eq!(last, SignedDuration::from_mins(30));
}

#[tokio::test]
async fn more_broken_sites_than_a_pass_takes_do_not_starve_one_that_is_well() {
    let world = World::new().await;
    for broken in sites(&world, 102).await {
        break_site(&world.db, broken).await;
    }
    // They have been due for longer.
    world.clock.advance(SignedDuration::from_secs(5));
    let well = world.site("Well", None).await.id;
    world.clock.advance(SignedDuration::from_secs(1));
    let converge = Converge::new(world.sites.clone());
    converge.pass().await.unwrap();
    assert_eq!(world.get(well).await.observed_generation, 0);
    converge.pass().await.unwrap();
    let seen = world.get(well).await;
    assert_eq!(seen.observed_generation, seen.generation);
}

#[tokio::test]
async fn what_was_wrong_and_is_well_again_is_forgotten() {
    let world = World::new().await;
    let site = world.site("Shop", None).await.id;
    let converge = Converge::new(world.sites.clone());
    world.agent.fail_next(Failure::Overloaded {});
    converge.pass().await.unwrap();
    assert_eq!(pause(&world, site).await, (1, SignedDuration::from_secs(10)));
    world.clock.advance(SignedDuration::from_secs(10));
    converge.pass().await.unwrap();
    assert_eq!(pause(&world, site).await.0, 0);
}

#[tokio::test]
async fn a_start_looks_at_all_sites_some_at_a_time_and_not_at_files_that_were_just_seen() {
    let world = World::new().await;
    let ids = sites(&world, 45).await;
    let well = world.clock.now() + SignedDuration::from_hours(6);
    let first = Converge::new(world.sites.clone());
    while first.pass().await.unwrap().again == Some(Duration::ZERO) {}
    let looks = || {
        let calls = world.agent.calls();
        calls.iter().filter(|call| !matches!(call, Request::Version {})).count()
    };
    let before = looks();
    assert!(before >= 45);
    for id in &ids {
        let mut tx = world.db.tenant(world.tenant).await.unwrap();
        store::due::postpone(&mut tx, *id, 0, well).await.unwrap();
        tx.commit().await.unwrap();
    }
    world.clock.advance(SignedDuration::from_hours(1));

    // Looking at one makes it due anew; the others' rows are not touched.
    let started = Converge::new(world.sites.clone());
    let mut seen = Vec::new();
    for _ in 0..4 {
        let report = started.pass().await.unwrap();
        let mut count = 0;
        for id in &ids {
            count += usize::from(due(&world.db, *id).await.1 != well);
        }
        seen.push((count, report.again.is_some_and(|again| again <= Duration::from_secs(1))));
        world.clock.advance(SignedDuration::from_secs(1));
    }
    assert_eq!(seen, [(20, true), (40, true), (45, true), (45, false)]);
    assert_eq!(looks(), before, "files were seen an hour ago");
    world.clock.advance(SignedDuration::from_hours(6));
    started.pass().await.unwrap();
    assert!(looks() > before);
}

#[tokio::test]
async fn a_release_to_remove_is_a_reason_to_look_at_files_that_were_just_seen() {
    let world = World::new().await;
    let server = world.serve();
    let site = world.site("Shop", None).await.id;
    let first = world.deployed(site, &[("index.html", "1")]).await;
    world.deployed(site, &[("index.html", "2")]).await;
    drop(server);
    let converge = Converge::new(world.sites.clone());
    converge.pass().await.unwrap();
    let mut tx = world.db.tenant(world.tenant).await.unwrap();
    store::releases::set_state(&mut tx, site, first, ReleaseState::Deleting)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    world.sites.look_soon(world.tenant, site).await.unwrap();
    assert_eq!(converge.pass().await.unwrap().deleted, 1);
    assert!(world.agent.files(site, first).is_none());
}

#[tokio::test]
async fn files_that_were_found_missing_stay_so_until_somebody_looks_again() {
    use mpanel_client_agent::Agent;
    let world = World::new().await;
    let _server = world.serve();
    let site = world.site("Shop", None).await.id;
    let release = world.deployed(site, &[("index.html", "1")]).await;
    let converge = Converge::new(world.sites.clone());
    let uid = world.get(site).await.uid().unwrap();
    world.agent.delete_release(site, release, uid).await.unwrap();
    converge.pass().await.unwrap();
    let missing = |site: &crate::domain::Site| {
        let conditions: Vec<crate::domain::Condition> = serde_json::from_str(&site.conditions).unwrap();
        conditions[0].reason == "missing" && conditions[0].status == Truth::False
    };
    // Who shows the site does not look, and neither does a pass soon after.
    assert!(missing(&world.get(site).await));
    world.clock.advance(SignedDuration::from_mins(10));
    converge.pass().await.unwrap();
    assert!(missing(&world.get(site).await));
    world.deployed(site, &[("index.html", "2")]).await;
    assert!(!missing(&world.get(site).await));
}

#[tokio::test]
async fn a_site_that_fails_again_and_again_is_listed_until_it_is_well_and_can_be_tried_at_once() {
    let world = World::new().await;
    let ids = sites(&world, 2).await;
    break_site(&world.db, ids[0]).await;
    let converge = Converge::new(world.sites.clone());
    let listed = async |of| converge.stuck(of, 10).await.unwrap();
    converge.pass().await.unwrap();
    assert_eq!(listed(None).await, [], "what failed once may be well the next time");
    let since = world.clock.now();
    world.clock.advance(SignedDuration::from_secs(10));
    converge.pass().await.unwrap();

    let stuck = listed(Some(world.tenant)).await.remove(0);
    assert_eq!((stuck.subject, stuck.name.as_str()), (ids[0].to_string(), "Site 0"));
    assert_eq!((stuck.failures, stuck.since), (2, since));
    assert!(stuck.next_at > world.clock.now());
    assert!(
        !stuck.problem.is_empty() && !stuck.problem.contains("invalid type"),
        "{}",
        stuck.problem
    );
    assert_eq!(listed(Some(TenantId::generate())).await, []);

    let id = ids[0].to_string();
    assert!(converge.try_now(world.tenant, &id).await.unwrap());
    assert!(
        !converge.try_now(TenantId::generate(), &id).await.unwrap(),
        "of somebody else"
    );
    assert!(
        !converge.try_now(world.tenant, &ids[1].to_string()).await.unwrap(),
        "it is well"
    );
    assert!(!converge.try_now(world.tenant, "example.com").await.unwrap());
    mend_site(&world.db, ids[0]).await;
    converge.pass().await.unwrap();
    assert_eq!(listed(None).await, []);
}
