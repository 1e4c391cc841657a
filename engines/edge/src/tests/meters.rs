use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::rig::{Reply, Rig, connect, read_all, read_head, site, tls};
use crate::{AccessLog, AccessRecord, Delta, HostCounters, Target, Traffic};

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

/// One request on a kept connection: what was sent, every byte that came back, and the answer's status.
fn exchange(stream: &mut TcpStream, request: &str) -> (u64, u64, u16) {
    stream.write_all(request.as_bytes()).unwrap();
    let head = read_head(stream);
    let reply = Reply::parse(head.as_bytes());
    let length: usize = match reply.field("content-length") {
        Some(length) if !request.starts_with("HEAD") && reply.status != 304 => length.parse().unwrap(),
        _ => 0,
    };
    stream.read_exact(&mut vec![0; length]).unwrap();
    (request.len() as u64, (head.len() + length) as u64, reply.status)
}

fn add(total: &mut Traffic, (sent, received, status): (u64, u64, u16)) {
    total.requests += 1;
    total.status[usize::from(status / 100) - 1] += 1;
    total.bytes_in += sent;
    total.bytes_out += received;
}

fn traffic(counters: &HostCounters) -> Traffic {
    Traffic {
        requests: counters.requests,
        bytes_in: counters.bytes_in,
        bytes_out: counters.bytes_out,
        status: counters.status,
    }
}

#[test]
fn what_goes_over_a_kept_connection_is_counted_to_the_byte() {
    let rig = Rig::new();
    rig.write("a/index.html", "0123456789");
    rig.write("a/large.bin", vec![1; 1_000_000]);
    rig.host("a.example", labelled("a"));
    let mut stream = connect(rig.http());
    let mut total = Traffic::default();
    for (method, path, fields) in [
        ("GET", "/", ""),
        ("GET", "/?q=1", "User-Agent: a-long-name\r\n"),
        ("HEAD", "/", ""),
        ("GET", "/", "Range: bytes=0-3\r\n"),
        ("GET", "/", "Range: bytes=90-\r\n"),
        ("GET", "/", "If-None-Match: *\r\n"),
        ("GET", "/large.bin", ""),
        ("GET", "/large.bin", "Range: bytes=5-500000\r\n"),
        ("GET", "/nothing", ""),
        ("GET", "/", "Accept-Encoding: br\r\n"),
        ("POST", "/", "Content-Length: 0\r\n"),
    ] {
        let request = format!("{method} {path} HTTP/1.1\r\nHost: a.example\r\n{fields}\r\n");
        add(&mut total, exchange(&mut stream, &request));
    }
    eventually(|| traffic(&of(&rig, "a.example")) == total);
    let counters = of(&rig, "a.example");
    assert_eq!(counters.status, [0, 7, 1, 3, 0]);
    assert_eq!(
        (counters.latency.iter().sum::<u64>(), counters.site.as_str()),
        (11, "site_1")
    );
    assert_eq!(traffic(&of(&rig, "")), Traffic::default());
}

#[test]
fn a_body_that_nobody_wants_and_pipelined_requests_are_counted() {
    let rig = Rig::new();
    rig.write("a/index.html", "0123456789");
    rig.host("a.example", labelled("a"));
    let ask = "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n";
    let last = "POST / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello";
    let sent = format!("{ask}{ask}{last}");
    let mut stream = connect(rig.http());
    stream.write_all(sent.as_bytes()).unwrap();
    let received = read_all(&mut stream).len() as u64;
    let total = Traffic {
        requests: 3,
        bytes_in: sent.len() as u64,
        bytes_out: received,
        status: [0, 2, 0, 1, 0],
    };
    eventually(|| traffic(&of(&rig, "a.example")) == total);
}

#[test]
fn bytes_inside_tls_are_counted_and_those_of_tls_are_not() {
    let rig = Rig::new();
    rig.write("a/large.bin", vec![1; 300_000]);
    rig.host("a.example", labelled("a"));
    rig.certificate("a", &["a.example"]);
    let request = "GET /large.bin HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n";
    let mut stream = tls(rig.https(), "a.example", &["http/1.1"]).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let received = read_all(&mut stream).len() as u64;
    assert!(received > 300_000);
    let counted = || {
        let counters = of(&rig, "a.example");
        (counters.bytes_in, counters.bytes_out)
    };
    eventually(|| counted() == (request.len() as u64, received));
}

