use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::rig::{Rig, site};
use crate::{AccessLog, AccessRecord, Delta, HostCounters, Target};

#[derive(Default)]
struct Sink(Mutex<Vec<AccessRecord>>);

impl AccessLog for Sink {
    fn record(&self, record: &AccessRecord) {
        self.0.lock().unwrap().push(record.clone());
    }
}

fn labelled(root: &str) -> Target {
    let Target::Site {
        root,
        spa_fallback,
        not_found,
        https_redirect,
        ..
    } = site(root)
    else {
        unreachable!()
    };
    Target::Site {
        site: "site_1".to_owned(),
        root,
        spa_fallback,
        not_found,
        https_redirect,
    }
}

fn of(rig: &Rig, host: &str) -> HostCounters {
    rig.edge
        .counters()
        .into_iter()
        .find(|counters| counters.host == host)
        .unwrap_or_default()
}

/// The body's meter is read after the client has its last byte, so the end may come a moment later.
fn eventually(mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(5), "does not come true");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn requests_and_bytes_are_counted_exactly() {
    let rig = Rig::new();
    rig.write("a/index.html", "0123456789");
    rig.write("a/large.bin", vec![1; 1_000_000]);
    rig.host("a.example", labelled("a"));
    for _ in 0..7 {
        rig.get("a.example", "/");
    }
    rig.request("HEAD", "a.example", "/", "");
    rig.request("GET", "a.example", "/", "Range: bytes=0-3\r\n");
    rig.request("GET", "a.example", "/", "If-None-Match: *\r\n");
    rig.get("a.example", "/large.bin");
    let missing = rig.get("a.example", "/nothing").body.len() as u64;
    let counters = of(&rig, "a.example");
    assert_eq!(
        (counters.requests, counters.bytes_out),
        (12, 70 + 4 + 1_000_000 + missing)
    );
    assert_eq!(counters.status, [0, 10, 1, 1, 0]);
    assert_eq!(
        (counters.latency.iter().sum::<u64>(), counters.site.as_str()),
        (12, "site_1")
    );
    rig.get("other.example", "/");
    assert_eq!(of(&rig, "").requests, 1);
}

#[test]
fn counters_outlive_changes_and_are_forgotten_only_when_told() {
    let rig = Rig::new();
    rig.write("a/index.html", "x");
    rig.host("a.example", site("a"));
    rig.get("a.example", "/");
    rig.host("a.example", site("a"));
    rig.get("a.example", "/");
    let live = of(&rig, "a.example");
    assert_eq!((live.requests, live.live), (2, true));
    assert!(!rig.edge.forget_counters(&live));
    rig.edge.apply([Delta::DeleteHost {
        name: "a.example".to_owned(),
    }]);
    eventually(|| !of(&rig, "a.example").live);
    assert!(!rig.edge.forget_counters(&HostCounters {
        requests: 1,
        ..of(&rig, "a.example")
    }));
    assert!(rig.edge.forget_counters(&of(&rig, "a.example")));
    assert_eq!(of(&rig, "a.example").requests, 0);
}

#[test]
fn each_request_leaves_one_record() {
    let sink = Arc::new(Sink::default());
    let rig = Rig::with(|options| options.access_log = Some(sink.clone()));
    rig.write("a/index.html", "0123456789");
    rig.host("a.example", labelled("a"));
    rig.request(
        "GET",
        "a.example",
        "/?q=1",
        "User-Agent: test\r\nReferer: https://r.example/\r\n",
    );
    rig.ask("GET / HTTP/1.1\r\n\r\n");
    eventually(|| sink.0.lock().unwrap().len() == 2);
    let records = sink.0.lock().unwrap();
    let first = &records[0];
    assert_eq!(
        (first.entry.as_str(), first.site.as_str(), first.host.as_str()),
        ("a.example", "site_1", "a.example")
    );
    assert_eq!(
        (first.path.as_str(), first.status.as_u16(), first.bytes),
        ("/?q=1", 200, 10)
    );
    assert_eq!(
        (first.user_agent.as_deref(), first.referer.as_deref()),
        (Some("test"), Some("https://r.example/"))
    );
    assert!(first.peer.is_loopback() && !first.tls);
    assert_eq!((records[1].status.as_u16(), records[1].entry.as_str()), (400, ""));
}
