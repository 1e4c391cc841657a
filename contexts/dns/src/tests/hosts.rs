//! Addresses of hosts that the platform serves.

use std::sync::Arc;

use mpanel_authz::Role;
use mpanel_dns_contract::{HostDns, HostRecords as _};
use mpanel_kernel::error::{Kind, PublicError as _};
use tokio::task::JoinSet;

use crate::domain::Record;
use crate::service::RecordPatch;
use crate::tests::support::{World, pairs};

const HOST: &str = "shop.example.com";

fn managed(apex: &str) -> HostDns {
    HostDns::Managed {
        apex: apex.parse().unwrap(),
    }
}

fn own(apex: &str) -> HostDns {
    HostDns::OwnRecords {
        apex: apex.parse().unwrap(),
    }
}

#[tokio::test]
async fn a_host_gets_its_addresses_in_the_tenants_zone() {
    let world = World::new().await;
    let zone = world.zone("example.com").await.id;
    world.add(zone, HOST, "TXT", "beside").await.unwrap();
    let answer = world.point(HOST, &["192.0.2.1", "2001:db8::1"], false).await.unwrap();
    assert_eq!(answer, managed("example.com"));
    let both = pairs(&[("A", "192.0.2.1"), ("AAAA", "2001:db8::1"), ("TXT", "\"beside\"")]);
    assert_eq!(world.at(zone, HOST).await, both);
    assert_eq!(world.status(HOST).await, managed("example.com"));
    world.assert_published(zone).await;

    // Again is no change; other addresses take the place of those.
    let published = world.published("example.com").await.len();
    world.point(HOST, &["2001:db8::1", "192.0.2.1"], true).await.unwrap();
    assert_eq!(world.published("example.com").await.len(), published);
    world.point(HOST, &["192.0.2.7"], false).await.unwrap();
    assert_eq!(
        world.at(zone, HOST).await,
        pairs(&[("A", "192.0.2.7"), ("TXT", "\"beside\"")])
    );
    world.assert_published(zone).await;

    world.withdraw(HOST).await;
    assert_eq!(world.at(zone, HOST).await, pairs(&[("TXT", "\"beside\"")]));
    world.assert_published(zone).await;
    let published = world.published("example.com").await.len();
    world.withdraw(HOST).await;
    assert_eq!(
        world.published("example.com").await.len(),
        published,
        "nothing to withdraw"
    );
}

