//! Zones: claimed, published under growing serials, withdrawn.

use jiff::SignedDuration;
use mpanel_authz::Role;
use mpanel_kernel::error::{Kind, PublicError as _};
use mpanel_kernel::paging::PageRequest;
use serde_json::json;

use crate::domain::Record;
use crate::error::Error;
use crate::service::RecordPatch;
use crate::tests::support::{World, pairs, record};

#[tokio::test]
async fn a_new_zone_names_our_servers_and_is_published() {
    let world = World::new().await;
    let zone = world.zone("example.com").await;
    assert_eq!((zone.apex.as_str(), zone.records), ("example.com", 2));
    assert!(zone.serial >= 1_800_000_000);
    assert_eq!(world.claims.holder("example.com"), Some(world.tenant));
    let servers: Vec<_> = world
        .records(zone.id)
        .await
        .into_iter()
        .map(|r| (r.rtype, r.data))
        .collect();
    let ns = |server: &str| ("NS".to_owned(), format!("{server}.provider.net."));
    assert_eq!(servers, [ns("ns1"), ns("ns2")]);
    world.assert_published(zone.id).await;
    let soa = world.published("example.com").await.pop().unwrap().1.unwrap().soa;
    assert_eq!(
        (soa.mname.as_str(), soa.rname.as_str()),
        ("ns1.provider.net", "hostmaster.example.com")
    );

    let entry = world.audit().await.pop().unwrap();
    assert_eq!(
        (entry.action.as_str(), entry.subject),
        ("dns.zone.created", zone.id.to_string())
    );
    assert_eq!(entry.after.unwrap(), json!({"apex": "example.com"}));
    let events = "select count(*) from spine.outbox where kind = 'event' and topic = 'dns.zone.created.v1'";
    assert_eq!(world.count(events).await, 1);
}

#[tokio::test]
async fn a_name_makes_one_zone() {
    let world = World::new().await;
    world.zone("example.com").await;
    let apex = "example.com".parse().unwrap();
    let twice = world.dns.create_zone(&world.cx(), &apex).await.err().unwrap();
    assert!(matches!(twice, Error::ZoneExists), "{twice}");
    let theirs = world
        .dns
        .create_zone(&world.cx_of(world.other, Role::Owner, None), &apex)
        .await
        .err()
        .unwrap();
    assert_eq!((theirs.kind(), theirs.code()), (Kind::Conflict, "tenancy.name.taken"));
    assert_eq!(theirs.fields()[0].pointer, "/apex");
    assert!(!theirs.public_text().contains("account"), "{}", theirs.public_text());
    let developer = world.cx_of(world.tenant, Role::Developer, None);
    let denied = world
        .dns
        .create_zone(&developer, &"example.net".parse().unwrap())
        .await
        .err()
        .unwrap();
    assert_eq!(denied.kind(), Kind::Forbidden);
    assert_eq!(world.claims.holder("example.net"), None);
}

/// On our servers a zone below somebody's domain would answer for names of theirs.
#[tokio::test]
async fn a_zone_below_a_domain_is_made_by_whoever_has_the_domain() {
    let world = World::new().await;
    let below = "lab.example.com".parse().unwrap();
    let error = world.dns.create_zone(&world.cx(), &below).await.err().unwrap();
    assert_eq!(
        (error.kind(), error.fields()[0].pointer.as_ref()),
        (Kind::Invalid, "/apex")
    );
    assert_eq!(error.fields()[0].code, "dns.zone.below_a_domain");
    assert!(error.public_text().contains("example.com"), "{}", error.public_text());
    assert_eq!(world.claims.holder("lab.example.com"), None);
    world.zone("example.com").await;
    world.zone("lab.example.com").await;
    world.zone("deep.lab.example.com").await;
}

#[tokio::test]
async fn the_zones_own_name_servers_stay_and_others_stand_beside_them() {
    let world = World::new().await;
    let zone = world.zone("example.com").await.id;
    let secondary = world.add(zone, "@", "NS", "ns.secondary.net").await.unwrap();
    for server in world.records(zone).await {
        if server.id == secondary.id {
            continue;
        }
        let patch = RecordPatch {
            name: None,
            rtype: None,
            ttl: None,
            data: Some("ns.evil.net.".to_owned()),
            seen: None,
        };
        let changed = world.dns.update_record(&world.cx(), zone, server.id, patch).await;
        let deleted = world.dns.delete_record(&world.cx(), zone, server.id).await;
        for error in [changed.err().unwrap(), deleted.err().unwrap()] {
            assert_eq!((error.kind(), error.code()), (Kind::Conflict, "dns.record.delegation"));
        }
    }
    world.dns.delete_record(&world.cx(), zone, secondary.id).await.unwrap();
    assert_eq!(world.records(zone).await.len(), 2);
    world.assert_published(zone).await;
}

