//! The server on real sockets, asked by plain sockets and by `dig`.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpStream, UdpSocket};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::net::bind::{Listeners, bind_tcp, bind_udp};
use crate::net::tcp::TcpConfig;
use crate::server::{Config, Server};
use crate::tests::support::{query, read, set, zone};

const WAIT: Duration = Duration::from_secs(10);

fn start(address: &str, config: TcpConfig) -> Server {
    let mut lines = String::from("@ NS ns.example.com\nns A 192.0.2.53\nwww CNAME web.example.com\nweb A 192.0.2.1\n");
    for n in 0..100 {
        lines += &format!("big TXT \"number {n:0>60}\"\n");
    }
    let zones = Arc::new(set([zone("example.com", &lines)]));
    let listeners = Listeners::bind(address.parse().unwrap(), 2).unwrap();
    Server::start(zones, listeners, Config { tcp: config }).unwrap()
}

fn local() -> Server {
    start("127.0.0.1:0", TcpConfig::default())
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(WAIT)).unwrap();
    stream
}

fn framed(wire: &[u8]) -> Vec<u8> {
    let mut out = u16::try_from(wire.len()).unwrap().to_be_bytes().to_vec();
    out.extend_from_slice(wire);
    out
}

fn read_message(stream: &mut TcpStream) -> Vec<u8> {
    let mut len = [0; 2];
    stream.read_exact(&mut len).unwrap();
    let mut message = vec![0; usize::from(u16::from_be_bytes(len))];
    stream.read_exact(&mut message).unwrap();
    message
}

fn closed(stream: &mut TcpStream) -> bool {
    !matches!(stream.read(&mut [0; 1]), Ok(1))
}

fn ask_udp(server: SocketAddr, from: &str) -> Vec<u8> {
    let socket = UdpSocket::bind(from).unwrap();
    socket.set_read_timeout(Some(WAIT)).unwrap();
    socket.connect(server).unwrap();
    socket.send(&query("www.example.com", "A")).unwrap();
    let mut buffer = [0; 2048];
    let len = socket.recv(&mut buffer).unwrap();
    buffer[..len].to_vec()
}

#[test]
fn udp_and_tcp_answer_alike() {
    let server = local();
    let udp = ask_udp(server.local_addr(), "127.0.0.1:0");
    let mut stream = connect(server.local_addr());
    stream.write_all(&framed(&query("www.example.com", "A"))).unwrap();
    let tcp = read_message(&mut stream);
    assert_eq!(udp, tcp);
    assert_eq!(read(&udp).answer.len(), 2);
    server.stop();
}

#[test]
fn a_burst_of_datagrams_is_answered_in_full() {
    let server = local();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(WAIT)).unwrap();
    socket.connect(server.local_addr()).unwrap();
    for id in 0..200_u16 {
        let mut wire = query("www.example.com", "A");
        wire[..2].copy_from_slice(&id.to_be_bytes());
        socket.send(&wire).unwrap();
    }
    let mut seen = [false; 200];
    for _ in 0..200 {
        let mut buffer = [0; 512];
        socket.recv(&mut buffer).unwrap();
        seen[usize::from(u16::from_be_bytes([buffer[0], buffer[1]]))] = true;
    }
    assert!(seen.iter().all(|&seen| seen));
    server.stop();
}

#[test]
fn a_wildcard_bind_replies_from_the_address_asked() {
    for (bind, ask, from) in [("0.0.0.0:0", "127.0.0.99", "127.0.0.1:0"), ("[::]:0", "::1", "[::1]:0")] {
        let server = start(bind, TcpConfig::default());
        let target = SocketAddr::new(ask.parse().unwrap(), server.local_addr().port());
        // A connected socket takes replies from that very address alone.
        assert_eq!(read(&ask_udp(target, from)).answer.len(), 2, "{bind}");
        server.stop();
    }
}

