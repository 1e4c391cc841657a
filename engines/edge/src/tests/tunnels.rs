use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use super::rig::{Rig, connect, read_all, read_head};
use super::servers::{Origin, answer, rig, until};

const ASK: &str = "GET /ws HTTP/1.1\r\nHost: a.example\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

/// Switches protocols and sends back what it gets.
fn echo() -> Origin {
    Origin::start(|head, stream| {
        if !head.contains("connection: upgrade\r\n") || !head.contains("upgrade: websocket\r\n") {
            return answer(stream, "", "no switch");
        }
        // The first bytes come with the head of the answer.
        stream
            .write_all(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\nhello")
            .unwrap();
        let mut buffer = [0; 64 * 1024];
        while let Ok(count @ 1..) = stream.read(&mut buffer) {
            if stream.write_all(&buffer[..count]).is_err() {
                break;
            }
        }
        false
    })
}

fn open(rig: &Rig) -> TcpStream {
    let mut stream = connect(rig.http());
    stream.write_all(ASK.as_bytes()).unwrap();
    let head = read_head(&mut stream).to_ascii_lowercase();
    assert!(head.starts_with("http/1.1 101"), "{head}");
    assert!(
        head.contains("upgrade: websocket\r\n") && head.contains("connection: upgrade\r\n"),
        "{head}"
    );
    let mut first = [0; 5];
    stream.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"hello");
    stream
}

fn turn(stream: &mut TcpStream, text: &[u8]) {
    stream.write_all(text).unwrap();
    let mut back = vec![0; text.len()];
    stream.read_exact(&mut back).unwrap();
    assert_eq!(back, text);
}

#[test]
fn a_websocket_passes_bytes_both_ways_until_either_side_ends() {
    let origin = echo();
    let rig = rig(&[&origin.address], |_, _| {});
    let mut stream = open(&rig);
    turn(&mut stream, b"one");
    turn(&mut stream, &vec![7; 60_000]);
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(stream.read(&mut [0; 8]).unwrap(), 0);
    // Many at a time, none of which holds up another.
    let mut all: Vec<TcpStream> = (0..50).map(|_| open(&rig)).collect();
    for (number, stream) in all.iter_mut().enumerate() {
        turn(stream, format!("number {number}").as_bytes());
    }
}

#[test]
fn a_websocket_outlives_the_limits_of_requests_but_not_its_own() {
    let origin = echo();
    let rig_short = Rig::with(|options| {
        options.limits.idle_timeout = Duration::from_millis(100);
        options.limits.stall_timeout = Duration::from_millis(100);
        options.limits.head_timeout = Duration::from_secs(2);
    });
    let mut pool = crate::Upstream::new([origin.address.as_str()]);
    pool.response_timeout_ms = 2_000;
    pool.tunnel_timeout_ms = 6_000;
    rig_short.upstream("pool", pool);
    rig_short.host("a.example", crate::Target::Proxy(crate::Proxy::new("pool")));
    let mut stream = open(&rig_short);
    for _ in 0..5 {
        std::thread::sleep(Duration::from_millis(500));
        turn(&mut stream, b"still here");
    }
    assert_eq!(stream.read(&mut [0; 8]).unwrap_or(0), 0, "ends by its own limit");
}

#[test]
fn open_websockets_have_their_time_when_the_edge_stops() {
    let origin = echo();
    let rig = rig(&[&origin.address], |_, _| {});
    let mut stream = open(&rig);
    let address = rig.http();
    let running = rig.running;
    let stopping = std::thread::spawn(move || running.stop(Duration::from_secs(20)));
    until("nobody listens any more", || TcpStream::connect(address).is_err());
    turn(&mut stream, b"goodbye");
    drop(stream);
    assert_eq!(stopping.join().unwrap().aborted, 0);
}

#[test]
fn what_is_not_a_clear_switch_is_an_ordinary_request() {
    let origin = echo();
    let rig = rig(&[&origin.address], |_, _| {});
    for fields in [
        "Upgrade: websocket\r\n",
        "Connection: upgrade\r\n",
        "Connection: upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n",
        "Connection: upgrade\r\nUpgrade: websocket, h2c\r\n",
        "Connection: upgrade\r\nUpgrade: TLS/1.0\r\n",
        "Connection: upgrade\r\nUpgrade: websocket\r\nUpgrade: x\r\n",
        "Connection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 0\r\nX: y\r\nTransfer-Encoding: identity\r\n",
    ] {
        let mut stream = connect(rig.http());
        write!(stream, "GET /ws HTTP/1.1\r\nHost: a.example\r\n{fields}\r\n").unwrap();
        let head = read_head(&mut stream);
        assert!(
            head.starts_with("HTTP/1.1 200") || head.starts_with("HTTP/1.1 400"),
            "{fields:?}: {head}"
        );
    }
    // A client that talks before it is answered is not taken to have switched.
    let mut stream = connect(rig.http());
    stream.write_all(format!("{ASK}early").as_bytes()).unwrap();
    assert!(read_head(&mut stream).starts_with("HTTP/1.1 200"));
}

#[test]
fn events_are_passed_on_one_by_one() {
    let origin = Origin::start(|_, stream| {
        stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
            .unwrap();
        for number in 0..3 {
            let event = format!("9\r\ndata: {number}\n\n\r\n");
            stream.write_all(event.as_bytes()).unwrap();
            // Not before the client has it.
            stream.read_exact(&mut [0]).unwrap();
        }
        stream.write_all(b"0\r\n\r\n").is_ok()
    });
    // The client's bytes are the body of its request: it answers each event.
    let rig = rig(&[&origin.address], |_, _| {});
    let mut stream = connect(rig.http());
    stream
        .write_all(b"POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 3\r\nConnection: close\r\n\r\n")
        .unwrap();
    read_head(&mut stream);
    for number in 0..3 {
        let mut event = [0; 14];
        stream.read_exact(&mut event).unwrap();
        assert_eq!(event, *format!("9\r\ndata: {number}\n\n\r\n").as_bytes());
        stream.write_all(b"x").unwrap();
    }
    assert_eq!(read_all(&mut stream), b"0\r\n\r\n");
}
