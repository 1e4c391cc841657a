//! Who is let onto the feed, and what is learnt of them.

use jiff::SignedDuration;
use mpanel_events::{NodeDirectory as _, Refused};
use mpanel_feed::frame::{Hello, Role};
use mpanel_fleet_contract::Nodes as _;

use crate::Directory;
use crate::tests::support::{DNS_UID, EDGE_UID, World, hello, new_key, open};
use crate::{AllowedPeers, store};

#[tokio::test]
async fn the_user_of_a_process_has_to_be_that_of_its_role() {
    let world = World::new().await;
    let directory = world.directory();
    let node = world.fleet.local().to_string();
    assert_eq!(
        directory.hello(&hello(Role::Edge, Some(&new_key())), EDGE_UID).await,
        Ok(node.clone())
    );
    assert_eq!(directory.hello(&hello(Role::Dns, None), DNS_UID).await, Ok(node));
    for (role, uid) in [
        (Role::Edge, DNS_UID),
        (Role::Dns, EDGE_UID),
        (Role::Edge, 0),
        (Role::Dns, 1000),
    ] {
        let Refused(reason) = directory.hello(&hello(role, None), uid).await.unwrap_err();
        assert!(reason.contains(&uid.to_string()), "{reason}");
    }
    let nobody = Directory::new(world.fleet.clone(), AllowedPeers::new());
    assert!(nobody.hello(&hello(Role::Edge, None), EDGE_UID).await.is_err());
}

#[tokio::test]
async fn a_refused_process_leaves_no_key_behind() {
    let world = World::new().await;
    let directory = world.directory();
    let key = new_key();
    let bad = |public_key: &str| Hello {
        public_key: Some(public_key.to_owned()),
        ..hello(Role::Edge, None)
    };
    let long = Hello {
        version: "1".repeat(101),
        ..hello(Role::Edge, Some(&key))
    };
    let nameless = Hello {
        process: String::new(),
        ..hello(Role::Edge, Some(&key))
    };
    for (said, uid) in [
        (hello(Role::Edge, Some(&key)), DNS_UID),
        // A DNS server's key would get the edge's certificates.
        (hello(Role::Dns, Some(&key)), DNS_UID),
        (bad(""), EDGE_UID),
        (bad("AAAA"), EDGE_UID),
        (bad("not base64"), EDGE_UID),
        (long, EDGE_UID),
        (nameless, EDGE_UID),
    ] {
        assert!(directory.hello(&said, uid).await.is_err(), "{said:?}");
    }
    assert!(world.fleet.edge_keys().await.unwrap().is_empty());
    assert!(world.audit().await.is_empty());
}

#[tokio::test]
async fn an_edges_new_key_is_news_and_its_coming_back_is_none() {
    let world = World::new().await;
    let directory = world.directory();
    let (first, second) = (new_key(), new_key());
    let keys = async || -> Vec<_> {
        world
            .fleet
            .edge_keys()
            .await
            .unwrap()
            .iter()
            .map(|k| (k.node, k.key))
            .collect()
    };
    let local = world.fleet.local();

    directory
        .hello(&hello(Role::Edge, Some(&first)), EDGE_UID)
        .await
        .unwrap();
    assert_eq!(keys().await, [(local, first.public())]);
    for _ in 0..3 {
        directory
            .hello(&hello(Role::Edge, Some(&first)), EDGE_UID)
            .await
            .unwrap();
        directory.hello(&hello(Role::Dns, None), DNS_UID).await.unwrap();
    }
    assert_eq!(
        keys().await,
        [(local, first.public())],
        "who says nothing of a key changes none"
    );
    directory
        .hello(&hello(Role::Edge, Some(&second)), EDGE_UID)
        .await
        .unwrap();
    assert_eq!(keys().await, [(local, second.public())]);
    // Another version is worth a line as well.
    let newer = Hello {
        version: "99.0.0".to_owned(),
        ..hello(Role::Edge, Some(&second))
    };
    directory.hello(&newer, EDGE_UID).await.unwrap();

    let actions: Vec<_> = world
        .audit()
        .await
        .into_iter()
        .map(|e| (e.action, e.actor, e.subject))
        .collect();
    let line = |action: &str| {
        (
            action.to_owned(),
            "system:fleet.directory".to_owned(),
            local.to_string(),
        )
    };
    assert_eq!(
        actions,
        [
            line("fleet.node.key_changed"),
            line("fleet.node.key_changed"),
            line("fleet.node.registered")
        ]
    );
    // After a restart it is still known.
    let again = open(&world.spine, &world.clock, world.platform).await;
    assert_eq!(again.edge_keys().await.unwrap()[0].key, second.public());
}

#[tokio::test]
async fn every_hello_is_a_sign_of_life() {
    let world = World::new().await;
    world.clock.advance(SignedDuration::from_hours(1));
    world.directory().hello(&hello(Role::Dns, None), DNS_UID).await.unwrap();
    let mut tx = world.spine.db().tenant(world.platform).await.unwrap();
    let node = store::get(&mut tx, world.fleet.local()).await.unwrap().unwrap();
    assert_eq!(
        node.last_seen_at.duration_since(node.created_at),
        SignedDuration::from_hours(1)
    );
}

#[tokio::test]
async fn without_the_database_nobody_is_let_in() {
    let world = World::new().await;
    world.spine.db().close().await;
    let Refused(reason) = world
        .directory()
        .hello(&hello(Role::Dns, None), DNS_UID)
        .await
        .unwrap_err();
    assert!(reason.contains("database"), "{reason}");
}
