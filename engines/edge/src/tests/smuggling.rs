//! Requests that two servers could read differently. Whatever a client writes, a server behind sees one request or
//! none, framed in one way.

use std::io::{Read, Write};

use super::rig::{connect, read_all};
use super::servers::{Origin, answer, rig};

const INNER: &str = "GET /smuggled HTTP/1.1\r\nHost: a.example\r\n\r\n";

/// Heads that are refused, with the connection closed: nothing behind them is read as a request.
const REFUSED: &[&str] = &[
    // Two framings.
    "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n",
    "POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n",
    "POST / HTTP/1.1\r\nHost: a.example\r\ntransfer-encoding: CHUNKED\r\nCONTENT-LENGTH: 0\r\n",
    "GET / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n",
    // Two or odd lengths.
    "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 4\r\nContent-Length: 5\r\n",
    "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 4, 5\r\n",
    "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: +4\r\n",
    "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: -4\r\n",
    "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 0x4\r\n",
    "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 4 4\r\n",
    "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 4a\r\n",
    "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: \r\n",
    "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 99999999999999999999\r\n",
    "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 4\0\r\n",
    // Odd codings.
    "POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked, identity\r\n",
    "POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: identity\r\n",
    "POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: xchunked\r\n",
    "POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: gzip\r\n",
    "POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n",
    "POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: \"chunked\"\r\n",
    "POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding:\x0bchunked\r\n",
    "POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\x0b\r\n",
    "POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding:\r\n chunked\r\n",
    // Names and lines.
    "POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding : chunked\r\n",
    "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length : 4\r\n",
    "POST / HTTP/1.1\r\nHost: a.example\r\nContent Length: 4\r\n",
    "POST / HTTP/1.1\r\nHost: a.example\r\n Content-Length: 4\r\n",
    "POST / HTTP/1.1\r\nHost: a.example\r\n\tContent-Length: 4\r\n",
    "POST / HTTP/1.1\r\nHost: a.example\r\nX: a\r\n folded\r\n",
    "POST / HTTP/1.1\r\nHost: a.example\r\nX: a\r\n\tTransfer-Encoding: chunked\r\n",
    "POST / HTTP/1.1\r\nHost: a.example\r\nX\0: a\r\n",
    "POST / HTTP/1.1\r\nHost: a.example\r\nX: a\rTransfer-Encoding: chunked\r\n",
    "POST / HTTP/1.1\r\nHost: a.example\r\n: a\r\n",
    "POST / HTTP/1.1\r\nHost: a.example\r\nno colon\r\n",
    "POST / HTTP/1.1\r\n Host: a.example\r\n",
    "POST / HTTP/1.1\r\nHost: a.example\r\nX: a\nContent-Length: 4\r\n",
    "POST / HTTP/1.1\nHost: a.example\nContent-Length: 4\n",
    "POST / HTTP/1.1\r\nHost: a.example\nTransfer-Encoding: chunked\n",
    // Hosts.
    "POST / HTTP/1.1\r\nHost: a.example\r\nHost: b.example\r\n",
    "POST / HTTP/1.1\r\nHost: a.example, b.example\r\n",
    "POST / HTTP/1.1\r\nX: no host\r\n",
    "POST http://b.example/ HTTP/1.1\r\nHost: a.example\r\n",
    "POST http://a.example@b.example/ HTTP/1.1\r\nHost: a.example\r\n",
    // Request lines.
    "POST / HTTP/1.1 \r\nHost: a.example\r\n",
    "POST / HTTP/1.2\r\nHost: a.example\r\n",
    "POST / x HTTP/1.1\r\nHost: a.example\r\n",
    "POST /\0 HTTP/1.1\r\nHost: a.example\r\n",
    "PO\x01ST / HTTP/1.1\r\nHost: a.example\r\n",
    "POST  HTTP/1.1\r\nHost: a.example\r\n",
];

/// Bodies that are none: whoever asked gets no answer that looks whole, and nothing behind them is a request.
const BROKEN: &[&str] = &[
    "x\r\nabcd\r\n0\r\n\r\n",
    "-1\r\nabcd\r\n0\r\n\r\n",
    "+4\r\nabcd\r\n0\r\n\r\n",
    "0x4\r\nabcd\r\n0\r\n\r\n",
    "4 4\r\nabcd\r\n0\r\n\r\n",
    "ffffffffffffffffff\r\nabcd\r\n0\r\n\r\n",
    "10000000000000000\r\nabcd\r\n0\r\n\r\n",
    "4\nabcd\n0\n\n",
    "4\r\nabcdef\r\n0\r\n\r\n",
    "4;a=b\nc\r\nabcd\r\n0\r\n\r\n",
    "4\r\nabcd\r\n0\r\nTransfer-Encoding : chunked\r\n\r\n",
    "\r\n4\r\nabcd\r\n0\r\n\r\n",
];

