//! FastCGI servers that misbehave.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use super::fastcgi::record;
use super::rig::Rig;
use crate::{Php, Target};

/// A program that reads a whole request and then does as it is told; how many connections it has had.
fn program<F>(answer: F) -> (String, Arc<AtomicUsize>)
where
    F: Fn(usize, &mut TcpStream) + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let connections = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&connections);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let number = count.fetch_add(1, Relaxed);
            if read_request(&mut stream).is_some() {
                answer(number, &mut stream);
            }
        }
    });
    (address, connections)
}

fn read_request(stream: &mut TcpStream) -> Option<()> {
    loop {
        let mut header = [0; 8];
        stream.read_exact(&mut header).ok()?;
        let length = usize::from(u16::from_be_bytes([header[4], header[5]])) + usize::from(header[6]);
        stream.read_exact(&mut vec![0; length]).ok()?;
        if header[1] == 5 && length == 0 {
            return Some(());
        }
    }
}

fn rig(socket: String, change: impl FnOnce(&mut Php)) -> Rig {
    let rig = Rig::with(|options| options.threads = 1);
    rig.write("a/index.php", "");
    let mut php = Php::new("a", socket);
    change(&mut php);
    rig.host("a.example", Target::Php(php));
    rig
}

const END: [u8; 8] = [0; 8];

fn ok(stream: &mut TcpStream) {
    stream.write_all(&record(6, b"A: b\r\n\r\nfine", 4)).unwrap();
    stream.write_all(&record(3, &END, 0)).unwrap();
}

#[test]
fn answers_that_make_no_sense_are_a_bad_gateway() {
    for bytes in [
        b"HTTP/1.1 200 OK\r\n\r\n".to_vec(),
        record(6, b"nonsense\r\n\r\n", 0),
        record(3, &END, 0),
        Vec::new(),
        record(6, &[b'a'; 60_000], 0).repeat(2),
        [record(6, b"Status: 200\r\nStatus: 404\r\n\r\n", 0), record(3, &END, 0)].concat(),
    ] {
        let said = bytes.clone();
        let (address, _) = program(move |_, stream| {
            let _ = stream.write_all(&bytes);
        });
        let reply = rig(address, |_| {}).get("a.example", "/");
        assert_eq!(
            reply.status,
            502,
            "{:?}",
            String::from_utf8_lossy(&said[..said.len().min(40)])
        );
    }
}

#[test]
fn a_program_without_room_is_a_busy_site() {
    let (address, _) = program(|_, stream| {
        stream.write_all(&record(3, &[0, 0, 0, 0, 2, 0, 0, 0], 0)).unwrap();
    });
    assert_eq!(rig(address, |_| {}).get("a.example", "/").status, 503);
}

#[test]
fn what_may_have_run_is_not_sent_again() {
    // The first connection answers once and breaks off with the second request, unseen by the edge.
    let two = |number: usize, stream: &mut TcpStream| {
        ok(stream);
        if number == 0 {
            let _ = read_request(stream);
        }
    };
    for (method, fields, expected, connections) in [("GET", "", 200, 2), ("POST", "Content-Length: 0\r\n", 502, 1)] {
        let (address, count) = program(two);
        let rig = rig(address, |php| php.keep_connections = 1);
        assert_eq!(rig.get("a.example", "/").text(), "fine");
        let reply = rig.request(method, "a.example", "/", fields);
        assert_eq!((reply.status, count.load(Relaxed)), (expected, connections), "{method}");
    }
}

#[test]
fn a_refused_connection_is_tried_again_for_a_moment() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let rig = rig(address.to_string(), |_| {});
    assert_eq!(rig.get("a.example", "/").status, 502);
}

#[test]
fn entries_that_cannot_be_used_are_refused_with_the_field() {
    let rig = Rig::new();
    let check = |change: fn(&mut Php), expected: &str| {
        let mut php = Php::new("a", "unix:/run/x.sock");
        change(&mut php);
        let delta = crate::Delta::UpsertHost {
            name: "a.example".to_owned(),
            host: crate::Host::from(Target::Php(php)),
        };
        let rejected = rig.edge.apply([delta]);
        assert!(rejected[0].reason.contains(expected), "{rejected:?}");
    };
    check(|php| php.root = "../a".to_owned(), "root");
    check(|php| php.socket = "run/x.sock".to_owned(), "neither unix:");
    check(|php| php.socket = "unix:run/x.sock".to_owned(), "absolute path");
    check(|php| php.socket = "name.example:9000".to_owned(), "not a name");
    check(|php| php.socket = "127.0.0.1".to_owned(), "port is missing");
    check(|php| php.script_root = Some("relative".to_owned()), "script_root");
    check(|php| php.suffixes = vec!["php".to_owned()], "suffix");
    check(|php| php.index = vec!["a/index.php".to_owned()], "index");
    check(
        |php| php.front_controller = Some("index.html".to_owned()),
        "front_controller",
    );
    check(
        |php| php.front_controller = Some("../index.php".to_owned()),
        "front_controller",
    );
    check(|php| php.connect_timeout_ms = 0, "connect_timeout_ms");
    check(|php| php.response_timeout_ms = 0, "response_timeout_ms");
}
