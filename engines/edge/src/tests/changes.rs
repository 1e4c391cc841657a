use std::io::{Read, Write};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use super::rig::{Reply, Rig, certificate, connect, read_head, site, tls};
use crate::{Delta, EdgeConfig, Host};

fn upsert(name: &str, root: &str) -> Delta {
    Delta::UpsertHost {
        name: name.to_owned(),
        host: Host::from(site(root)),
    }
}

/// Requests over one kept-alive connection until told to stop; panics on anything but a whole, right answer.
fn hammer(stream: &mut (impl Read + Write), stop: &AtomicBool, count: &AtomicU64) {
    while !stop.load(Relaxed) {
        stream.write_all(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n").unwrap();
        let head = read_head(stream);
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        let length: usize = Reply::parse(head.as_bytes())
            .field("content-length")
            .unwrap()
            .parse()
            .unwrap();
        let mut body = vec![0; length];
        stream.read_exact(&mut body).unwrap();
        assert!(body == b"release 1" || body == b"release two");
        count.fetch_add(1, Relaxed);
    }
}

#[test]
fn a_hundred_changes_a_second_fail_no_request() {
    let rig = Rig::with(|options| options.files.revalidate = Duration::from_secs(2));
    rig.write("r1/index.html", "release 1");
    rig.write("r2/index.html", "release two");
    rig.edge.apply([upsert("a.example", "r1")]);
    rig.certificate("a", &["a.example"]);
    let filler: Vec<Delta> = (0..2000)
        .map(|n| upsert(&format!("filler-{n}.example"), "r1"))
        .collect();
    assert_eq!(rig.edge.apply(filler), []);
    let certificates = [certificate(&["a.example"]), certificate(&["a.example"])];
    let (stop, count) = (AtomicBool::new(false), AtomicU64::new(0));
    let (plain, secure) = (rig.http(), rig.https());
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| hammer(&mut connect(plain), &stop, &count));
        }
        scope.spawn(|| hammer(&mut tls(secure, "a.example", &["http/1.1"]).unwrap(), &stop, &count));
        // New connections and handshakes all the while.
        scope.spawn(|| {
            while !stop.load(Relaxed) {
                let once = AtomicBool::new(false);
                let mut stream = tls(secure, "a.example", &["http/1.1"]).unwrap();
                stream.write_all(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n").unwrap();
                assert!(read_head(&mut stream).starts_with("HTTP/1.1 200"));
                once.store(true, Relaxed);
            }
        });
        let start = Instant::now();
        for round in 0..200_u32 {
            let root = if round % 2 == 0 { "r2" } else { "r1" };
            let mut deltas = vec![upsert("a.example", root)];
            if round % 10 == 0 {
                let certificate = certificates[usize::from(round % 20 == 0)].clone();
                deltas.push(Delta::UpsertCertificate {
                    id: "a".to_owned(),
                    certificate,
                });
            }
            if round % 50 == 25 {
                let hosts = [("a.example".to_owned(), Host::from(site(root)))].into();
                let certificates = [("a".to_owned(), certificates[0].clone())].into();
                assert_eq!(
                    rig.edge.replace(EdgeConfig {
                        hosts,
                        certificates,
                        ..EdgeConfig::default()
                    }),
                    []
                );
            }
            assert_eq!(rig.edge.apply(deltas), []);
            std::thread::sleep(
                (start + Duration::from_millis(10) * (round + 1)).saturating_duration_since(Instant::now()),
            );
        }
        stop.store(true, Relaxed);
    });
    assert!(count.load(Relaxed) > 200, "{count:?}");
}

#[test]
fn each_change_is_visible_to_the_next_request() {
    let rig = Rig::with(|options| options.files.revalidate = Duration::from_secs(3600));
    for release in 0..50 {
        rig.write(&format!("r{release}/index.html"), format!("{release}"));
    }
    let mut stream = connect(rig.http());
    for release in 0..50 {
        rig.edge.apply([upsert("a.example", &format!("r{release}"))]);
        stream.write_all(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n").unwrap();
        let head = read_head(&mut stream);
        let mut body = vec![0; if release < 10 { 1 } else { 2 }];
        stream.read_exact(&mut body).unwrap();
        assert_eq!(String::from_utf8(body).unwrap(), release.to_string(), "{head}");
    }
}

#[test]
fn replacing_everything_removes_what_is_not_named_and_keeps_what_cannot_be_read() {
    let rig = Rig::new();
    rig.write("a/index.html", "a");
    rig.edge.apply([
        upsert("a.example", "a"),
        upsert("b.example", "a"),
        upsert("*", "a"),
        upsert("*.c.example", "a"),
    ]);
    assert_eq!(rig.edge.status().hosts, 4);
    let bad = Host::from(site("../a"));
    let rejected = rig.edge.replace(EdgeConfig {
        hosts: [("a.example".to_owned(), bad)].into(),
        ..Default::default()
    });
    assert_eq!(rejected.len(), 1);
    assert_eq!(rig.get("a.example", "/").text(), "a");
    assert_eq!(rig.get("b.example", "/").status, 404);
    assert_eq!(rig.edge.status().hosts, 1);
}

#[test]
fn the_shapes_of_the_feed_are_understood() {
    let config: EdgeConfig = serde_json::from_value(serde_json::json!({
        "hosts": {
            "a.example": {"target": {"kind": "site", "site": "site_1", "tenant": "tnt_1", "root": "site_1/releases/rel_1",
                "spa_fallback": true, "not_found": null, "https_redirect": true}},
            "b.example": {"target": {"kind": "redirect", "to": "https://a.example", "status": 301, "keep_path": true}},
            "panel.example": {"target": {"kind": "panel"}},
            "*.new.example": {"target": {"kind": "placeholder", "title": "Soon", "text": "Nothing yet"}},
        },
        "certificates": {"crt_1": {"names": ["a.example"], "chain_pem": "x", "key_pem": "y", "not_after": "2027-01-01T00:00:00Z"}},
    }))
    .unwrap();
    let rig = Rig::new();
    let rejected = rig.edge.replace(config);
    assert_eq!(
        rejected.iter().map(|entry| entry.key.as_str()).collect::<Vec<_>>(),
        ["crt_1"]
    );
    assert_eq!(rig.edge.status().hosts, 4);
}
