//! When what waits for an authority is seen to again, and for which edges.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use mpanel_certificates_contract::HostCertificate;
use mpanel_events::Served;
use mpanel_feed::frame::Role;
use mpanel_jobs::Reconciler as _;
use mpanel_pg::Tx as _;

use super::public::{issuer_at, pebble};
use super::support::{Edge, FakeNodes, World};
use crate::obtain::Obtain;
use crate::{Acknowledged, CertificateStore, Ports};

impl World {
    /// Kinds of the events since this one of the outbox, oldest first, and the newest one.
    async fn events_since(&self, id: i64) -> (Vec<String>, i64) {
        let mut tx = self.spine.db().spine().await.unwrap();
        let rows: Vec<(i64, String)> =
            sqlx::query_as("select id, topic from spine.outbox where kind = 'event' and id > $1 order by id")
                .bind(id)
                .fetch_all(tx.conn())
                .await
                .unwrap();
        let newest = rows.last().map_or(id, |(id, _)| *id);
        (rows.into_iter().map(|(_, topic)| topic).collect(), newest)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_authority_that_is_away_was_asked_for_is_asked_of_the_next_at_once() {
    let (world, second) = (World::new().await, pebble());
    let first = pebble();
    let mut preferred = issuer_at("first", &first);
    preferred.preference = Some(1);
    world.issuer(&preferred).await;
    world.issuer(&issuer_at("second", &second)).await;
    world.obtain().await;
    drop(first);
    world.want("shop.example.com").await;
    world.pass().await.unwrap();
    let obtain = Obtain::new(world.store.clone());
    let (_, before) = world.events_since(0).await;
    obtain.pass().await.unwrap();
    assert_eq!(second.orders(), 0);
    let (events, _) = world.events_since(before).await;
    let last = events.last().unwrap();
    assert!(obtain.wakes_on(last), "nothing follows on {events:?}");
    obtain.pass().await.unwrap();
    assert_eq!(second.orders(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_could_not_be_made_is_asked_for_again_when_the_authority_has_rested() {
    let (world, pebble) = (World::new().await, pebble());
    let new = issuer_at("pebble", &pebble);
    drop(pebble);
    world.issuer(&new).await;
    let again = world.obtain().await.again.unwrap();
    assert!(again <= Duration::from_secs(17), "{again:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn hosts_that_wait_for_room_do_not_all_come_at_once() {
    let (world, pebble) = (World::new().await, pebble());
    let issuer = world.issuer(&issuer_at("pebble", &pebble)).await;
    world.obtain().await;
    let mut tx = world.spine.db().tenant(world.platform).await.unwrap();
    sqlx::query("update certificates.issuers set orders_per_3h = 1 where id = $1")
        .bind(issuer.id.uuid())
        .execute(tx.conn())
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let hosts: Vec<String> = (0..8).map(|n| format!("h{n}.example.com")).collect();
    for host in &hosts {
        world.want(host).await;
    }
    world.pass().await.unwrap();
    world.obtain().await;
    let room = world.now() + SignedDuration::from_hours(3);
    let mut moments = BTreeSet::<Timestamp>::new();
    for host in &hosts {
        if let Some(HostCertificate::Valid { waits: Some(waits), .. }) = world.status(host).await {
            moments.insert(waits.next_at.unwrap());
        }
    }
    assert_eq!(
        moments.len(),
        7,
        "one was ordered, the others have a moment each: {moments:?}"
    );
    let last = room + SignedDuration::from_mins(10);
    assert!(moments.iter().all(|at| (room..=last).contains(at)), "{moments:?}");
}

/// Data planes of which another joins while the first is being told of a challenge.
struct Joins {
    nodes: Arc<FakeNodes>,
    edges: Mutex<Vec<Edge>>,
}

#[async_trait]
impl Acknowledged for Joins {
    async fn wait(&self, _: Role, _: &str, _: &str, _: i64) -> Result<Served, mpanel_events::Error> {
        let edges = self.edges.lock().unwrap();
        self.nodes.set(&edges.iter().collect::<Vec<_>>());
        Ok(Served::Everywhere)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edge_that_comes_while_an_authority_looks_can_open_what_it_issues() {
    let (world, pebble) = (World::new().await, pebble());
    let joins = Arc::new(Joins {
        nodes: world.nodes.clone(),
        edges: Mutex::new(vec![Edge::new(), Edge::new()]),
    });
    let ports = Ports {
        served: joins.clone(),
        ..world.store.ports.clone()
    };
    let store = CertificateStore::open(world.spine.clone(), world.clock.clone(), ports, world.platform)
        .await
        .unwrap();
    world.issuer(&issuer_at("pebble", &pebble)).await;
    world.want("shop.example.com").await;
    world.pass().await.unwrap();
    Obtain::new(store).pass().await.unwrap();
    let held = world.held().await;
    let [(id, certificate)] = &held[..] else {
        panic!("one host")
    };
    let edges = joins.edges.lock().unwrap();
    assert_eq!(certificate.sealed_key.len(), 2);
    assert!(edges.iter().all(|edge| edge.open(id, certificate).is_some()));
}