#[tokio::test]
async fn many_hosts_are_told_of_at_once_each_in_its_nearest_zone() {
    let world = World::new().await;
    let zone = world.zone("example.com").await.id;
    world.zone("near.example.com").await;
    world.zone("example.org").await;
    for host in ["a.example.com", "b.near.example.com", "example.org"] {
        world.point(host, &["192.0.2.1"], false).await.unwrap();
    }
    world.add(zone, "own.example.com", "A", "198.51.100.1").await.unwrap();
    let (mut hosts, mut answers) = (Vec::new(), Vec::new());
    for (host, answer) in [
        ("b.near.example.com", managed("near.example.com")),
        ("elsewhere.example.net", HostDns::Elsewhere),
        ("a.example.com", managed("example.com")),
        ("own.example.com", own("example.com")),
        ("example.org", managed("example.org")),
        ("a.example.com", managed("example.com")),
        ("nothing.near.example.com", own("near.example.com")),
    ] {
        hosts.push(host.parse().unwrap());
        answers.push(answer);
    }
    let mut tx = world.db().tenant(world.tenant).await.unwrap();
    let found = world.dns.status(&mut tx, &hosts).await.unwrap();
    assert_eq!(found, answers);
    assert!(world.dns.status(&mut tx, &[]).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_the_tenant_said_itself_is_left_alone() {
    let world = World::new().await;
    let zone = world.zone("example.com").await.id;
    for (name, rtype, data) in [
        ("a.example.com", "A", "198.51.100.1"),
        ("b.example.com", "AAAA", "2001:db8::9"),
        ("c.example.com", "CNAME", "elsewhere.example.net."),
    ] {
        world.add(zone, name, rtype, data).await.unwrap();
        assert_eq!(
            world.point(name, &["192.0.2.1"], false).await.unwrap(),
            own("example.com")
        );
        assert_eq!(world.at(zone, name).await, pairs(&[(rtype, data)]));
        assert_eq!(world.status(name).await, own("example.com"));
        world.withdraw(name).await;
        assert_eq!(
            world.at(zone, name).await,
            pairs(&[(rtype, data)]),
            "withdrawing takes only what was kept"
        );
    }
}

#[tokio::test]
async fn what_is_kept_follows_the_addresses_beside_records_that_came_later() {
    let world = World::new().await;
    let zone = world.zone("example.com").await.id;
    world.point(HOST, &["192.0.2.1"], false).await.unwrap();
    world.add(zone, HOST, "A", "192.0.2.2").await.unwrap();
    assert_eq!(
        world.point(HOST, &["192.0.2.3"], false).await.unwrap(),
        managed("example.com")
    );
    assert_eq!(
        world.at(zone, HOST).await,
        pairs(&[("A", "192.0.2.2"), ("A", "192.0.2.3")])
    );
    // Even when the tenant has said the very same.
    world.point(HOST, &["192.0.2.2", "192.0.2.4"], false).await.unwrap();
    assert_eq!(
        world.at(zone, HOST).await,
        pairs(&[("A", "192.0.2.2"), ("A", "192.0.2.4")])
    );
    world.assert_published(zone).await;
    world.withdraw(HOST).await;
    assert_eq!(world.at(zone, HOST).await, pairs(&[("A", "192.0.2.2")]));
}

#[tokio::test]
async fn a_domain_gets_a_zone_if_it_is_to_be_and_can_be() {
    let world = World::new().await;
    assert_eq!(
        world.point("example.co.uk", &["192.0.2.1"], false).await.unwrap(),
        HostDns::Elsewhere
    );
    assert_eq!(world.status("example.co.uk").await, HostDns::Elsewhere);
    let answer = world.point("example.co.uk", &["192.0.2.1"], true).await.unwrap();
    assert_eq!(answer, managed("example.co.uk"));
    assert_eq!(world.status("example.co.uk").await, managed("example.co.uk"));
    assert_eq!(world.claims.holder("example.co.uk"), Some(world.tenant));
    let published = world.published("example.co.uk").await.pop().unwrap().1.unwrap();
    assert_eq!(published.records.len(), 3);
    // Names below fall into it.
    assert_eq!(
        world.point("blog.example.co.uk", &["192.0.2.1"], true).await.unwrap(),
        managed("example.co.uk")
    );
    assert_eq!(
        world.point("shop.localhost", &["127.0.0.1"], true).await.unwrap(),
        managed("shop.localhost")
    );
    // By its www people mean the domain.
    assert_eq!(
        world.point("www.example.org", &["192.0.2.1"], true).await.unwrap(),
        managed("example.org")
    );
    // The domain's own host goes without its name servers.
    world.withdraw("example.co.uk").await;
    let servers = pairs(&[("NS", "ns1.provider.net."), ("NS", "ns2.provider.net.")]);
    let zone = world
        .zones()
        .await
        .into_iter()
        .find(|zone| zone.apex == "example.co.uk");
    assert_eq!(world.at(zone.unwrap().id, "example.co.uk").await, servers);

    // Somebody else's domain is not ours to answer, and the transaction goes on.
    let theirs = world.cx_of(world.other, Role::Owner, None);
    world
        .dns
        .create_zone(&theirs, &"theirs.com".parse().unwrap())
        .await
        .unwrap();
    let mut tx = world.db().tenant(world.tenant).await.unwrap();
    let addresses = ["192.0.2.1".parse().unwrap()];
    for (host, answer) in [("theirs.com", HostDns::Elsewhere), ("mine.com", managed("mine.com"))] {
        let host = host.parse().unwrap();
        assert_eq!(world.dns.point(&mut tx, &host, &addresses, true).await.unwrap(), answer);
    }
    tx.commit().await.unwrap();
    assert!(world.published("mine.com").await.last().is_some());
}

/// Whoever serves blog.example.com here has not shown that example.com is theirs.
#[tokio::test]
async fn a_name_below_a_domain_takes_no_more_than_itself() {
    let world = World::new().await;
    for host in ["shop.example.com", "www.b.example.com", "blog.example.co.uk"] {
        assert_eq!(
            world.point(host, &["192.0.2.1"], true).await.unwrap(),
            HostDns::Elsewhere
        );
    }
    for domain in ["example.com", "b.example.com", "shop.example.com", "example.co.uk"] {
        assert_eq!(world.claims.holder(domain), None, "{domain}");
    }
    assert!(world.zones().await.is_empty());
    // Whose domain it is still gets it.
    let theirs = world.cx_of(world.other, Role::Owner, None);
    let apex = "example.com".parse().unwrap();
    world.dns.create_zone(&theirs, &apex).await.unwrap();
    assert_eq!(world.claims.holder("example.com"), Some(world.other));
}

#[tokio::test]
async fn records_move_into_a_nearer_zone_and_both_are_published() {
    let world = World::new().await;
    let above = world.zone("example.com").await.id;
    world.point(HOST, &["192.0.2.1"], false).await.unwrap();
    let near = world.zone(HOST).await.id;
    assert_eq!(world.point(HOST, &["192.0.2.1"], false).await.unwrap(), managed(HOST));
    assert!(world.at(above, HOST).await.is_empty());
    assert!(
        world
            .at(near, HOST)
            .await
            .contains(&("A".to_owned(), "192.0.2.1".to_owned()))
    );
    world.assert_published(above).await;
    world.assert_published(near).await;
}

#[tokio::test]
async fn what_the_platform_keeps_is_not_changed_through_the_zone() {
    let world = World::new().await;
    let zone = world.zone("example.com").await.id;
    world.point(HOST, &["192.0.2.1"], false).await.unwrap();
    let kept = world
        .records(zone)
        .await
        .into_iter()
        .find(Record::is_kept_address)
        .unwrap();
    assert_eq!((kept.managed_for.as_deref(), kept.ttl), (Some(HOST), 300));
    let patch = RecordPatch {
        name: None,
        rtype: None,
        ttl: Some(60),
        data: None,
        seen: None,
    };
    let changed = world
        .dns
        .update_record(&world.cx(), zone, kept.id, patch)
        .await
        .err()
        .unwrap();
    let deleted = world.dns.delete_record(&world.cx(), zone, kept.id).await.err().unwrap();
    for error in [changed, deleted] {
        assert_eq!((error.kind(), error.code()), (Kind::Conflict, "dns.record.managed"));
    }
    // An alias cannot stand beside it either.
    let alias = world
        .add(zone, HOST, "CNAME", "elsewhere.example.net")
        .await
        .err()
        .unwrap();
    assert_eq!(alias.kind(), Kind::Invalid);
    assert_eq!(world.at(zone, HOST).await, pairs(&[("A", "192.0.2.1")]));
}

#[tokio::test]
async fn what_is_rolled_back_was_neither_kept_nor_published() {
    let world = World::new().await;
    let zone = world.zone("example.com").await.id;
    let mut tx = world.db().tenant(world.tenant).await.unwrap();
    world
        .dns
        .point(&mut tx, &HOST.parse().unwrap(), &["192.0.2.1".parse().unwrap()], false)
        .await
        .unwrap();
    drop(tx);
    assert!(world.at(zone, HOST).await.is_empty());
    world.assert_published(zone).await;
}

/// Pointing, withdrawing and editing at once wait for each other, never in a circle.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn pointing_and_withdrawing_at_once_ends_in_one_of_both() {
    let world = Arc::new(World::new().await);
    let zone = world.zone("example.com").await.id;
    let mut tasks = JoinSet::new();
    for n in 0..24 {
        let world = world.clone();
        tasks.spawn(async move {
            match n % 3 {
                0 => world.withdraw(HOST).await,
                1 => drop(world.point(HOST, &["192.0.2.1"], false).await.unwrap()),
                _ => drop(world.add(zone, &format!("h{n}"), "A", "192.0.2.9").await.unwrap()),
            }
        });
    }
    tasks.join_all().await;
    let end = world.at(zone, HOST).await;
    assert!(end.is_empty() || end == pairs(&[("A", "192.0.2.1")]), "{end:?}");
    world.assert_published(zone).await;
}

/// Hosts in several zones, in any order: what places and withdraws them waits in a line.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn hosts_of_several_zones_are_placed_and_withdrawn_at_once_without_a_deadlock() {
    let world = Arc::new(World::new().await);
    let apexes = ["a.com", "b.com", "c.com"];
    for apex in apexes {
        world.zone(apex).await;
    }
    let mut tasks = JoinSet::new();
    for n in 0..24_usize {
        let world = world.clone();
        tasks.spawn(async move {
            let mut tx = world.db().tenant(world.tenant).await.unwrap();
            let mut order = apexes;
            order.rotate_left(n % 3);
            if n % 2 == 0 {
                order.reverse();
            }
            for apex in order {
                let host = format!("h{n}.{apex}").parse().unwrap();
                let addresses = ["192.0.2.1".parse().unwrap()];
                world.dns.point(&mut tx, &host, &addresses, false).await.unwrap();
                if n % 4 == 0 {
                    let _place = world.dns.withdraw(&mut tx, &host).await.unwrap();
                }
            }
            tx.commit().await.unwrap();
        });
    }
    tasks.join_all().await;
    for zone in world.zones().await {
        assert_eq!(zone.records, 2 + 18, "{}", zone.apex);
        world.assert_published(zone.id).await;
    }
}