/// Counts what passes.
struct Tapped<S> {
    stream: S,
    read: Arc<AtomicU64>,
    written: Arc<AtomicU64>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Tapped<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let result = Pin::new(&mut self.stream).poll_read(cx, buffer);
        self.read.fetch_add((buffer.filled().len() - before) as u64, Relaxed);
        result
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Tapped<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(cx, bytes);
        if let Poll::Ready(Ok(count)) = result {
            self.written.fetch_add(count as u64, Relaxed);
        }
        result
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[test]
fn every_byte_of_an_http2_connection_is_counted_once_frames_and_greeting_included() {
    let rig = Rig::new();
    rig.write("a/index.html", "home");
    rig.write("a/large.bin", vec![5; 3 * 1024 * 1024]);
    rig.host("a.example", labelled("a"));
    let (read, written): (Arc<AtomicU64>, Arc<AtomicU64>) = Default::default();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, async {
        let stream = Tapped {
            stream: tokio::net::TcpStream::connect(rig.http()).await.unwrap(),
            read: Arc::clone(&read),
            written: Arc::clone(&written),
        };
        // Without TLS, by prior knowledge: the engine tells by the greeting.
        let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap();
        let ending = tokio::task::spawn_local(connection);
        let requests = (0..30).map(|n| {
            let mut sender = sender.clone();
            async move {
                let path = if n % 10 == 0 { "large.bin" } else { "" };
                let request = Request::get(format!("http://a.example/{path}"))
                    .body(Empty::<Bytes>::new())
                    .unwrap();
                let response = sender.send_request(request).await.unwrap();
                response.into_body().collect().await.unwrap().to_bytes().len()
            }
        });
        let lengths: usize = futures_util::future::join_all(requests).await.into_iter().sum();
        assert_eq!(lengths, 27 * 4 + 3 * 3 * 1024 * 1024);
        // Before it is over: to the client's goodbye the server has an answer that nobody reads.
        let start = Instant::now();
        while of(&rig, "a.example").bytes_out != read.load(Relaxed) {
            assert!(start.elapsed() < Duration::from_secs(5), "{:?}", of(&rig, "a.example"));
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        drop(sender);
        ending.await.unwrap().unwrap();
    });
    eventually(|| of(&rig, "a.example").bytes_in == written.load(Relaxed));
    assert_eq!(of(&rig, "a.example").requests, 30);
    assert_eq!(traffic(&of(&rig, "")), Traffic::default());
}

#[test]
fn an_aborted_download_counts_what_was_written_and_not_what_was_meant() {
    let rig = Rig::new();
    let size = 64 * 1024 * 1024;
    std::fs::create_dir_all(rig.sites().join("a")).unwrap();
    let file = std::fs::File::create(rig.sites().join("a/large.bin")).unwrap();
    file.set_len(size).unwrap();
    rig.host("a.example", labelled("a"));
    let mut stream = connect(rig.http());
    stream
        .write_all(b"GET /large.bin HTTP/1.1\r\nHost: a.example\r\n\r\n")
        .unwrap();
    let head = read_head(&mut stream).len() as u64;
    // The client reads no further: soon the kernel takes no more.
    let mut last = 0;
    eventually(|| {
        std::thread::sleep(Duration::from_millis(100));
        let now = of(&rig, "a.example").bytes_out;
        std::mem::replace(&mut last, now) == now && now > head
    });
    assert!(last < size, "{last}");
    // Cut off on this side, the client still gets what was written, and nothing else.
    let Rig { edge, running, folder } = rig;
    let aborted = running.stop(Duration::ZERO).aborted;
    let rest = read_all(&mut stream).len() as u64;
    let counted = edge
        .counters()
        .into_iter()
        .find(|counters| counters.host == "a.example");
    assert_eq!((aborted, counted.unwrap().bytes_out), (1, head + rest));
    drop(folder);
}

#[test]
fn traffic_is_taken_once_and_survives_changes() {
    let rig = Rig::new();
    rig.write("a/index.html", "x");
    rig.host("a.example", labelled("a"));
    rig.host("b.example", labelled("a"));
    rig.host("unlabelled.example", site("a"));
    let mut requests = 0;
    let mut take = || {
        let taken = rig.edge.take_traffic();
        assert!(taken.iter().all(|item| &*item.site == "site_1"));
        requests += taken.iter().map(|item| item.traffic.requests).sum::<u64>();
        requests
    };
    for host in ["a.example", "b.example", "unlabelled.example", "a.example"] {
        rig.get(host, "/");
    }
    assert_eq!(take(), 3);
    assert_eq!(take(), 3, "nothing is handed over twice");
    rig.host("a.example", labelled("a"));
    rig.get("a.example", "/");
    assert_eq!(take(), 4);
    assert_eq!(of(&rig, "a.example").requests, 3, "what is taken stays readable");
}

#[test]
fn counters_of_a_removed_host_are_kept_until_they_are_taken_and_then_forgotten() {
    let rig = Rig::new();
    rig.write("a/index.html", "x");
    rig.host("a.example", labelled("a"));
    // A connection that is still open may count more.
    let mut open = connect(rig.http());
    let (sent, received, _) = exchange(&mut open, "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n");
    eventually(|| of(&rig, "a.example").bytes_out == received);
    rig.edge.apply([Delta::DeleteHost {
        name: "a.example".to_owned(),
    }]);
    let is_kept = || rig.edge.counters().iter().any(|counters| counters.host == "a.example");
    let taken = rig.edge.take_traffic();
    assert_eq!(
        (taken[0].traffic.bytes_in, taken[0].traffic.bytes_out),
        (sent, received)
    );
    assert!(is_kept());
    open.write_all(b"GET").unwrap();
    drop(open);
    eventually(|| !of(&rig, "a.example").live);
    assert!(is_kept(), "what came last is not taken yet");
    assert_eq!(rig.edge.take_traffic()[0].traffic.bytes_in, 3);
    assert!(!is_kept());
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