#[tokio::test]
async fn a_zone_names_the_servers_of_today_with_its_next_change() {
    let world = World::new().await;
    let zone = world.zone("example.com").await.id;
    world.add(zone, "@", "NS", "ns3.provider.net").await.unwrap();
    let world = world.restarted(&["ns2.provider.net", "ns3.provider.net"]);
    world.add(zone, "www", "A", "192.0.2.1").await.unwrap();
    let servers = pairs(&[("NS", "ns2.provider.net."), ("NS", "ns3.provider.net.")]);
    assert_eq!(world.at(zone, "example.com").await, servers);
    assert!(
        world
            .records(zone)
            .await
            .iter()
            .filter(|record| record.rtype == "NS")
            .all(Record::is_delegation)
    );
    world.assert_published(zone).await;
}

#[tokio::test]
async fn serials_grow_with_every_change_and_keep_up_with_the_clock() {
    let world = World::new().await;
    let zone = world.zone("example.com").await;
    let mut last = zone.serial;
    for n in 0..5 {
        world.add(zone.id, &format!("h{n}"), "A", "192.0.2.1").await.unwrap();
        let serial = world.dns.get_zone(&world.cx(), zone.id).await.unwrap().serial;
        assert_eq!(serial, last + 1, "many changes within one second");
        last = serial;
    }
    world.clock.advance(SignedDuration::from_hours(1));
    let refused = world.add(zone.id, "h0", "A", "192.0.2.1").await;
    assert!(refused.is_err());
    assert_eq!(
        world.dns.get_zone(&world.cx(), zone.id).await.unwrap().serial,
        last,
        "what is refused changes nothing"
    );
    world.add(zone.id, "h9", "A", "192.0.2.1").await.unwrap();
    assert_eq!(
        world.dns.get_zone(&world.cx(), zone.id).await.unwrap().serial,
        1_800_003_600
    );
    // A clock that goes back does not take the serial with it.
    world.clock.advance(SignedDuration::from_hours(-2));
    world.add(zone.id, "h10", "A", "192.0.2.1").await.unwrap();
    assert_eq!(
        world.dns.get_zone(&world.cx(), zone.id).await.unwrap().serial,
        1_800_003_601
    );
    world.assert_published(zone.id).await;
}

#[tokio::test]
async fn a_deleted_zone_is_withdrawn_and_its_name_is_free() {
    let world = World::new().await;
    let zone = world.zone("example.com").await;
    world.add(zone.id, "www", "A", "192.0.2.1").await.unwrap();
    let serial = world.dns.get_zone(&world.cx(), zone.id).await.unwrap().serial;
    world.dns.delete_zone(&world.cx(), zone.id).await.unwrap();
    let (generation, value) = world.published("example.com").await.pop().unwrap();
    assert!(value.is_none() && generation > serial);
    assert_eq!(world.claims.holder("example.com"), None);
    assert!(matches!(
        world.dns.get_zone(&world.cx(), zone.id).await,
        Err(Error::NotFound)
    ));
    assert!(matches!(
        world.dns.delete_zone(&world.cx(), zone.id).await,
        Err(Error::NotFound)
    ));
    let entry = world.audit().await.pop().unwrap();
    assert_eq!(entry.action, "dns.zone.deleted");
    assert_eq!(entry.before.unwrap(), json!({"apex": "example.com", "records": 3}));
    let mut tx = world.db().tenant(world.tenant).await.unwrap();
    assert!(crate::store::records::all(&mut tx, zone.id).await.unwrap().is_empty());
    drop(tx);
    world.clock.advance(SignedDuration::from_mins(1));
    let again = world.zone("example.com").await;
    assert_eq!(again.records, 2);
    world.assert_published(again.id).await;
}

