use jiff::SignedDuration;
use mpanel_client_agent::{Agent, Failure};
use mpanel_jobs::Reconciler;
use mpanel_kernel::paging::PageRequest;

use super::store::{published, used};
use super::support::{World, charged};
use crate::domain::{Condition, ReleaseState, Site, Truth};
use crate::reconcile::Converge;
use crate::{Sites, store};

/// The first site as its row says, with what lists show of it.
async fn listed(world: &World) -> Site {
    let cx = world.owner();
    let page = world.sites.list_sites(&cx, PageRequest::default()).await.unwrap();
    let mut tx = world.sites.spine.db().tenant(cx.tenant()).await.unwrap();
    let site = store::sites::get(&mut tx, page.items[0].id).await.unwrap().unwrap();
    assert_eq!(
        (page.items[0].ready, &page.items[0].summary),
        (site.ready, &site.summary)
    );
    let conditions: Vec<Condition> = serde_json::from_str(&site.conditions).unwrap();
    let blocked_by: Vec<String> = serde_json::from_str(&page.items[0].blocked_by).unwrap();
    let wrong = conditions.iter().filter(|c| c.status == Truth::False);
    assert_eq!(blocked_by, wrong.map(|c| c.kind.to_owned()).collect::<Vec<_>>());
    site
}

fn truth(site: &Site, kind: &str) -> (Truth, String) {
    let conditions: Vec<Condition> = serde_json::from_str(&site.conditions).unwrap();
    let found = conditions.into_iter().find(|c| c.kind == kind).unwrap();
    (found.status, found.reason)
}

#[tokio::test]
async fn lists_show_what_the_last_pass_has_seen() {
    let world = World::new().await;
    let _server = world.serve();
    let site = world.site("Shop", Some("example.com")).await.id;
    let converge = Converge::new(world.sites.clone());
    converge.pass().await.unwrap();
    let seen = listed(&world).await;
    assert_eq!(seen.observed_generation, seen.generation);
    assert_eq!(truth(&seen, "release"), (Truth::False, "none".into()));
    assert_eq!(truth(&seen, "certificate"), (Truth::Unknown, "pending".into()));
    assert_eq!(truth(&seen, "dns"), (Truth::True, "managed".into()));

    world.deployed(site, &[("index.html", "hello")]).await;
    for valid in world.certificates.0.lock().unwrap().values_mut() {
        *valid = true;
    }
    world.clock.advance(SignedDuration::from_secs(3));
    converge.pass().await.unwrap();
    let seen = listed(&world).await;
    assert_eq!(truth(&seen, "release"), (Truth::True, "active".into()));
    assert_eq!(truth(&seen, "certificate"), (Truth::True, "valid".into()));
    // Nobody serves anything in this test.
    assert_eq!(truth(&seen, "edge").0, Truth::Unknown);
    assert!(!seen.ready);
    assert_eq!(seen.disk_bytes, charged(1));
}

#[tokio::test]
async fn another_configuration_is_published_once() {
    let mut world = World::new().await;
    let site = world.site("Shop", Some("example.com")).await;
    let name = "old.example.com".parse().unwrap();
    let redirect = crate::service::AddDomain {
        name,
        kind: crate::domain::DomainKind::Redirect,
        target: None,
        status: Some(308),
    };
    world.sites.add_domain(&world.owner(), site.id, redirect).await.unwrap();
    let mut settings = (*world.sites.settings).clone();
    settings.https_port = 443;
    let (spine, clock, ports) = (
        world.sites.spine.clone(),
        world.sites.clock.clone(),
        world.sites.ports.clone(),
    );
    world.sites = Sites::new(spine, clock, ports, settings);
    let converge = Converge::new(world.sites.clone());
    assert_eq!(converge.pass().await.unwrap().changed, 1);
    let (generation, target) = published(&world.db, "old.example.com").await.unwrap();
    assert_eq!(target.unwrap()["to"], "https://example.com");
    world.clock.advance(SignedDuration::from_hours(7));
    assert_eq!(converge.pass().await.unwrap().changed, 0);
    assert_eq!(published(&world.db, "old.example.com").await.unwrap().0, generation);
}

#[tokio::test]
async fn what_is_buried_goes_unless_an_operation_is_about_to_see_to_it() {
    let world = World::new().await;
    let server = world.serve();
    let site = world.site("Shop", None).await.id;
    let first = world.deployed(site, &[("index.html", "1")]).await;
    let second = world.deployed(site, &[("index.html", "2")]).await;
    world.deployed(site, &[("index.html", "3")]).await;
    drop(server);
    let converge = Converge::new(world.sites.clone());
    // As an agent that was away has left it.
    let mut tx = world.db.tenant(world.tenant).await.unwrap();
    store::releases::set_state(&mut tx, site, first, ReleaseState::Deleting)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert_eq!(converge.pass().await.unwrap().deleted, 1);
    assert!(world.agent.files(site, first).is_none());
    assert_eq!(used(&world.db, world.tenant).await[2], 2 * charged(1));

    world.sites.delete_release(&world.owner(), site, second).await.unwrap();
    world.clock.advance(SignedDuration::from_hours(7));
    assert_eq!(converge.pass().await.unwrap().deleted, 0);
    assert!(world.agent.files(site, second).is_some());
}

#[tokio::test]
async fn files_that_are_missing_are_said_to_be_and_an_agent_that_is_away_is_no_disaster() {
    let world = World::new().await;
    let _server = world.serve();
    let site = world.site("Shop", None).await.id;
    let release = world.deployed(site, &[("index.html", "1")]).await;
    let converge = Converge::new(world.sites.clone());
    world.agent.fail_next(Failure::Overloaded {});
    converge.pass().await.unwrap();
    assert_eq!(truth(&listed(&world).await, "release"), (Truth::True, "active".into()));
    let uid = world.get(site).await.uid().unwrap();
    world.agent.delete_release(site, release, uid).await.unwrap();
    world.clock.advance(SignedDuration::from_hours(7));
    converge.pass().await.unwrap();
    let seen = listed(&world).await;
    assert_eq!(truth(&seen, "release"), (Truth::False, "missing".into()));
    assert_eq!(
        world.get(site).await.active_release,
        Some(release),
        "nothing is deleted for being absent"
    );
}

#[tokio::test]
async fn a_release_whose_files_are_away_stays_what_it_is() {
    let world = World::new().await;
    let _server = world.serve();
    let site = world.site("Shop", None).await.id;
    let away = world.deployed(site, &[("index.html", "1")]).await;
    let last = world.deployed(site, &[("index.html", "2")]).await;
    let uid = world.get(site).await.uid().unwrap();
    let converge = Converge::new(world.sites.clone());
    // One release alone, then the whole folder, as where the disk of the sites is not mounted.
    for whole in [false, true] {
        match whole {
            false => world.agent.delete_release(site, away, uid).await.unwrap(),
            true => world.agent.delete_site(site, uid).await.unwrap(),
        }
        world.clock.advance(SignedDuration::from_hours(7));
        assert_eq!(converge.pass().await.unwrap().deleted, 0);
        let found = world.release(site, away).await;
        assert_eq!((found.state, found.reserved), (ReleaseState::Ready, charged(1)));
        assert_eq!(world.release(site, last).await.state, ReleaseState::Active);
        assert_eq!(used(&world.db, world.tenant).await[2], 2 * charged(1));
    }
}
