//! How often the database is asked.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use mpanel_kernel::ids::SiteId;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

use super::answers::stand_between;
use super::support::World;
use crate::Sites;
use crate::domain::{Condition, DomainKind, Site, Truth};
use crate::service::AddDomain;

const DOMAINS: usize = 50;

/// Counts how often the client speaks after the server has.
async fn count(client: UnixStream, server: UnixStream, trips: Arc<AtomicUsize>) {
    let ((mut from_client, mut to_client), (mut from_server, mut to_server)) =
        (client.into_split(), server.into_split());
    let (mut request, mut answer) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    let mut answered = true;
    loop {
        tokio::select! {
            read = from_client.read(&mut request) => {
                let Ok(len @ 1..) = read else { return };
                if std::mem::take(&mut answered) {
                    trips.fetch_add(1, Ordering::SeqCst);
                }
                to_server.write_all(&request[..len]).await.unwrap();
            }
            read = from_server.read(&mut answer) => {
                let Ok(len @ 1..) = read else { return };
                answered = true;
                to_client.write_all(&answer[..len]).await.unwrap();
            }
        }
    }
}

/// The fewest round trips in which a site is shown: the first times, statements are prepared.
async fn fewest(world: &World, sites: &Sites, trips: &AtomicUsize, site: SiteId) -> usize {
    let mut fewest = usize::MAX;
    for _ in 0..10 {
        let before = trips.load(Ordering::SeqCst);
        sites.get_site(&world.owner(), site).await.unwrap();
        fewest = fewest.min(trips.load(Ordering::SeqCst) - before);
    }
    fewest
}

fn condition(site: &Site, kind: &str) -> Condition {
    let conditions: Vec<Condition> = serde_json::from_str(&site.conditions).unwrap();
    conditions.into_iter().find(|c| c.kind == kind).unwrap()
}

#[tokio::test]
async fn a_site_with_many_domains_is_looked_at_with_as_few_questions_as_one_with_one() {
    let world = World::new().await;
    let small = world.site("Small", Some("small.example")).await.id;
    let large = world.site("Large", Some("large.example")).await.id;
    for n in 1..DOMAINS {
        let alias = AddDomain {
            name: format!("n{n}.large.example").parse().unwrap(),
            kind: DomainKind::Alias,
            target: None,
            status: None,
        };
        world.sites.add_domain(&world.owner(), large, alias).await.unwrap();
    }

    let trips = Arc::new(AtomicUsize::new(0));
    let counted = trips.clone();
    stand_between(world.folder.path(), &world.options, move |client, server| {
        count(client, server, counted.clone())
    });
    let sites = world.through(world.folder.path()).await;
    let (few, many) = (
        fewest(&world, &sites, &trips, small).await,
        fewest(&world, &sites, &trips, large).await,
    );
    // A connection's end of reading may come a little later, and count for the next.
    assert!(many < few + DOMAINS / 10, "{many} for {DOMAINS} domains, {few} for one");

    // Each host is told by its own.
    world.records.0.lock().unwrap().remove("n30.large.example");
    let dns = condition(&world.get(large).await, "dns");
    assert_eq!(dns.status, Truth::Unknown);
    assert!(dns.message.contains("DNS of n30.large.example "), "{}", dns.message);
    world
        .certificates
        .0
        .lock()
        .unwrap()
        .values_mut()
        .for_each(|valid| *valid = true);
    world
        .certificates
        .0
        .lock()
        .unwrap()
        .insert("n31.large.example".to_owned(), false);
    let certificate = condition(&world.get(large).await, "certificate");
    assert!(
        certificate.message.contains("n31.large.example"),
        "{}",
        certificate.message
    );
}