#[test]
fn garbage_datagrams_do_not_disturb_the_next_query() {
    let server = local();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.send_to(&[], server.local_addr()).unwrap();
    socket.send_to(&[0; 5], server.local_addr()).unwrap();
    socket.send_to(&vec![7; 9000], server.local_addr()).unwrap();
    assert_eq!(read(&ask_udp(server.local_addr(), "127.0.0.1:0")).answer.len(), 2);
    server.stop();
}

#[test]
fn pipelined_queries_are_answered_in_order() {
    let server = local();
    let mut stream = connect(server.local_addr());
    let mut wire = Vec::new();
    for id in 0..500_u16 {
        let mut message = query(
            if id % 2 == 0 {
                "big.example.com"
            } else {
                "www.example.com"
            },
            "TXT",
        );
        message[..2].copy_from_slice(&id.to_be_bytes());
        wire.extend(framed(&message));
    }
    let mut writer = stream.try_clone().unwrap();
    let sender = std::thread::spawn(move || {
        // In odd pieces, so that messages are cut anywhere.
        for piece in wire.chunks(37) {
            writer.write_all(piece).unwrap();
        }
        writer.shutdown(Shutdown::Write).unwrap();
    });
    for id in 0..500_u16 {
        let reply = read_message(&mut stream);
        assert_eq!(&reply[..2], &id.to_be_bytes());
        assert_eq!(read(&reply).answer.len(), if id % 2 == 0 { 100 } else { 1 });
    }
    sender.join().unwrap();
    assert!(closed(&mut stream));
    server.stop();
}

#[test]
fn idle_and_slow_connections_are_closed() {
    let server = start(
        "127.0.0.1:0",
        TcpConfig {
            idle: Duration::from_millis(200),
            ..TcpConfig::default()
        },
    );
    let mut idle = connect(server.local_addr());
    let mut slow = connect(server.local_addr());
    slow.write_all(&[0, 40]).unwrap();
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(5) && slow.write_all(&[0]).is_ok() {
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(
        started.elapsed() < Duration::from_secs(5),
        "single octets do not keep a connection open"
    );
    assert!(closed(&mut idle));
    server.stop();
}

#[test]
fn connections_have_limits() {
    let config = TcpConfig {
        connections_per_client: 2,
        connections: 3,
        queries_per_connection: 2,
        ..TcpConfig::default()
    };
    let server = start("127.0.0.1:0", config);
    let ask = |stream: &mut TcpStream| {
        stream.write_all(&framed(&query("www.example.com", "A"))).unwrap();
        read_message(stream)
    };
    let (mut one, mut two) = (connect(server.local_addr()), connect(server.local_addr()));
    ask(&mut one);
    ask(&mut two);
    assert!(
        closed(&mut connect(server.local_addr())),
        "the third connection of a client"
    );
    ask(&mut one);
    assert!(closed(&mut one), "after two queries");
    // The place is given back.
    let deadline = Instant::now() + WAIT;
    loop {
        let mut again = connect(server.local_addr());
        let _ = again.write_all(&framed(&query("www.example.com", "A")));
        if matches!(again.read(&mut [0; 2]), Ok(2)) {
            break;
        }
        assert!(Instant::now() < deadline);
    }
    assert!(server.stats().tcp_rejected >= 1);
    server.stop();
}

#[test]
fn a_response_sent_to_us_ends_the_connection() {
    let server = local();
    let mut stream = connect(server.local_addr());
    let mut response = query("www.example.com", "A");
    response[2] |= 0x80;
    stream.write_all(&framed(&response)).unwrap();
    assert!(closed(&mut stream));
    server.stop();
}

#[test]
fn stopping_is_quick_and_ends_open_connections() {
    let server = local();
    let mut stream = connect(server.local_addr());
    stream.write_all(&framed(&query("www.example.com", "A"))).unwrap();
    read_message(&mut stream);
    assert!(server.is_healthy());
    let started = Instant::now();
    server.stop();
    assert!(started.elapsed() < Duration::from_secs(2));
    assert!(closed(&mut stream));
}

#[test]
fn zones_change_while_serving() {
    let server = local();
    server
        .zones()
        .upsert(zone("example.com", "@ NS ns.example.net\nwww A 192.0.2.77"));
    let reply = read(&ask_udp(server.local_addr(), "127.0.0.1:0"));
    assert_eq!(reply.answer, ["www.example.com 300 A 192.0.2.77"]);
    server.zones().delete("example.com");
    assert_eq!(read(&ask_udp(server.local_addr(), "127.0.0.1:0")).rcode, "REFUSED");
    server.stop();
}

#[test]
fn counters_tell_what_happened() {
    let server = local();
    ask_udp(server.local_addr(), "127.0.0.1:0");
    let mut stream = connect(server.local_addr());
    for (name, rtype) in [("nope.example.com", "A"), ("example.net", "A")] {
        stream.write_all(&framed(&query(name, rtype))).unwrap();
        read_message(&mut stream);
    }
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(WAIT)).unwrap();
    socket.send_to(&[0; 3], server.local_addr()).unwrap();
    socket
        .send_to(&query("big.example.com", "TXT"), server.local_addr())
        .unwrap();
    socket.recv(&mut [0; 512]).unwrap();
    // The sockets share the port, so another thread may still be at the short message.
    let deadline = Instant::now() + WAIT;
    while server.stats().dropped == 0 && Instant::now() < deadline {
        std::thread::yield_now();
    }
    let stats = server.stats();
    assert_eq!(
        (stats.queries_udp, stats.queries_tcp, stats.dropped, stats.truncated),
        (3, 2, 1, 1)
    );
    assert_eq!((stats.tcp_accepted, stats.responses()), (1, 4));
    let rcodes: Vec<_> = stats.by_rcode().filter(|&(_, count)| count > 0).collect();
    assert_eq!(rcodes, [("noerror", 2), ("nxdomain", 1), ("refused", 1)]);
    server.stop();
}

