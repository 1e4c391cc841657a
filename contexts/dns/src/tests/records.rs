//! Records: every type, what is refused and where, and what a set has in common.

use mpanel_authz::Role;
use mpanel_kernel::error::{Kind, PublicError as _};
use mpanel_kernel::ids::RecordId;
use mpanel_kernel::paging::PageRequest;
use serde_json::json;

use crate::domain::NewRecord;
use crate::error::Error;
use crate::tests::support::{World, record};

#[tokio::test]
async fn every_type_is_kept_in_canonical_form_and_published() {
    let world = World::new().await;
    let zone = world.zone("example.com").await.id;
    let cases = [
        ("@", "A", "192.0.2.1", "example.com", "192.0.2.1"),
        ("", "AAAA", "2001:DB8::0:1", "example.com", "2001:db8::1"),
        (
            "WWW",
            "cname",
            "Target.Example.NET",
            "www.example.com",
            "target.example.net.",
        ),
        (
            "example.com",
            "MX",
            "10 mail.example.net",
            "example.com",
            "10 mail.example.net.",
        ),
        (
            "txt.example.com.",
            "TXT",
            "v=spf1 -all",
            "txt.example.com",
            "\"v=spf1\" \"-all\"",
        ),
        ("sub", "NS", "ns.other.net.", "sub.example.com", "ns.other.net."),
        (
            "@",
            "CAA",
            "0 issue letsencrypt.org",
            "example.com",
            "0 issue \"letsencrypt.org\"",
        ),
        (
            "_sip._tcp",
            "SRV",
            "1 2 5060 sip.example.net",
            "_sip._tcp.example.com",
            "1 2 5060 sip.example.net.",
        ),
        ("*.wild", "A", "192.0.2.9", "*.wild.example.com", "192.0.2.9"),
    ];
    for (name, rtype, data, owner, canonical) in cases {
        let made = world.add(zone, name, rtype, data).await.unwrap();
        assert_eq!(
            (made.name.as_str(), made.rtype.as_str()),
            (owner, rtype.to_ascii_uppercase().as_str())
        );
        if rtype != "TXT" {
            assert_eq!(made.data, canonical);
        }
        assert_eq!((made.ttl, made.version, made.managed_for.clone()), (3600, 1, None));
        assert_eq!(world.dns.get_record(&world.cx(), zone, made.id).await.unwrap(), made);
    }
    world.assert_published(zone).await;
    let entry = world.audit().await.pop().unwrap();
    assert_eq!(entry.action, "dns.record.created");
    assert_eq!(
        entry.after.unwrap(),
        json!({"name": "*.wild.example.com", "type": "A", "ttl": 3600, "data": "192.0.2.9"})
    );
}

#[tokio::test]
async fn what_is_wrong_is_named_by_its_field_and_changes_nothing() {
    let world = World::new().await;
    let zone = world.zone("example.com").await;
    world.add(zone.id, "www", "A", "192.0.2.1").await.unwrap();
    world.add(zone.id, "alias", "CNAME", "www.example.com").await.unwrap();
    let before = world.dns.get_zone(&world.cx(), zone.id).await.unwrap();
    let long = "x".repeat(64);
    let too_much = format!("\"{}\"", "x".repeat(5000));
    let cases: &[(&str, &str, i64, &str, &[&str])] = &[
        ("www", "A", 3600, "192.0.2.256", &["/data"]),
        ("www", "A", 3600, "2001:db8::1", &["/data"]),
        ("www", "A", 3600, "", &["/data"]),
        ("www", "AAAA", 3600, "192.0.2.1", &["/data"]),
        ("www", "A", 0, "192.0.2.1", &["/ttl"]),
        ("www", "A", -1, "192.0.2.1", &["/ttl"]),
        ("www", "A", i64::MAX, "192.0.2.1", &["/ttl"]),
        ("www", "SPF", 3600, "x", &["/type"]),
        ("www", "SOA", 3600, "a. b. 1 2 3 4 5", &["/type"]),
        ("", "CNAME", 3600, "other.example.net", &["/type"]),
        ("www.other.net.", "A", 3600, "192.0.2.1", &["/name"]),
        ("-www", "A", 3600, "192.0.2.1", &["/name"]),
        ("a b", "A", 3600, "192.0.2.1", &["/name"]),
        ("a..b", "A", 3600, "192.0.2.1", &["/name"]),
        (&long, "A", 3600, "192.0.2.1", &["/name"]),
        ("w*w", "A", 3600, "192.0.2.1", &["/name"]),
        ("mx", "MX", 3600, "mail.example.net", &["/data"]),
        ("mx", "MX", 3600, "70000 mail.example.net", &["/data"]),
        ("mx", "MX", 3600, "10 192.0.2.1", &["/data"]),
        ("mx", "MX", 3600, "10 alias.example.com", &["/data"]),
        ("txt", "TXT", 3600, "\"open", &["/data"]),
        ("txt", "TXT", 3600, "a\nb", &["/data"]),
        ("txt", "TXT", 3600, "nul\0", &["/data"]),
        ("txt", "TXT", 3600, &too_much, &["/data"]),
        ("caa", "CAA", 3600, "issue", &["/data"]),
        ("srv", "SRV", 3600, "1 2 3", &["/data"]),
        ("*", "NS", 3600, "ns.example.net", &["/type"]),
        ("www", "CNAME", 3600, "www.example.com", &["/data"]),
        ("alias", "A", 3600, "192.0.2.1", &["/type"]),
        ("www", "CNAME", 3600, "other.example.net", &["/type"]),
        ("a b", "NOPE", 0, "", &["/type", "/name", "/ttl"]),
    ];
    for (name, rtype, ttl, data, pointers) in cases {
        let new = NewRecord {
            ttl: *ttl,
            ..record(name, rtype, data)
        };
        let error = world.dns.create_record(&world.cx(), zone.id, &new).await.err().unwrap();
        let found: Vec<_> = error.fields().into_iter().map(|field| field.pointer).collect();
        assert_eq!(
            (error.kind(), found),
            (Kind::Invalid, pointers.iter().map(|p| (*p).into()).collect()),
            "{new:?}"
        );
        assert!(
            error.fields().iter().all(|field| field.code.starts_with("dns.")),
            "{new:?}"
        );
    }
    assert_eq!(world.dns.get_zone(&world.cx(), zone.id).await.unwrap(), before);
    world.assert_published(zone.id).await;
}

