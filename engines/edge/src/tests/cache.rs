//! The cache before a real pool, over real connections.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Barrier};

use super::rig::Rig;
use super::servers::{Origin, answer};
use crate::{CachePolicy, Delta, Host, Proxy, Purge, PurgeWhat, Target, Upstream};

const FRESH: &str = "Cache-Control: max-age=60\r\nCache-Tag: red\r\n";

fn rig(origin: &Origin, policy: CachePolicy) -> Rig {
    let rig = Rig::new();
    rig.upstream("pool", Upstream::new([origin.address.as_str()]));
    let mut host = Host::from(Target::Proxy(Proxy::new("pool")));
    host.cache = Some(Box::new(policy));
    let delta = Delta::UpsertHost {
        name: "a.example".to_owned(),
        host,
    };
    assert_eq!(rig.edge.apply([delta]), []);
    rig
}

fn purge(what: PurgeWhat) -> Purge {
    Purge {
        site: "a.example".to_owned(),
        what,
        soft: false,
    }
}

/// Says how often it has been asked.
fn counting() -> Origin {
    let asked = AtomicUsize::new(0);
    Origin::start(move |head, stream| {
        let count = asked.fetch_add(1, Relaxed) + 1;
        let body = if head.starts_with("head") {
            String::new()
        } else {
            format!("answer {count}")
        };
        answer(stream, FRESH, &body)
    })
}

#[test]
fn a_pool_is_asked_once_and_purges_count_at_once() {
    let origin = counting();
    let rig = rig(&origin, CachePolicy::default());
    for _ in 0..3 {
        assert_eq!(rig.get("a.example", "/x?b=1").text(), "answer 1");
    }
    let hit = rig.get("a.example", "/x?b=1");
    assert!(
        hit.field("cache-status").unwrap().starts_with("mpanel; hit; ttl="),
        "{}",
        hit.head
    );
    assert!(hit.field("cache-tag").is_none());
    let head = rig.request("HEAD", "a.example", "/x?b=1", "");
    assert_eq!((head.field("content-length"), head.body.len()), (Some("8"), 0));
    assert_eq!(
        rig.request("GET", "a.example", "/x?b=1", "Range: bytes=0-5\r\n").text(),
        "answer"
    );
    assert_eq!(origin.count(), 1);

    let url = PurgeWhat::Url {
        host: "a.example".to_owned(),
        path: "/x?b=1".to_owned(),
    };
    rig.edge.purge(&purge(url));
    assert_eq!(rig.get("a.example", "/x?b=1").text(), "answer 2");
    let tags = PurgeWhat::Tags {
        tags: vec!["red".to_owned()],
    };
    let delta = Delta::Purge {
        seq: 5,
        purge: purge(tags),
    };
    assert_eq!(rig.edge.apply([delta.clone()]), []);
    assert_eq!(rig.get("a.example", "/x?b=1").text(), "answer 3");
    assert_eq!(rig.edge.apply([delta]), []);
    assert_eq!(rig.get("a.example", "/x?b=1").text(), "answer 3");
    assert_eq!(rig.edge.status().purged, 5);
    let counted = &rig.edge.cache_counters()[0];
    assert_eq!(
        (counted.site.as_str(), counted.misses, counted.held),
        ("a.example", 3, 1)
    );
    assert!(counted.hit_ratio().unwrap() > 0.6);
}

#[test]
fn a_hundred_who_come_together_ask_once() {
    let asked = Arc::new(AtomicUsize::new(0));
    let gate = Arc::new(Barrier::new(2));
    let (count, open) = (Arc::clone(&asked), Arc::clone(&gate));
    let origin = Origin::start(move |_, stream| {
        count.fetch_add(1, Relaxed);
        open.wait();
        answer(stream, FRESH, "together")
    });
    let rig = rig(&origin, CachePolicy::default());
    std::thread::scope(|scope| {
        let all: Vec<_> = (0..100).map(|_| scope.spawn(|| rig.get("a.example", "/"))).collect();
        // The last of them may still be on its way: it finds the answer in memory.
        gate.wait();
        for got in all {
            assert_eq!(got.join().unwrap().text(), "together");
        }
    });
    assert_eq!(asked.load(Relaxed), 1);
}

#[test]
fn a_change_passes_and_makes_what_is_kept_untrue() {
    let origin = counting();
    let rig = rig(&origin, CachePolicy::default());
    assert_eq!(rig.get("a.example", "/").text(), "answer 1");
    let posted = rig.request("POST", "a.example", "/", "Content-Length: 0\r\n");
    assert_eq!(posted.field("cache-status"), Some("mpanel; fwd=method"));
    assert_eq!(rig.get("a.example", "/").text(), "answer 3");
}

#[test]
fn what_a_client_says_about_the_address_reaches_nobody() {
    let origin = Origin::start(|head, stream| answer(stream, FRESH, head));
    let rig = rig(&origin, CachePolicy::default());
    let lies = "X-Forwarded-Host: evil\r\nX-Forwarded-Proto: evil\r\nForwarded: host=evil\r\nX-Original-URL: /evil\r\n\
        X-HTTP-Method-Override: EVIL\r\nX-Forwarded-For: evil\r\n";
    let first = rig.request("GET", "a.example", "/", lies);
    assert!(!first.text().contains("evil"), "{}", first.text());
    // A port is part of the address.
    let other = rig.request("GET", "a.example:8081", "/", "");
    assert!(other.text().contains("a.example:8081"));
    assert!(!rig.get("a.example", "/").text().contains("8081"));
}

#[test]
fn a_policy_that_makes_no_sense_is_refused_with_its_field() {
    let rig = Rig::new();
    let mut host = Host::from(Target::Proxy(Proxy::new("pool")));
    host.cache = Some(Box::new(CachePolicy {
        bypass_paths: vec!["admin".to_owned()],
        ..CachePolicy::default()
    }));
    let delta = Delta::UpsertHost {
        name: "a.example".to_owned(),
        host,
    };
    let rejected = rig.edge.apply([delta]);
    assert!(rejected[0].reason.starts_with("cache.bypass_paths"), "{rejected:?}");
}