#[test]
fn a_taken_address_is_told_even_when_sockets_share_it() {
    let server = local();
    let error = Listeners::bind(server.local_addr(), 2).expect_err("the address is in use");
    assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
    server.stop();
    let one = bind_udp(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0), true).unwrap();
    assert!(bind_udp(one.local_addr().unwrap(), true).is_ok());
    assert!(bind_udp(one.local_addr().unwrap(), false).is_err());
    let tcp = bind_tcp(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0), true).unwrap();
    assert!(bind_tcp(tcp.local_addr().unwrap(), true).is_ok());
}

#[test]
fn dig_understands_us_over_udp_and_tcp() {
    let server = local();
    let port = server.local_addr().port().to_string();
    let dig = |args: &[&str]| {
        let output = Command::new("dig")
            .args(["@127.0.0.1", "-p", &port, "+time=5", "+tries=2"])
            .args(args)
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    for proto in ["+notcp", "+tcp"] {
        let text = dig(&["www.example.com", "A", proto, "+noall", "+answer", "+comments"]);
        assert!(
            text.contains("status: NOERROR") && text.contains("flags: qr aa rd;"),
            "{text}"
        );
        assert!(
            text.contains("CNAME\tweb.example.com.") && text.contains("A\t192.0.2.1"),
            "{text}"
        );
        assert!(text.contains("EDNS: version: 0, flags:; udp: 1232"), "{text}");
        assert!(!text.contains("WARNING: Message"), "{text}");
    }
    // dig asks again over TCP when told that the reply was cut.
    assert_eq!(dig(&["big.example.com", "TXT", "+short"]).lines().count(), 100);
    assert!(dig(&["example.com", "AXFR"]).contains("Transfer failed"));
    assert!(dig(&["example.com", "SOA", "+edns=7", "+noednsneg"]).contains("status: BADVERS"));
    assert!(dig(&["nope.example.com", "A"]).contains("status: NXDOMAIN"));
    server.stop();
}
