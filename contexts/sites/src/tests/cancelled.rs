//! Removals that somebody cancels: in time everything is as it was, later it is refused.

use std::sync::Arc;

use mpanel_client_agent::Failure;
use mpanel_jobs::{Operation, OperationFilter, OperationState, Outcome, Reconciler, StepCx, StepState};
use mpanel_kernel::error::{Kind, PublicError};
use mpanel_kernel::ids::OperationId;
use mpanel_kernel::paging::PageRequest;
use serde_json::json;

use super::store::{audited, claims, published, used};
use super::support::{World, archive};
use crate::domain::{ReleaseState, SiteState};
use crate::ops::{DELETE_SITE, DeleteSite, DeleteSiteInput};
use crate::reconcile::Converge;

async fn cancel(world: &World, operation: OperationId) -> Result<(), mpanel_jobs::Error> {
    let mut tx = world.db.tenant(world.tenant).await.unwrap();
    mpanel_jobs::request_cancel(&mut tx, operation).await?;
    tx.commit().await.unwrap();
    Ok(())
}

/// Waits until a step has met an error and is to be tried again.
async fn waits(world: &World, operation: OperationId, step: &str) {
    let asking = async {
        loop {
            let mut tx = world.db.tenant(world.tenant).await.unwrap();
            let status = mpanel_jobs::get(&mut tx, operation).await.unwrap();
            assert!(!status.state.is_final(), "{status:?}");
            if status
                .steps
                .iter()
                .any(|s| s.key == step && s.state == StepState::Pending && s.error.is_some())
            {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    let limit = std::time::Duration::from_secs(30);
    tokio::time::timeout(limit, asking)
        .await
        .expect("the step fails within half a minute");
}

#[tokio::test]
async fn a_site_whose_removal_is_cancelled_in_time_is_as_it_was() {
    let world = World::new().await;
    let server = world.serve();
    let site = world.site("Shop", Some("example.com")).await.id;
    let release = world.deployed(site, &[("index.html", "hello")]).await;
    drop(server);
    let before = used(&world.db, world.tenant).await;
    let operation = world.sites.delete_site(&world.owner(), site).await.unwrap();
    cancel(&world, operation).await.unwrap();
    let _server = world.serve();
    assert_eq!(world.ended(operation).await.state, OperationState::Cancelled);

    let kept = world.get(site).await;
    assert_eq!((kept.state, kept.active_release), (SiteState::Active, Some(release)));
    assert_ne!(kept.summary, "is being deleted");
    assert_eq!(used(&world.db, world.tenant).await, before);
    assert!(
        audited(&world.db, world.tenant)
            .await
            .contains(&"sites.site.kept".to_owned())
    );
    // It takes changes again, and can be removed after all.
    world.deployed(site, &[("index.html", "again")]).await;
    let operation = world.sites.delete_site(&world.owner(), site).await.unwrap();
    assert_eq!(world.ended(operation).await.state, OperationState::Succeeded);
}

#[tokio::test]
async fn a_site_that_was_withdrawn_already_is_published_again() {
    let world = World::new().await;
    let site = world.site("Shop", Some("example.com")).await.id;
    world.sites.delete_site(&world.owner(), site).await.unwrap();
    let delete: Arc<dyn Operation> = Arc::new(DeleteSite(world.sites.clone()));
    let (spine, clock) = (world.sites.spine.clone(), world.sites.clock.clone());
    let input = json!(DeleteSiteInput { site });
    let cx = StepCx::detached(spine, clock, world.tenant, &DELETE_SITE, site, input);
    delete.run("withdraw", &cx).await.unwrap();
    assert_eq!(published(&world.db, "example.com").await.unwrap().1, None);
    for _ in 0..2 {
        delete.undo("withdraw", &cx).await.unwrap();
        delete.finished(&cx, &Outcome::Cancelled).await.unwrap();
    }
    for host in ["example.com", "shop.preview.test"] {
        let (generation, target) = published(&world.db, host).await.unwrap();
        assert_eq!(generation, world.get(site).await.generation);
        assert_eq!(target.unwrap()["kind"], "placeholder");
    }
    assert_eq!(
        claims(&world.db, world.tenant).await,
        ["example.com", "shop.preview.test"]
    );
}

#[tokio::test]
async fn a_site_that_has_begun_to_lose_things_cannot_be_kept() {
    let world = World::new().await;
    let _server = world.serve();
    let site = world.site("Shop", Some("example.com")).await.id;
    world.deployed(site, &[("index.html", "hello")]).await;
    // The step that removes the files waits for another attempt.
    world.agent.fail_next(Failure::Busy {});
    let operation = world.sites.delete_site(&world.owner(), site).await.unwrap();
    waits(&world, operation, "files").await;
    let late = cancel(&world, operation).await.unwrap_err();
    assert_eq!(
        (late.kind(), late.code()),
        (Kind::Conflict, "jobs.operation.irrevocable")
    );
    let ended = world.ended(operation).await;
    assert_eq!(
        (ended.state, ended.cancel_requested),
        (OperationState::Succeeded, false)
    );
}

#[tokio::test]
async fn a_removal_that_begins_anew_after_losses_cannot_be_cancelled_either() {
    let mut world = World::new().await;
    let site = world.site("Shop", Some("example.com")).await.id;
    let first = world.sites.delete_site(&world.owner(), site).await.unwrap();
    // As somebody leaves it who fails after the names are gone.
    let delete: Arc<dyn Operation> = Arc::new(DeleteSite(world.sites.clone()));
    let (spine, clock) = (world.sites.spine.clone(), world.sites.clock.clone());
    let input = json!(DeleteSiteInput { site });
    let cx = StepCx::detached(spine, clock, world.tenant, &DELETE_SITE, site, input);
    delete.run("withdraw", &cx).await.unwrap();
    delete.run("names", &cx).await.unwrap();
    // One that is cancelled before its first step does not bring half a site back.
    cancel(&world, first).await.unwrap();
    let server = world.serve();
    assert_eq!(world.ended(first).await.state, OperationState::Cancelled);
    drop(server);
    assert_eq!(world.get(site).await.state, SiteState::Deleting);
    assert_eq!(published(&world.db, "example.com").await.unwrap().1, None);

    // Nobody serves anything here, so that the second step waits.
    world.sites = world.again(|settings| settings.served_within = std::time::Duration::from_secs(60));
    Converge::new(world.sites.clone()).pass().await.unwrap();
    let mut tx = world.db.tenant(world.tenant).await.unwrap();
    let filter = OperationFilter {
        unfinished: Some(true),
        ..OperationFilter::default()
    };
    let begun = mpanel_jobs::list(&mut tx, &filter, PageRequest::default())
        .await
        .unwrap();
    drop(tx);
    let again = begun.items[0].id;
    let _server = world.serve();
    let withdrawn = async {
        loop {
            let mut tx = world.db.tenant(world.tenant).await.unwrap();
            let status = mpanel_jobs::get(&mut tx, again).await.unwrap();
            if status.steps[0].state == StepState::Done {
                return;
            }
            drop(tx);
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    let limit = std::time::Duration::from_secs(30);
    tokio::time::timeout(limit, withdrawn)
        .await
        .expect("the first step ends within half a minute");
    let late = cancel(&world, again).await.unwrap_err();
    assert_eq!(late.code(), "jobs.operation.irrevocable");
}

#[tokio::test]
async fn a_release_whose_removal_is_cancelled_in_time_is_as_it_was() {
    let world = World::new().await;
    let server = world.serve();
    let site = world.site("Shop", None).await.id;
    let ready = world.deployed(site, &[("index.html", "one")]).await;
    world.deployed(site, &[("index.html", "two")]).await;
    let (operation, failed) = world.begin(site, b"no archive", true).await;
    world.ended(operation).await;
    drop(server);
    for (id, state) in [(ready, ReleaseState::Ready), (failed, ReleaseState::Failed)] {
        let operation = world.sites.delete_release(&world.owner(), site, id).await.unwrap();
        cancel(&world, operation).await.unwrap();
        let _server = world.serve();
        assert_eq!(world.ended(operation).await.state, OperationState::Cancelled);
        assert_eq!(world.release(site, id).await.state, state);
    }
    assert!(world.agent.files(site, ready).is_some());
    let _server = world.serve();
    let operation = world.sites.activate_release(&world.owner(), site, ready).await.unwrap();
    assert_eq!(world.ended(operation).await.state, OperationState::Succeeded);
}

#[tokio::test]
async fn a_release_that_has_begun_to_go_cannot_be_kept() {
    let world = World::new().await;
    let _server = world.serve();
    let site = world.site("Shop", None).await.id;
    let first = world.deployed(site, &[("index.html", "one")]).await;
    world.deployed(site, &[("index.html", "two")]).await;
    world.agent.fail_next(Failure::Busy {});
    let operation = world.sites.delete_release(&world.owner(), site, first).await.unwrap();
    waits(&world, operation, "delete").await;
    let late = cancel(&world, operation).await.unwrap_err();
    assert_eq!(late.code(), "jobs.operation.irrevocable");
    assert_eq!(world.ended(operation).await.state, OperationState::Succeeded);
    assert!(world.agent.files(site, first).is_none());
}

#[tokio::test]
async fn an_activation_that_is_cancelled_while_it_waits_goes_back() {
    let mut world = World::new().await;
    let server = world.serve();
    let site = world.site("Shop", None).await.id;
    let first = world.deployed(site, &[("index.html", "one")]).await;
    let (operation, second) = world.begin(site, &archive(&[("index.html", "two")]), false).await;
    world.ended(operation).await;
    drop(server);
    // Nobody serves anything here, so that it waits until somebody cancels.
    world.sites = world.again(|settings| settings.served_within = std::time::Duration::from_secs(60));
    let _server = world.serve();
    let operation = world
        .sites
        .activate_release(&world.owner(), site, second)
        .await
        .unwrap();
    let switched = async {
        while world.get(site).await.active_release != Some(second) {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    let limit = std::time::Duration::from_secs(30);
    tokio::time::timeout(limit, switched)
        .await
        .expect("it is activated within half a minute");
    cancel(&world, operation).await.unwrap();
    assert_eq!(world.ended(operation).await.state, OperationState::Cancelled);
    assert_eq!(world.get(site).await.active_release, Some(first));
    assert_eq!(world.release(site, second).await.state, ReleaseState::Ready);
}
