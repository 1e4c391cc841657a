use std::io::Cursor;

use crate::figures::edge::succeeded;
use crate::figures::served::query;
use crate::report::{Figure, Goal};
use crate::stats::{median, percentile};
use crate::{http, proc, wrk};

#[test]
fn percentiles_are_samples() {
    let samples: Vec<f64> = (1..=100).rev().map(f64::from).collect();
    assert_eq!(
        [50.0, 95.0, 99.0, 100.0].map(|percent| percentile(&samples, percent)),
        [50.0, 95.0, 99.0, 100.0]
    );
    assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
    assert_eq!(median(&[]), 0.0);
}

#[test]
fn a_ratio_above_one_leads_whatever_the_unit() {
    let smaller = Figure::new("memory", "MiB", 20.0, Goal::AtMost(30.0), "");
    let larger = Figure::new("rate", "req/s", 3000.0, Goal::AtLeast(2000.0), "");
    let peer = Figure::new("rate", "req/s", 300.0, Goal::BeatPeer, "").beside("nginx", 200.0);
    assert_eq!([smaller.ratio, larger.ratio, peer.ratio], [Some(1.5); 3]);
}

#[test]
fn fields_of_stat_survive_a_strange_name() {
    assert_eq!(proc::parse("1 (a) 7 (b)) S 42 5"), [0, 42, 5]);
}

#[test]
fn our_own_use_is_seen() {
    let pid = std::process::id();
    let memory = proc::memory(pid).unwrap();
    assert!(memory.pss > 0.0 && memory.rss >= memory.pss);
    assert!(proc::cpu_of_tree(pid).unwrap() >= proc::cpu(pid).unwrap());
}

#[test]
fn answers_are_read_by_length_and_in_chunks() {
    let text = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n";
    let mut stream = Cursor::new(text);
    let first = http::read(&mut stream).unwrap();
    assert_eq!((first.status, first.body.as_slice()), (200, b"ok".as_slice()));
    let second = http::read(&mut stream).unwrap();
    assert_eq!((second.status, second.body.as_slice()), (404, b"abcd".as_slice()));
    assert!(second.json().is_err());
    assert!(http::read(&mut stream).is_err());
}

#[test]
fn a_failed_request_spoils_a_run() {
    assert_eq!(wrk::outcome("noise\nresult 10 2000000 1500 0\n").unwrap().p95_ms, 1.5);
    assert!(wrk::outcome("result 10 2000000 1500 1").is_err());
    assert!(wrk::outcome("nothing").is_err());
}

#[test]
fn a_question_is_as_the_standard_says() {
    assert_eq!(query("a.bc")[12..], *b"\x01a\x02bc\x00\x00\x01\x00\x01");
}

#[test]
fn a_run_of_h2load_counts_when_every_request_succeeded() {
    let report = "finished in 1s\nstatus codes: 200 2xx, 0 3xx, 0 4xx, 0 5xx\ntraffic: 1MB\n";
    assert_eq!(succeeded(report).unwrap(), 200.0);
    assert!(succeeded("status codes: 199 2xx, 0 3xx, 0 4xx, 1 5xx").is_err());
    assert!(succeeded("status codes: 0 2xx, 0 3xx, 0 4xx, 0 5xx").is_err());
    assert!(succeeded("nothing").is_err());
}
