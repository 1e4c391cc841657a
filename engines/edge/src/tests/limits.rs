use std::io::{Read, Write};
use std::time::{Duration, Instant};

use super::rig::{Rig, connect, read_head, site};

fn rig(change: impl FnOnce(&mut crate::Limits)) -> Rig {
    let rig = Rig::with(|options| change(&mut options.limits));
    rig.write("a/index.html", "home");
    rig.write("a/large.bin", vec![7; 64 * 1024 * 1024]);
    rig.host("a.example", site("a"));
    rig
}

/// How long until the other side closes.
fn until_closed(stream: &mut std::net::TcpStream) -> Duration {
    let start = Instant::now();
    let mut buffer = [0; 4096];
    while matches!(stream.read(&mut buffer), Ok(count) if count > 0) {}
    start.elapsed()
}

#[test]
fn a_client_that_never_finishes_its_head_is_cut_off() {
    let rig = rig(|limits| limits.head_timeout = Duration::from_millis(500));
    let mut silent = connect(rig.http());
    let mut slow = connect(rig.http());
    slow.write_all(b"GET / HTTP/1.1\r\nHost: a.exa").unwrap();
    let mut second = connect(rig.http());
    second.write_all(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n").unwrap();
    read_head(&mut second);
    second.write_all(b"GET / HTT").unwrap();
    let mut handshake = connect(rig.https());
    handshake.write_all(&[0x16, 3, 1]).unwrap();
    let mut panel = connect(rig.panel());
    for stream in [&mut silent, &mut slow, &mut second, &mut handshake, &mut panel] {
        assert!(until_closed(stream) < Duration::from_secs(5));
    }
}

#[test]
fn an_idle_connection_is_closed_in_the_end() {
    let rig = rig(|limits| limits.idle_timeout = Duration::from_millis(600));
    let mut stream = connect(rig.http());
    for _ in 0..3 {
        stream.write_all(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n").unwrap();
        assert!(read_head(&mut stream).starts_with("HTTP/1.1 200"));
        stream.read_exact(&mut [0; 4]).unwrap();
        std::thread::sleep(Duration::from_millis(250));
    }
    assert!(until_closed(&mut stream) < Duration::from_secs(5));
}

#[test]
fn a_client_that_does_not_read_is_cut_off() {
    let rig = rig(|limits| limits.stall_timeout = Duration::from_millis(500));
    let mut stream = connect(rig.http());
    stream
        .write_all(b"GET /large.bin HTTP/1.1\r\nHost: a.example\r\n\r\n")
        .unwrap();
    let start = Instant::now();
    while rig.edge.status().connections > 0 {
        assert!(start.elapsed() < Duration::from_secs(5), "still open");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn one_address_and_everyone_together_have_limits() {
    for (all, one) in [(3, 100), (100, 3)] {
        let rig = rig(|limits| (limits.connections, limits.connections_per_address) = (all, one));
        let mut open = Vec::new();
        for _ in 0..3 {
            let mut stream = connect(rig.http());
            stream.write_all(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n").unwrap();
            read_head(&mut stream);
            open.push(stream);
        }
        let mut refused = connect(rig.http());
        assert!(matches!(refused.read(&mut [0; 16]), Ok(0) | Err(_)));
        open.clear();
        let start = Instant::now();
        while rig.edge.status().connections > 0 && start.elapsed() < Duration::from_secs(5) {
            std::thread::sleep(Duration::from_millis(10));
        }
        assert_eq!(rig.get("a.example", "/").status, 200);
    }
}

#[test]
fn stopping_finishes_what_is_open_and_takes_nothing_new() {
    let rig = rig(|_| {});
    let address = rig.http();
    let mut idle = connect(address);
    idle.write_all(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n").unwrap();
    read_head(&mut idle);
    let mut busy = connect(address);
    busy.write_all(b"GET /large.bin HTTP/1.1\r\nHost: a.example\r\n\r\n")
        .unwrap();
    let head = read_head(&mut busy);
    assert!(head.contains("content-length: 67108864"), "{head}");
    let running = rig.running;
    let stopping = std::thread::spawn(move || running.stop(Duration::from_secs(20)));
    assert!(until_closed(&mut idle) < Duration::from_secs(5));
    let mut rest = vec![0; 64 * 1024 * 1024];
    busy.read_exact(&mut rest).unwrap();
    assert!(rest.iter().all(|byte| *byte == 7));
    drop(busy);
    assert_eq!(stopping.join().unwrap().aborted, 0);
    assert!(std::net::TcpStream::connect(address).is_err());
}

#[test]
fn a_kept_connection_hears_that_it_closes_before_it_does() {
    let rig = rig(|_| {});
    let mut kept = connect(rig.http());
    let mut ask = || {
        kept.write_all(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n").unwrap();
        let head = read_head(&mut kept);
        kept.read_exact(&mut [0; 4]).unwrap();
        head
    };
    assert!(!ask().contains("connection: close"));
    let running = rig.running;
    let stopping = std::thread::spawn(move || running.stop(Duration::from_secs(20)));
    // Whoever asks again and again is answered each time, until told.
    while !ask().contains("connection: close") {}
    assert_eq!(kept.read(&mut [0; 16]).unwrap(), 0);
    assert_eq!(stopping.join().unwrap().aborted, 0);
}

#[test]
fn stopping_cuts_off_what_outlasts_the_grace_period() {
    let rig = rig(|_| {});
    let mut busy = connect(rig.http());
    busy.write_all(b"GET /large.bin HTTP/1.1\r\nHost: a.example\r\n\r\n")
        .unwrap();
    read_head(&mut busy);
    let start = Instant::now();
    assert_eq!(rig.running.stop(Duration::from_millis(300)).aborted, 1);
    assert!(start.elapsed() < Duration::from_secs(3));
}
