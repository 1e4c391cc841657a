//! An edge that cannot serve some host: what fails by it, and what does not.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use mpanel_events::{FeedServer, NodeDirectory, Refused};
use mpanel_feed::frame::{Hello, Item, Role};
use mpanel_feed::topics::EDGE_HOST;
use mpanel_feed::{Refusal, Subscription, Update, follow};
use mpanel_jobs::OperationState;
use mpanel_kernel::ids::SiteId;
use mpanel_telemetry::spawn_named;
use serde_json::Value;
use tokio::net::UnixListener;

use super::support::{Server, World, archive};
use crate::domain::{Condition, DomainKind, ReleaseState, Truth};
use crate::service::{AddDomain, SettingsPatch, SitePatch};

struct OneNode;

#[async_trait]
impl NodeDirectory for OneNode {
    async fn hello(&self, _: &Hello, _: u32) -> Result<String, Refused> {
        Ok("node_1".into())
    }
}

/// Runs the feed and an edge that refuses what `refuses` says, until what it returns is dropped.
async fn edge(world: &World, refuses: impl Fn(&str, &Value) -> bool + Send + Sync + 'static) -> Vec<Server> {
    let ports = &world.sites.ports;
    let socket = world.folder.path().join("feed.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    let server = FeedServer {
        db: world.db.clone(),
        tail: ports.tail.clone(),
        board: ports.board.clone(),
        nodes: Arc::new(OneNode),
        usage: None,
        clock: world.clock.clone(),
    };
    let subscription = Subscription {
        socket,
        snapshot: world.folder.path().join("edge.json"),
        role: Role::Edge,
        process: "edge".into(),
        version: "0".into(),
        topics: vec![EDGE_HOST.into()],
        public_key: None,
    };
    let refusal = move |item: &Item| {
        let value = item.value.as_ref()?;
        refuses(&item.key, &value["target"]).then(|| Refusal {
            topic: item.topic.clone(),
            key: item.key.clone(),
            generation: item.generation,
            reason: "it cannot be".to_owned(),
        })
    };
    let apply = move |update: Update<'_>| match update {
        Update::Reset { items, .. } => items.iter().filter_map(&refusal).collect(),
        Update::Item { item, .. } => refusal(item).into_iter().collect(),
    };
    let (db, tail) = (world.db.clone(), ports.tail.clone());
    let tasks = [
        spawn_named("leader", mpanel_events::run_leader(world.db.clone())),
        spawn_named("tail", async move { tail.run(db).await }),
        spawn_named("feed", server.run(listener, |task| drop(spawn_named("session", task)))),
        spawn_named("edge", async move {
            follow(subscription, apply).await;
        }),
    ];
    let connected = async {
        while ports.board.consumers().is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), connected).await.unwrap();
    tasks.into_iter().map(Server).collect()
}

/// A world that waits for its edge.
async fn patient() -> World {
    let mut world = World::new().await;
    world.sites = world.again(|settings| settings.served_within = Duration::from_secs(30));
    world
}

async fn add(world: &World, site: SiteId, name: &str, kind: DomainKind) {
    let new = AddDomain {
        name: name.parse().unwrap(),
        kind,
        target: None,
        status: None,
    };
    world.sites.add_domain(&world.owner(), site, new).await.unwrap();
}