#[tokio::test]
async fn a_zone_that_comes_back_at_once_goes_on_behind_what_was_published() {
    let world = World::new().await;
    let zone = world.zone("example.com").await;
    // Within a second: the serial runs ahead of the clock.
    for n in 0..20 {
        world.add(zone.id, &format!("h{n}"), "A", "192.0.2.1").await.unwrap();
    }
    world.dns.delete_zone(&world.cx(), zone.id).await.unwrap();
    let (withdrawn, _) = world.published("example.com").await.pop().unwrap();
    while mpanel_events::move_committed(world.db()).await.unwrap() > 0 {}
    let again = world.zone("example.com").await;
    assert!(again.serial > withdrawn, "{} after {withdrawn}", again.serial);
    world.assert_published(again.id).await;
}

#[tokio::test]
async fn a_name_too_long_for_a_zone_is_refused_at_its_field() {
    let world = World::new().await;
    let label = "a".repeat(63);
    let domain = format!("{}.com", "b".repeat(56));
    world.zone(&domain).await;
    let apex = format!("{label}.{label}.{label}.{domain}");
    let error = world
        .dns
        .create_zone(&world.cx(), &apex.parse().unwrap())
        .await
        .err()
        .unwrap();
    assert_eq!(error.kind(), Kind::Invalid);
    assert!(
        error.fields().iter().all(|field| field.pointer == "/apex"),
        "{:?}",
        error.fields()
    );
}

#[tokio::test]
async fn a_replayed_creation_gives_the_same_zone() {
    let world = World::new().await;
    let apex = "example.com".parse().unwrap();
    let cx = || world.cx_of(world.tenant, Role::Owner, Some("k"));
    let one = world.dns.create_zone(&cx(), &apex).await.unwrap();
    let two = world.dns.create_zone(&cx(), &apex).await.unwrap();
    assert_eq!(one, two);
    let www = record("www", "A", "192.0.2.1");
    let key = || world.cx_of(world.tenant, Role::Owner, Some("r"));
    let one = world.dns.create_record(&key(), one.id, &www).await.unwrap();
    let two = world.dns.create_record(&key(), two.id, &www).await.unwrap();
    assert_eq!(one, two);
}

#[tokio::test]
async fn zones_are_listed_in_pages_with_their_counts() {
    let world = World::new().await;
    let mut ids = Vec::new();
    for n in 0..3 {
        ids.push(world.zone(&format!("example{n}.com")).await.id);
    }
    world.add(ids[0], "www", "A", "192.0.2.1").await.unwrap();
    let page = world
        .dns
        .list_zones(&world.cx(), PageRequest { limit: 2, after: None })
        .await
        .unwrap();
    assert_eq!(
        page.items.iter().map(|z| (z.id, z.records)).collect::<Vec<_>>(),
        [(ids[0], 3), (ids[1], 2)]
    );
    let next = PageRequest::parse(Some(2), page.next_cursor.as_deref()).unwrap();
    let page = world.dns.list_zones(&world.cx(), next).await.unwrap();
    assert_eq!(
        (page.items.len(), page.items[0].id, page.next_cursor),
        (1, ids[2], None)
    );
}

#[tokio::test]
async fn the_status_says_whether_the_newest_change_is_answered() {
    let world = World::new().await;
    let zone = world.zone("example.com").await;
    while mpanel_events::move_committed(world.db()).await.unwrap() > 0 {}
    let newer = world.zone("example.net").await;
    // Of a whole page at once, each in its place.
    let statuses = world.dns.statuses(&[newer.clone(), zone, newer]).await.unwrap();
    assert!(statuses.iter().all(|status| !status.served));
    let messages: Vec<_> = statuses.iter().map(|status| status.message.as_str()).collect();
    assert!(messages[0].contains("on its way"), "{messages:?}");
    assert!(messages[1].contains("no name server"), "{messages:?}");
    assert_eq!(messages[0], messages[2]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn changes_of_one_zone_at_once_are_all_published() {
    let world = std::sync::Arc::new(World::new().await);
    let zone = world.zone("example.com").await.id;
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..8 {
        let world = world.clone();
        tasks.spawn(async move { world.add(zone, &format!("h{n}"), "A", "192.0.2.1").await.unwrap() });
    }
    tasks.join_all().await;
    assert_eq!(world.records(zone).await.len(), 2 + 8);
    world.assert_published(zone).await;
}
