//! The reconciler: issued, renewed, sealed anew, withdrawn.

use std::time::Duration;

use jiff::SignedDuration;
use mpanel_certificates_contract::HostCertificate;
use mpanel_events::{AuditFilter, list_audit};
use mpanel_jobs::{PassReport, Reconciler as _};
use mpanel_kernel::paging::PageRequest;
use mpanel_pg::Reason;

use crate::reconcile::Issue;
use crate::store::{certificates, hosts};
use crate::tests::support::{Edge, World, belongs};

const HOST: &str = "shop.example.com";

fn days(n: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * n)
}

#[tokio::test]
async fn a_wanted_host_gets_a_certificate_that_only_the_edge_can_open() {
    let world = World::new().await;
    world.want(HOST).await;
    assert!(
        matches!(world.status(HOST).await, Some(HostCertificate::Pending { message }) if message == "waiting to be issued")
    );
    let report = world.pass().await.unwrap();
    assert_eq!((report.changed, report.deleted), (1, 0));

    let [published] = &world.published().await[..] else {
        panic!("one certificate")
    };
    let certificate = published.value.as_ref().unwrap();
    assert_eq!((published.generation, &certificate.names), (1, &vec![HOST.to_owned()]));
    world.verify(&certificate.chain_pem, HOST, world.now()).unwrap();
    let key = world
        .edge
        .open(&published.id, certificate)
        .expect("the edge opens its copy");
    assert!(belongs(&key, &certificate.chain_pem));
    assert!(
        world.edge.open("cert_other", certificate).is_none(),
        "sealed to this certificate's id"
    );
    let stranger = Edge {
        node: world.edge.node,
        ..Edge::new()
    };
    assert!(
        stranger.open(&published.id, certificate).is_none(),
        "sealed to this edge's key"
    );
    assert_eq!(certificate.sealed_key.len(), 1);

    // At rest it is sealed as well, for its own row.
    let mut tx = world.spine.db().tenant(world.tenant).await.unwrap();
    let stored = certificates::get(&mut tx, published.id.parse().unwrap())
        .await
        .unwrap()
        .unwrap();
    assert!(!String::from_utf8_lossy(&stored.sealed_key).contains("PRIVATE KEY"));
    assert_eq!(stored.not_after.to_string(), certificate.not_after);
    let expected = HostCertificate::Valid {
        not_after: stored.not_after,
        issuer: stored.issuer,
        public: false,
        waits: None,
    };
    assert_eq!(world.status(HOST).await, Some(expected));
    let log = list_audit(&mut tx, &AuditFilter::default(), PageRequest::default())
        .await
        .unwrap()
        .items;
    assert_eq!(
        (log[0].actor.as_str(), log[0].action.as_str()),
        ("system:certificates.issue", "certificates.certificate.issued")
    );
    drop(tx);
    assert_eq!(
        world.pass().await.unwrap(),
        PassReport::default(),
        "nothing is left to do"
    );
}

#[tokio::test]
async fn it_is_renewed_when_two_thirds_of_its_life_are_over() {
    let world = World::new().await;
    world.want(HOST).await;
    world.pass().await.unwrap();
    let first = world.held().await.remove(0);
    world.clock.advance(days(59));
    assert_eq!(world.pass().await.unwrap(), PassReport::default());
    world.clock.advance(days(2));
    assert_eq!(world.pass().await.unwrap().changed, 1);
    let held = world.held().await;
    assert_eq!(held.len(), 1, "the new one took the old one's place");
    assert_ne!(held[0].0, first.0);
    world
        .verify(&held[0].1.chain_pem, HOST, world.now() + days(60))
        .unwrap();
    // The edge is told of the new one before the old one goes.
    let order: Vec<_> = world.published().await.into_iter().map(|p| p.value.is_some()).collect();
    assert_eq!(order, [true, true, false]);
    assert_eq!(world.count("select count(*) from certificates.certificates").await, 1);
    assert_eq!(world.pass().await.unwrap(), PassReport::default());
}

#[tokio::test]
async fn what_is_no_longer_wanted_is_withdrawn_by_its_tombstone() {
    let world = World::new().await;
    world.want(HOST).await;
    world.want("other.example.com").await;
    world.pass().await.unwrap();
    world.unwant(HOST).await;
    assert_eq!(world.status(HOST).await, None);
    assert_eq!(world.held().await.len(), 2, "until the pass");
    let report = world.pass().await.unwrap();
    assert_eq!((report.changed, report.deleted), (0, 1));
    let held = world.held().await;
    assert_eq!(
        (held.len(), &held[0].1.names),
        (1, &vec!["other.example.com".to_owned()])
    );
    assert_eq!(world.count("select count(*) from certificates.hosts").await, 1);
    assert_eq!(world.count("select count(*) from certificates.certificates").await, 1);
    assert_eq!(world.pass().await.unwrap(), PassReport::default());
}

#[tokio::test]
async fn who_changes_their_mind_keeps_the_certificate() {
    let world = World::new().await;
    world.want(HOST).await;
    world.pass().await.unwrap();
    let before = world.held().await;
    world.unwant(HOST).await;
    world.want(HOST).await;
    assert_eq!(world.pass().await.unwrap(), PassReport::default());
    assert_eq!(world.held().await, before);
    // Before there was one at all, nothing is left behind either.
    world.want("brief.example.com").await;
    world.unwant("brief.example.com").await;
    assert_eq!(world.pass().await.unwrap().deleted, 1);
    assert_eq!(world.count("select count(*) from certificates.hosts").await, 1);
}