#[tokio::test]
async fn all_records_of_a_set_have_the_ttl_that_was_said_last() {
    let world = World::new().await;
    let zone = world.zone("example.com").await.id;
    let with = |ttl, data: &str| NewRecord {
        ttl,
        ..record("www", "A", data)
    };
    let cx = world.cx();
    let one = world
        .dns
        .create_record(&cx, zone, &with(300, "192.0.2.1"))
        .await
        .unwrap();
    world
        .dns
        .create_record(&cx, zone, &with(600, "192.0.2.2"))
        .await
        .unwrap();
    world.add(zone, "www", "TXT", "other").await.unwrap();
    let first = world.dns.get_record(&cx, zone, one.id).await.unwrap();
    assert_eq!(
        (first.ttl, first.version),
        (600, 2),
        "whoever has seen the old one is late"
    );
    let ttls: Vec<_> = world
        .records(zone)
        .await
        .into_iter()
        .filter(|r| r.name == "www.example.com")
        .collect();
    assert_eq!(
        ttls.iter().map(|r| (r.rtype.as_str(), r.ttl)).collect::<Vec<_>>(),
        [("A", 600), ("A", 600), ("TXT", 3600)]
    );
    world.assert_published(zone).await;
}

#[tokio::test]
async fn the_same_record_stands_once() {
    let world = World::new().await;
    let zone = world.zone("example.com").await.id;
    world.add(zone, "www", "AAAA", "2001:db8::1").await.unwrap();
    let error = world
        .add(zone, "WWW.example.com.", "aaaa", "2001:0db8:0::1")
        .await
        .err()
        .unwrap();
    assert_eq!((error.kind(), error.code()), (Kind::Conflict, "dns.record.exists"));
    assert_eq!(world.records(zone).await.len(), 3);
}

#[tokio::test]
async fn a_removed_record_is_no_longer_published() {
    let world = World::new().await;
    let zone = world.zone("example.com").await.id;
    let www = world.add(zone, "www", "A", "192.0.2.1").await.unwrap();
    world.dns.delete_record(&world.cx(), zone, www.id).await.unwrap();
    world.assert_published(zone).await;
    assert_eq!(world.records(zone).await.len(), 2);
    assert!(matches!(
        world.dns.delete_record(&world.cx(), zone, www.id).await,
        Err(Error::NotFound)
    ));
    let entry = world.audit().await.pop().unwrap();
    assert_eq!(
        (entry.action.as_str(), entry.before.unwrap()["data"].as_str()),
        ("dns.record.deleted", Some("192.0.2.1"))
    );
}

#[tokio::test]
async fn records_are_listed_in_pages_oldest_first() {
    let world = World::new().await;
    let zone = world.zone("example.com").await.id;
    for n in 0..5 {
        world.add(zone, &format!("h{n}"), "A", "192.0.2.1").await.unwrap();
    }
    let mut seen: Vec<RecordId> = Vec::new();
    let mut page = PageRequest { limit: 3, after: None };
    loop {
        let got = world.dns.list_records(&world.cx(), zone, page).await.unwrap();
        seen.extend(got.items.iter().map(|record| record.id));
        match got.next_cursor {
            Some(cursor) => page = PageRequest::parse(Some(3), Some(&cursor)).unwrap(),
            None => break,
        }
    }
    assert_eq!(seen, world.records(zone).await.iter().map(|r| r.id).collect::<Vec<_>>());
    assert_eq!(seen.len(), 7);
}

#[tokio::test]
async fn a_developer_writes_records_and_a_viewer_reads_them() {
    let world = World::new().await;
    let zone = world.zone("example.com").await.id;
    let www = record("www", "A", "192.0.2.1");
    let developer = world.cx_of(world.tenant, Role::Developer, None);
    let made = world.dns.create_record(&developer, zone, &www).await.unwrap();
    let viewer = world.cx_of(world.tenant, Role::Viewer, None);
    world.dns.get_record(&viewer, zone, made.id).await.unwrap();
    for error in [
        world
            .dns
            .create_record(&viewer, zone, &record("x", "A", "192.0.2.1"))
            .await
            .err(),
        world.dns.delete_record(&viewer, zone, made.id).await.err(),
        world.dns.delete_zone(&developer, zone).await.err(),
    ] {
        assert_eq!(error.unwrap().kind(), Kind::Forbidden);
    }
}
