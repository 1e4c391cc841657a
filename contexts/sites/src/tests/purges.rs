//! What edges keep of a site is forgotten by a log whose numbers only grow.

use mpanel_events::Served;
use mpanel_kernel::error::{Kind, PublicError};
use mpanel_kernel::ids::SiteId;
use serde_json::{Value, json};

use super::store::audited;
use super::support::World;
use crate::Error;
use crate::domain::PurgeWanted;
use crate::service::Purged;

async fn purge(world: &World, site: SiteId, wanted: &PurgeWanted) -> Result<Purged, Error> {
    world.sites.purge(&world.owner(), site, wanted, false).await
}

fn everything() -> PurgeWanted {
    PurgeWanted {
        everything: true,
        ..PurgeWanted::default()
    }
}

/// The log that edges have.
async fn told(world: &World, site: SiteId) -> Value {
    while mpanel_events::move_committed(&world.db).await.unwrap() > 0 {}
    let mut tx = world.db.spine().await.unwrap();
    let value: Option<Value> =
        sqlx::query_scalar("select value from spine.feed_state where topic = 'edge.purge' and key = $1")
            .bind(site.to_string())
            .fetch_one(mpanel_pg::Tx::conn(&mut tx))
            .await
            .unwrap();
    value.unwrap_or_default()
}

#[tokio::test]
async fn a_purge_reaches_edges_in_their_words_and_says_how_far_it_has_come() {
    let world = World::new().await;
    let site = world.site("Shop", Some("example.com")).await.id;
    let strings = |all: &[&str]| all.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>();
    let wanted = PurgeWanted {
        everything: false,
        urls: strings(&["https://EXAMPLE.com/a?b=1", "http://shop.preview.test:8443"]),
        prefixes: strings(&["https://example.com/news/"]),
        hosts: strings(&["example.com"]),
        tags: strings(&["front"]),
    };
    let purged = purge(&world, site, &wanted).await.unwrap();
    // No leader moves it in this test, so no edge has heard of it.
    assert_eq!(purged.served, Served::NotPublished);
    let log = told(&world, site).await;
    assert_eq!(log["tenant"], world.tenant.to_string());
    assert_eq!(log["log"][0]["seq"], purged.seq);
    let expected = json!([
        {"kind": "url", "host": "example.com", "path": "/a?b=1"},
        {"kind": "url", "host": "shop.preview.test:8443", "path": "/"},
        {"kind": "prefix", "host": "example.com", "path": "/news/"},
        {"kind": "host", "host": "example.com"},
        {"kind": "tags", "tags": ["front"]},
    ]);
    assert_eq!(log["log"][0]["what"], expected);
    let actions = audited(&world.db, world.tenant).await;
    assert_eq!(
        actions.iter().filter(|action| *action == "sites.cache.purged").count(),
        1
    );
}

#[tokio::test]
async fn the_log_keeps_the_last_and_says_from_where_on() {
    let world = World::new().await;
    let site = world.site("Shop", None).await.id;
    let mut numbers = Vec::new();
    for _ in 0..40 {
        numbers.push(purge(&world, site, &everything()).await.unwrap().seq);
    }
    assert!(numbers.is_sorted_by(|one, next| one < next), "{numbers:?}");
    let log = told(&world, site).await;
    let kept: Vec<i64> = log["log"]
        .as_array()
        .unwrap()
        .iter()
        .map(|purge| purge["seq"].as_i64().unwrap())
        .collect();
    assert_eq!(kept, numbers[8..]);
    assert_eq!(log["floor"], numbers[7]);
}

#[tokio::test]
async fn what_is_none_of_the_sites_is_refused_by_field_and_nothing_is_told() {
    let world = World::new().await;
    let site = world.site("Shop", Some("example.com")).await.id;
    world.site("Other", Some("example.org")).await;
    let one = |field: &str, value: &str| {
        let mut wanted = PurgeWanted::default();
        let list = match field {
            "urls" => &mut wanted.urls,
            "prefixes" => &mut wanted.prefixes,
            "hosts" => &mut wanted.hosts,
            _ => &mut wanted.tags,
        };
        list.push(value.to_owned());
        wanted
    };
    for (field, value) in [
        ("urls", "example.com/a"),
        ("urls", "https://example.org/a"),
        ("urls", "https://example.com@example.org/a"),
        ("prefixes", "https://example.com/a?b"),
        ("hosts", "example.org"),
        ("hosts", ""),
        ("tags", "two words"),
        ("tags", "a,b"),
    ] {
        let refused = purge(&world, site, &one(field, value)).await.err().unwrap();
        assert_eq!(refused.kind(), Kind::Invalid, "{value}");
        assert_eq!(
            refused.fields()[0].pointer.to_string(),
            format!("/{field}/0"),
            "{value}"
        );
    }
    let nothing = purge(&world, site, &PurgeWanted::default()).await.err().unwrap();
    assert_eq!(nothing.fields()[0].pointer.to_string(), "/everything");
    let many = PurgeWanted {
        tags: vec!["a".to_owned(); 101],
        ..PurgeWanted::default()
    };
    assert_eq!(
        purge(&world, site, &many).await.err().unwrap().fields()[0]
            .pointer
            .to_string(),
        "/tags"
    );
    assert!(
        !audited(&world.db, world.tenant)
            .await
            .contains(&"sites.cache.purged".to_owned())
    );
}