/// The edge's condition, once it has heard of the site's newest state.
async fn condition(world: &World, site: SiteId) -> Condition {
    let seen = async {
        loop {
            let conditions: Vec<Condition> = serde_json::from_str(&world.get(site).await.conditions).unwrap();
            let edge = conditions.into_iter().find(|c| c.kind == "edge").unwrap();
            if edge.status != Truth::Unknown {
                return edge;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), seen).await.unwrap()
}

fn shows_files(target: &Value) -> bool {
    target["kind"] == "site"
}

#[tokio::test]
async fn a_release_that_the_edge_refuses_fails_its_deployment() {
    let world = patient().await;
    let _edge = edge(&world, |_, target| shows_files(target)).await;
    let _server = world.serve();
    let site = world.site("Shop", None).await.id;
    let (operation, release) = world.begin(site, &archive(&[("index.html", "1")]), true).await;
    let failure = world.ended(operation).await.error.unwrap();
    assert_eq!(failure.code, "sites.edge.refused");
    assert!(failure.message.contains("it cannot be"), "{}", failure.message);
    assert_eq!(world.release(site, release).await.state, ReleaseState::Failed);
    assert_eq!(world.get(site).await.active_release, None);
}

#[tokio::test]
async fn a_redirect_that_the_edge_refuses_fails_no_deployment_and_is_told() {
    let world = patient().await;
    let _edge = edge(&world, |_, target| target["kind"] == "redirect").await;
    let _server = world.serve();
    let site = world.site("Shop", Some("example.com")).await.id;
    add(&world, site, "old.example.com", DomainKind::Redirect).await;
    for text in ["1", "2"] {
        let (operation, release) = world.begin(site, &archive(&[("index.html", text)]), true).await;
        let ended = world.ended(operation).await;
        assert_eq!(ended.state, OperationState::Succeeded, "{:?}", ended.error);
        assert_eq!(world.release(site, release).await.state, ReleaseState::Active);
        let step = ended.steps.into_iter().find(|step| step.key == "served").unwrap();
        let warning = step.warning.unwrap();
        assert!(
            warning.contains("old.example.com") && warning.contains("it cannot be"),
            "{warning}"
        );
    }
    let edge = condition(&world, site).await;
    assert_eq!((edge.status, edge.reason.as_str()), (Truth::False, "refused"));
    assert!(edge.message.contains("old.example.com"), "{}", edge.message);
}

#[tokio::test]
async fn a_host_that_was_refused_before_fails_no_deployment_and_is_told() {
    let world = patient().await;
    let _edge = edge(&world, |host, _| host == "bad.example.com").await;
    let _server = world.serve();
    let site = world.site("Shop", Some("example.com")).await.id;
    add(&world, site, "bad.example.com", DomainKind::Alias).await;
    assert_eq!(condition(&world, site).await.reason, "refused");
    let first = world.deployed(site, &[("index.html", "1")]).await;
    let (operation, second) = world.begin(site, &archive(&[("index.html", "2")]), true).await;
    let ended = world.ended(operation).await;
    assert_eq!(ended.state, OperationState::Succeeded, "{:?}", ended.error);
    let warned = |step: &mpanel_jobs::StepStatus| step.warning.as_ref().is_some_and(|w| w.contains("bad.example.com"));
    assert!(ended.steps.iter().any(warned), "{:?}", ended.steps);
    assert_eq!(world.get(site).await.active_release, Some(second));
    // So does going back.
    let operation = world.sites.activate_release(&world.owner(), site, first).await.unwrap();
    assert_eq!(world.ended(operation).await.state, OperationState::Succeeded);
    assert_eq!(world.get(site).await.active_release, Some(first));
}

/// Has a site keep its active release only, which publishes all its hosts anew.
async fn keep_one(world: &World, site: SiteId) {
    let patch = SitePatch {
        settings: SettingsPatch {
            keep_releases: Some(1),
            spa_fallback: Some(true),
            ..SettingsPatch::default()
        },
        ..SitePatch::default()
    };
    world.sites.update_site(&world.owner(), site, patch).await.unwrap();
}

#[tokio::test]
async fn a_release_that_no_host_shows_fails_also_when_all_were_refused_before() {
    let world = patient().await;
    let broken = Arc::new(AtomicBool::new(false));
    let now = broken.clone();
    let _edge = edge(&world, move |_, target| {
        now.load(Ordering::SeqCst) && shows_files(target)
    })
    .await;
    let _server = world.serve();
    let site = world.site("Shop", Some("example.com")).await.id;
    add(&world, site, "www.example.com", DomainKind::Alias).await;
    add(&world, site, "old.example.com", DomainKind::Redirect).await;
    let first = world.deployed(site, &[("index.html", "1")]).await;
    broken.store(true, Ordering::SeqCst);
    keep_one(&world, site).await;
    let refused = async {
        while world.sites.refused(world.tenant, site).await.unwrap().len() < 3 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), refused).await.unwrap();
    for text in ["2", "3"] {
        let (operation, release) = world.begin(site, &archive(&[("index.html", text)]), true).await;
        let failure = world.ended(operation).await.error.unwrap();
        assert_eq!(failure.code, "sites.edge.refused");
        assert_eq!(world.release(site, release).await.state, ReleaseState::Failed);
        assert!(world.agent.files(site, release).is_none());
        assert_eq!(world.get(site).await.active_release, Some(first));
        assert!(world.agent.files(site, first).is_some(), "visitors still get it");
    }
}

#[tokio::test]
async fn old_releases_stay_while_a_host_that_shows_one_is_refused() {
    let world = patient().await;
    let broken = Arc::new(AtomicBool::new(false));
    let now = broken.clone();
    let _edge = edge(&world, move |host, _| {
        now.load(Ordering::SeqCst) && host == "www.example.com"
    })
    .await;
    let _server = world.serve();
    let site = world.site("Shop", Some("example.com")).await.id;
    add(&world, site, "www.example.com", DomainKind::Alias).await;
    let first = world.deployed(site, &[("index.html", "1")]).await;
    broken.store(true, Ordering::SeqCst);
    keep_one(&world, site).await;
    assert_eq!(condition(&world, site).await.reason, "refused");
    let second = world.deployed(site, &[("index.html", "2")]).await;
    assert_eq!(world.get(site).await.active_release, Some(second));
    assert!(world.agent.files(site, first).is_some(), "the alias goes on with it");
    broken.store(false, Ordering::SeqCst);
    let third = world.deployed(site, &[("index.html", "3")]).await;
    assert!(world.agent.files(site, third).is_some());
    for old in [first, second] {
        assert!(world.agent.files(site, old).is_none(), "nobody shows it any more");
    }
}

#[tokio::test]
async fn what_is_served_without_a_hitch_has_no_warning() {
    let world = patient().await;
    let _edge = edge(&world, |_, _| false).await;
    let _server = world.serve();
    let site = world.site("Shop", Some("example.com")).await.id;
    let (operation, _) = world.begin(site, &archive(&[("index.html", "1")]), true).await;
    let ended = world.ended(operation).await;
    assert_eq!(ended.state, OperationState::Succeeded, "{:?}", ended.error);
    assert!(
        ended.steps.iter().all(|step| step.warning.is_none()),
        "{:?}",
        ended.steps
    );
}
