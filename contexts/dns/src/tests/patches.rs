//! Changing a record: what is not said stays as it is.

use mpanel_kernel::error::{Kind, PublicError as _};
use serde_json::json;

use crate::service::RecordPatch;
use crate::tests::support::World;

const NOTHING: RecordPatch = RecordPatch {
    name: None,
    rtype: None,
    ttl: None,
    data: None,
    seen: None,
};

#[tokio::test]
async fn names_stay_inside_the_zone_whatever_part_is_changed() {
    let world = World::new().await;
    let zone = world.zone("example.com").await.id;
    let cx = world.cx();
    // Stored names and data are absolute; none of them may get the apex a second time.
    let www = world.add(zone, "www", "CNAME", "target.example.com").await.unwrap();
    let mx = world.add(zone, "@", "MX", "10 mail.example.net").await.unwrap();
    let ttl = RecordPatch {
        ttl: Some(60),
        ..NOTHING
    };
    let after = world.dns.update_record(&cx, zone, www.id, ttl).await.unwrap();
    assert_eq!(
        (after.name.as_str(), after.data.as_str(), after.ttl),
        ("www.example.com", "target.example.com.", 60)
    );
    let data = RecordPatch {
        data: Some("20 @".into()),
        ..NOTHING
    };
    let after = world.dns.update_record(&cx, zone, mx.id, data).await.unwrap();
    assert_eq!(
        (after.name.as_str(), after.data.as_str()),
        ("example.com", "20 example.com.")
    );

    for (given, stored) in [
        ("a.b", "a.b.example.com"),
        ("WWW2.example.com", "www2.example.com"),
        ("www3.example.com.", "www3.example.com"),
        ("com", "com.example.com"),
        ("example.com.example.com.", "example.com.example.com"),
    ] {
        let name = RecordPatch {
            name: Some(given.into()),
            ..NOTHING
        };
        let after = world.dns.update_record(&cx, zone, www.id, name).await.unwrap();
        assert_eq!(
            (after.name.as_str(), after.data.as_str()),
            (stored, "target.example.com."),
            "{given}"
        );
        // And a change of something else leaves it there.
        let ttl = RecordPatch {
            ttl: Some(90),
            ..NOTHING
        };
        let after = world.dns.update_record(&cx, zone, www.id, ttl).await.unwrap();
        assert_eq!(after.name, stored);
        world.assert_published(zone).await;
    }
    for outside in ["example.net.", "www.other.example.net.", "com."] {
        let name = RecordPatch {
            name: Some(outside.into()),
            ..NOTHING
        };
        let error = world.dns.update_record(&cx, zone, www.id, name).await.err().unwrap();
        assert_eq!(error.fields()[0].pointer, "/name", "{outside}");
    }
}

#[tokio::test]
async fn a_change_needs_the_version_that_was_seen_and_is_written_down() {
    let world = World::new().await;
    let zone = world.zone("example.com").await.id;
    let cx = world.cx();
    let www = world.add(zone, "www", "A", "192.0.2.1").await.unwrap();
    let to = |data: &str, seen| RecordPatch {
        data: Some(data.into()),
        seen,
        ..NOTHING
    };
    let after = world
        .dns
        .update_record(&cx, zone, www.id, to("192.0.2.2", Some(1)))
        .await
        .unwrap();
    assert_eq!((after.version, after.data.as_str()), (2, "192.0.2.2"));
    let stale = world
        .dns
        .update_record(&cx, zone, www.id, to("192.0.2.3", Some(1)))
        .await
        .err()
        .unwrap();
    assert_eq!(stale.kind(), Kind::Stale);
    let entry = world.audit().await.pop().unwrap();
    assert_eq!(entry.action, "dns.record.changed");
    assert_eq!(
        (&entry.before.unwrap()["data"], &entry.after.unwrap()["data"]),
        (&json!("192.0.2.1"), &json!("192.0.2.2"))
    );
    world.assert_published(zone).await;
}

#[tokio::test]
async fn a_change_is_checked_like_a_new_record() {
    let world = World::new().await;
    let zone = world.zone("example.com").await.id;
    let cx = world.cx();
    let www = world.add(zone, "www", "A", "192.0.2.1").await.unwrap();
    world.add(zone, "www", "A", "192.0.2.2").await.unwrap();
    world.add(zone, "alias", "CNAME", "www.example.com").await.unwrap();
    let cases = [
        (
            RecordPatch {
                rtype: Some("AAAA".into()),
                ..NOTHING
            },
            "/data",
        ),
        (
            RecordPatch {
                rtype: Some("X".into()),
                ..NOTHING
            },
            "/type",
        ),
        (
            RecordPatch {
                ttl: Some(-5),
                ..NOTHING
            },
            "/ttl",
        ),
        (
            RecordPatch {
                data: Some("nowhere".into()),
                ..NOTHING
            },
            "/data",
        ),
        (
            RecordPatch {
                name: Some("alias".into()),
                ..NOTHING
            },
            "/type",
        ),
    ];
    for (patch, pointer) in cases {
        let error = world.dns.update_record(&cx, zone, www.id, patch).await.err().unwrap();
        assert_eq!(
            (error.kind(), error.fields()[0].pointer.as_ref()),
            (Kind::Invalid, pointer)
        );
    }
    let same = RecordPatch {
        data: Some("192.0.2.2".into()),
        ..NOTHING
    };
    let error = world.dns.update_record(&cx, zone, www.id, same).await.err().unwrap();
    assert_eq!(error.code(), "dns.record.exists");
    assert_eq!(world.dns.get_record(&cx, zone, www.id).await.unwrap(), www);
    // Type and value together make another record of it, and a TTL is the whole set's.
    let other = RecordPatch {
        rtype: Some("TXT".into()),
        data: Some("hello".into()),
        ..NOTHING
    };
    let after = world.dns.update_record(&cx, zone, www.id, other).await.unwrap();
    assert_eq!((after.rtype.as_str(), after.data.as_str()), ("TXT", "\"hello\""));
    world.assert_published(zone).await;
}
