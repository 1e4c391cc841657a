use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use super::rig::{Rig, connect, read_head};
use super::servers::{Origin, answer, rig, server, until};
use crate::{Balance, Check, Proxy, Target};

/// How often each of `names` has answered `times` requests.
fn answers(rig: &Rig, times: usize) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for _ in 0..times {
        *counts.entry(rig.get("a.example", "/").text()).or_default() += 1;
    }
    counts
}

fn counts<const N: usize>(expected: [(&str, usize); N]) -> BTreeMap<String, usize> {
    expected.map(|(name, count)| (name.to_owned(), count)).into()
}

#[test]
fn requests_go_round_by_weight_and_backups_wait() {
    let (a, b, c) = (Origin::saying("a"), Origin::saying("b"), Origin::saying("c"));
    let rig = rig(&["127.0.0.1:1"], |pool, _| {
        pool.servers = vec![
            server(&a.address, |server| server.weight = 3),
            server(&b.address, |_| {}),
            server(&c.address, |server| server.backup = true),
        ];
    });
    assert_eq!(answers(&rig, 40), counts([("a", 30), ("b", 10)]));
}

#[test]
fn a_backup_takes_over_when_the_others_are_gone_or_full() {
    let held = Origin::start(|_, stream| {
        stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")
            .unwrap();
        stream.read(&mut [0]).is_ok()
    });
    let backup = Origin::saying("backup");
    let rig = rig(&["127.0.0.1:1"], |pool, _| {
        pool.servers = vec![
            server(&held.address, |server| server.max_connections = 1),
            server(&backup.address, |server| server.backup = true),
        ];
    });
    let mut holding = connect(rig.http());
    holding.write_all(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n").unwrap();
    read_head(&mut holding);
    assert_eq!(answers(&rig, 3), counts([("backup", 3)]));
    // Everybody is full: nobody waits in vain.
    rig.upstream("pool", {
        let mut pool = crate::Upstream::new([held.address.as_str()]);
        pool.servers[0].max_connections = 1;
        pool
    });
    assert_eq!(rig.get("a.example", "/").status, 503);
    drop(holding);
    until("a place that is free again", || {
        let mut stream = connect(rig.http());
        stream.write_all(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n").unwrap();
        read_head(&mut stream).starts_with("HTTP/1.1 200")
    });
}

#[test]
fn the_least_busy_server_is_asked() {
    let busy = Origin::start(|head, stream| {
        if head.starts_with("get /hold") {
            stream
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")
                .unwrap();
            return stream.read(&mut [0]).is_ok();
        }
        answer(stream, "", "busy")
    });
    let free = Origin::start(|head, stream| {
        if head.starts_with("get /hold") {
            stream
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")
                .unwrap();
            return stream.read(&mut [0]).is_ok();
        }
        answer(stream, "", "free")
    });
    let rig = rig(&[&busy.address, &free.address], |pool, _| {
        pool.balance = Balance::LeastConnections
    });
    let mut holding = connect(rig.http());
    holding
        .write_all(b"GET /hold HTTP/1.1\r\nHost: a.example\r\n\r\n")
        .unwrap();
    read_head(&mut holding);
    assert_eq!(answers(&rig, 10).len(), 1);
}

#[test]
fn a_client_stays_with_its_server_while_that_is_there() {
    let (a, b) = (Origin::saying("a"), Origin::saying("b"));
    let rig = rig(&[&a.address, &b.address], |pool, _| pool.balance = Balance::ClientHash);
    assert_eq!(answers(&rig, 10).len(), 1);
}

#[test]
fn a_visitor_with_the_cookie_stays_with_its_server() {
    let (a, b) = (Origin::saying("a"), Origin::saying("b"));
    let rig = rig(&[&a.address, &b.address], |pool, _| {
        pool.sticky_cookie = Some("srv".to_owned())
    });
    for _ in 0..4 {
        let first = rig.get("a.example", "/");
        let cookie = first.field("set-cookie").unwrap();
        assert!(cookie.ends_with("; Path=/; HttpOnly; SameSite=Lax"), "{cookie}");
        let pair = cookie.split(';').next().unwrap();
        assert!(!pair.contains("127.0.0.1") && pair.len() == "srv=".len() + 16, "{pair}");
        for _ in 0..3 {
            let again = rig.request("GET", "a.example", "/", &format!("Cookie: x=y; {pair}\r\n"));
            assert_eq!((again.text(), again.field("set-cookie")), (first.text(), None));
        }
    }
    // What means nobody gets somebody.
    let other = rig.request("GET", "a.example", "/", "Cookie: srv=0000000000000000\r\n");
    assert!(other.status == 200 && other.field("set-cookie").is_some());
}

#[test]
fn a_dead_server_costs_nobody_a_request_and_is_left_alone_for_a_while() {
    let good = Origin::saying("good");
    let dead = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let rig = rig(&[&dead.to_string(), &good.address], |pool, _| {
        pool.failures = 2;
        pool.eject_ms = 3_600_000;
    });
    assert_eq!(answers(&rig, 20), counts([("good", 20)]));
    // It is back, and nobody asks it yet.
    let back = std::net::TcpListener::bind(dead).unwrap();
    back.set_nonblocking(true).unwrap();
    assert_eq!(answers(&rig, 5), counts([("good", 5)]));
    assert!(back.accept().is_err());
}

#[test]
fn a_server_that_is_not_well_gets_no_requests_until_it_is() {
    let well = Arc::new(AtomicBool::new(true));
    let state = Arc::clone(&well);
    let sick = Origin::start(move |head, stream| {
        if head.starts_with("get /health") && !state.load(Relaxed) {
            return stream
                .write_all(b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n")
                .is_ok();
        }
        answer(stream, "", "sick")
    });
    let good = Origin::saying("good");
    let rig = rig(&[&sick.address, &good.address], |pool, _| {
        pool.check = Some(Check {
            path: "/health?x".to_owned(),
            interval_ms: 20,
            timeout_ms: 5_000,
            expect: vec![200],
        });
    });
    assert_eq!(answers(&rig, 4).len(), 2);
    well.store(false, Relaxed);
    until("it is left alone", || answers(&rig, 4) == counts([("good", 4)]));
    well.store(true, Relaxed);
    until("it is asked again", || answers(&rig, 4).len() == 2);
}

#[test]
fn one_that_may_answer_is_better_than_a_refusal() {
    let origin = Origin::start(|head, stream| {
        if head.starts_with("get /health") {
            return false;
        }
        answer(stream, "", "answer")
    });
    let rig = rig(&[&origin.address], |pool, _| {
        pool.check = Some(Check {
            path: "/health".to_owned(),
            interval_ms: 20,
            timeout_ms: 5_000,
            expect: Vec::new(),
        });
    });
    until("a check", || {
        origin
            .heads
            .lock()
            .unwrap()
            .iter()
            .any(|head| head.starts_with("get /health"))
    });
    assert_eq!(rig.get("a.example", "/").text(), "answer");
}

#[test]
fn pools_of_one_owner_share_what_may_be_open_and_others_have_their_own() {
    let held = Origin::start(|_, stream| {
        stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")
            .unwrap();
        stream.read(&mut [0]).is_ok()
    });
    let free = Origin::saying("free");
    let rig = Rig::with(|options| {
        options.threads = 1;
        options.proxy.owner_requests = 1;
    });
    for (name, owner, address) in [
        ("one", "a", &held.address),
        ("two", "a", &free.address),
        ("three", "b", &free.address),
    ] {
        let mut pool = crate::Upstream::new([address.as_str()]);
        owner.clone_into(&mut pool.owner);
        rig.upstream(name, pool);
        rig.host(&format!("{name}.example"), Target::Proxy(Proxy::new(name)));
    }
    let mut holding = connect(rig.http());
    holding
        .write_all(b"GET / HTTP/1.1\r\nHost: one.example\r\n\r\n")
        .unwrap();
    read_head(&mut holding);
    assert_eq!(rig.get("two.example", "/").status, 503);
    assert_eq!(rig.get("three.example", "/").text(), "free");
    drop(holding);
    until("a place that is free again", || {
        rig.get("two.example", "/").status == 200
    });
}