fn origin() -> Origin {
    Origin::start(|head, stream| {
        // One framing, as the edge wrote it.
        let framings = head.matches("content-length:").count() + head.matches("transfer-encoding:").count();
        if framings > 1 {
            return false;
        }
        if let Some(length) = head.split("content-length: ").nth(1) {
            let length = length.split("\r\n").next().unwrap().parse().unwrap();
            stream.read_exact(&mut vec![0; length]).unwrap();
        } else if head.contains("transfer-encoding: chunked") {
            let mut body = Vec::new();
            while !body.ends_with(b"0\r\n\r\n") {
                let mut byte = [0];
                if stream.read_exact(&mut byte).is_err() {
                    return false;
                }
                body.push(byte[0]);
            }
        }
        answer(stream, "", "answered")
    })
}

#[test]
fn heads_with_two_readings_are_refused_and_end_the_connection() {
    let origin = origin();
    let rig = rig(&[&origin.address], |_, _| {});
    for head in REFUSED {
        for rest in ["0\r\n\r\n", "4\r\nabcd\r\n0\r\n\r\n", ""] {
            let mut stream = connect(rig.http());
            stream.write_all(format!("{head}\r\n{rest}{INNER}").as_bytes()).unwrap();
            let said = String::from_utf8_lossy(&read_all(&mut stream)).into_owned();
            assert!(said.starts_with("HTTP/1.1 400"), "{head:?}: {said}");
            assert_eq!(said.matches("HTTP/1.1 ").count(), 1, "{head:?}: {said}");
        }
    }
    assert_eq!(origin.count(), 0, "{:?}", origin.heads.lock().unwrap());
}

#[test]
fn what_stands_behind_another_request_is_refused_too() {
    let origin = origin();
    let rig = rig(&[&origin.address], |_, _| {});
    let clean = "POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\n\r\n";
    for head in REFUSED {
        let mut stream = connect(rig.http());
        stream
            .write_all(format!("{clean}{head}\r\n0\r\n\r\n{INNER}").as_bytes())
            .unwrap();
        let said = String::from_utf8_lossy(&read_all(&mut stream)).into_owned();
        assert!(said.starts_with("HTTP/1.1 200"), "{head:?}: {said}");
        assert_eq!(said.matches("HTTP/1.1 400").count(), 1, "{head:?}: {said}");
        assert_eq!(said.matches("HTTP/1.1 ").count(), 2, "{head:?}: {said}");
    }
    assert_eq!(origin.count(), REFUSED.len());
}

#[test]
fn who_does_not_wait_for_an_answer_is_understood_and_refused_by_the_same_rules() {
    let origin = Origin::start(|_, stream| {
        std::thread::sleep(std::time::Duration::from_millis(100));
        answer(stream, "", "answered")
    });
    let rig = rig(&[&origin.address], |_, _| {});
    let get = "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n";
    for (head, status) in [
        (
            "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 4\r\nConnection: close\r\n\r\n",
            "200",
        ),
        ("POST / HTTP/1.1\r\nHost: a.example\nContent-Length: 4\r\n\r\n", "400"),
    ] {
        let mut stream = connect(rig.http());
        stream.write_all(get.as_bytes()).unwrap();
        // While the first is open.
        for piece in [&head[..30], &head[30..], "abcd"] {
            std::thread::sleep(std::time::Duration::from_millis(20));
            stream.write_all(piece.as_bytes()).unwrap();
        }
        let said = String::from_utf8_lossy(&read_all(&mut stream)).into_owned();
        let found: Vec<&str> = said
            .match_indices("HTTP/1.1 ")
            .map(|(at, _)| &said[at + 9..at + 12])
            .collect();
        assert_eq!(found, ["200", status], "{said}");
    }
}

#[test]
fn bodies_that_are_none_end_the_connection_and_hide_no_request() {
    let origin = origin();
    let rig = rig(&[&origin.address], |_, _| {});
    for body in BROKEN {
        let mut stream = connect(rig.http());
        let head = "POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n";
        stream.write_all(format!("{head}{body}{INNER}").as_bytes()).unwrap();
        let mut said = Vec::new();
        let _ = stream.read_to_end(&mut said);
        let said = String::from_utf8_lossy(&said);
        assert!(!said.contains("answered"), "{body:?}: {said}");
    }
    let smuggled = origin
        .heads
        .lock()
        .unwrap()
        .iter()
        .any(|head| head.contains("/smuggled"));
    assert!(!smuggled);
}

#[test]
fn ordinary_requests_with_unusual_bodies_are_understood() {
    let origin = origin();
    let rig = rig(&[&origin.address], |_, _| {});
    for (head, body) in [
        ("Transfer-Encoding: chunked\r\n", "4;name=value\r\nabcd\r\n0\r\n\r\n"),
        ("Transfer-Encoding: chunked\r\n", "0004\r\nabcd\r\n000\r\n\r\n"),
        (
            "Transfer-Encoding: Chunked\r\n",
            "4\r\nabcd\r\n0\r\nX-Trailer: 1\r\n\r\n",
        ),
        ("Content-Length: 4\r\n", "abcd"),
        ("Content-Length: 04\r\n", "abcd"),
    ] {
        let mut stream = connect(rig.http());
        let request = format!("POST / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n{head}\r\n{body}");
        stream.write_all(request.as_bytes()).unwrap();
        let said = String::from_utf8(read_all(&mut stream)).unwrap();
        assert!(said.ends_with("answered"), "{head:?}{body:?}: {said}");
    }
}