#[tokio::test]
async fn an_edge_with_another_key_gets_everything_sealed_anew() {
    let world = World::new().await;
    world.nodes.set(&[]);
    world.want(HOST).await;
    world.pass().await.unwrap();
    let (id, early) = world.held().await.remove(0);
    assert!(early.sealed_key.is_empty(), "no edge has introduced itself yet");

    world.nodes.set(&[&world.edge]);
    assert_eq!(world.pass().await.unwrap().changed, 1);
    let second = Edge::new();
    world.nodes.set(&[&world.edge, &second]);
    assert_eq!(world.pass().await.unwrap().changed, 1);
    assert_eq!(world.pass().await.unwrap(), PassReport::default());
    let generations: Vec<_> = world
        .published()
        .await
        .iter()
        .map(|p| (p.id.clone(), p.generation))
        .collect();
    assert_eq!(generations, [(id.clone(), 1), (id.clone(), 2), (id.clone(), 3)]);
    let (_, now) = world.held().await.remove(0);
    assert_eq!(now.chain_pem, early.chain_pem, "the certificate is the same");
    let key = world.edge.open(&id, &now).unwrap();
    assert_eq!(second.open(&id, &now), Some(key.clone()));
    assert!(belongs(&key, &now.chain_pem));
}

#[tokio::test]
async fn other_names_for_a_host_take_the_place_of_the_old_certificate() {
    let world = World::new().await;
    let names = |names: &[&str]| -> Vec<String> { names.iter().map(ToString::to_string).collect() };
    world
        .store
        .want_panel(&names(&["localhost", "127.0.0.1"]))
        .await
        .unwrap();
    world.pass().await.unwrap();
    world
        .store
        .want_panel(&names(&["localhost", "127.0.0.1"]))
        .await
        .unwrap();
    assert_eq!(
        world.pass().await.unwrap(),
        PassReport::default(),
        "the same names are no change"
    );
    world
        .store
        .want_panel(&names(&["panel.example.com", "192.0.2.1"]))
        .await
        .unwrap();
    assert_eq!(world.pass().await.unwrap().changed, 1);
    let held = world.held().await;
    assert_eq!(held.len(), 1, "the old one is withdrawn");
    assert_eq!(held[0].1.names, names(&["panel.example.com", "192.0.2.1"]));
    world.verify(&held[0].1.chain_pem, "192.0.2.1", world.now()).unwrap();
    assert_eq!(world.count("select count(*) from certificates.certificates").await, 1);
    assert_eq!(world.pass().await.unwrap(), PassReport::default());
}

#[tokio::test]
async fn many_removals_go_in_portions_and_hold_up_nobody() {
    let world = World::new().await;
    for n in 0..12 {
        world.want(&format!("h{n}.example.com")).await;
    }
    world.pass().await.unwrap();
    for n in 0..11 {
        world.unwant(&format!("h{n}.example.com")).await;
    }
    world.want("new.example.com").await;
    let first = world.pass().await.unwrap();
    assert_eq!(
        (first.changed, first.deleted, first.again),
        (1, 10, Some(Duration::ZERO)),
        "ten of thirteen, and the next pass follows at once"
    );
    assert!(matches!(
        world.status("new.example.com").await,
        Some(HostCertificate::Valid { .. })
    ));
    assert_eq!(world.pass().await.unwrap().deleted, 1);
    assert_eq!(world.held().await.len(), 2);
}

#[tokio::test]
async fn one_that_cannot_be_issued_is_told_and_holds_up_nobody() {
    let world = World::new().await;
    let mut tx = world.spine.db().tenant(world.tenant).await.unwrap();
    hosts::want(&mut tx, "a.example.com", &["n\u{f6}t-ascii".to_owned()])
        .await
        .unwrap();
    tx.commit().await.unwrap();
    world.want("b.example.com").await;
    assert_eq!(world.pass().await.unwrap().changed, 1);
    assert!(matches!(
        world.status("b.example.com").await,
        Some(HostCertificate::Valid { .. })
    ));
    match world.status("a.example.com").await {
        Some(HostCertificate::Pending { message }) => assert!(message.contains("at the moment"), "{message}"),
        other => panic!("{other:?}"),
    }
    // Once it can be, it is.
    let mut tx = world.spine.db().tenant(world.tenant).await.unwrap();
    hosts::want(&mut tx, "a.example.com", &["a.example.com".to_owned()])
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert_eq!(world.pass().await.unwrap().changed, 1);
}

#[tokio::test]
async fn a_row_that_changed_since_the_look_is_left_for_the_next_pass() {
    let world = World::new().await;
    world.want(HOST).await;
    let (one, two) = tokio::join!(world.pass(), world.pass());
    assert_eq!(
        one.unwrap().changed + two.unwrap().changed,
        1,
        "two passes at once make one certificate"
    );
    assert_eq!(world.held().await.len(), 1);
    let mut tx = world.spine.db().platform(Reason::Administer("test")).await.unwrap();
    assert_eq!(hosts::count(&mut tx).await.unwrap(), 1);
    let due = hosts::due(&mut tx, world.now(), 10).await.unwrap();
    assert!(due.is_empty());
}

#[tokio::test]
async fn it_wakes_on_hosts_and_on_edges_keys() {
    let world = World::new().await;
    let issue = Issue::new(world.store.clone());
    for (event, wakes) in [
        ("certificates.host.wanted_changed.v1", true),
        ("fleet.node.key_changed.v1", true),
        ("fleet.node.registered.v1", false),
        ("certificates.certificate.issued.v1", false),
    ] {
        assert_eq!(issue.wakes_on(event), wakes, "{event}");
    }
}
