use std::convert::Infallible;
use std::io::{Read, Write};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Version};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::ServerName;

use super::panel::{answer, serve};
use super::rig::{Rig, client_config, connect, read_head, site};
use crate::Target;

const MIB: u64 = 1024 * 1024;

/// Resident memory of this process, in bytes.
fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = statm.split(' ').nth(1).unwrap().parse().unwrap();
    pages * rustix::param::page_size() as u64
}

/// Reads exactly so many body bytes and gives their sum.
fn swallow(stream: &mut impl Read, mut left: u64) -> u64 {
    let (mut buffer, mut sum) = (vec![0; 64 * 1024], 0_u64);
    while left > 0 {
        let want = usize::try_from(left.min(buffer.len() as u64)).unwrap();
        let count = stream.read(&mut buffer[..want]).unwrap();
        assert_ne!(count, 0, "{left} bytes missing");
        sum += buffer[..count].iter().map(|byte| u64::from(*byte)).sum::<u64>();
        left -= count as u64;
    }
    sum
}

fn declared(head: &str) -> u64 {
    let (_, rest) = head.split_once("content-length: ").unwrap();
    rest.split("\r\n").next().unwrap().parse().unwrap()
}

#[test]
fn a_large_upload_passes_at_bounded_memory() {
    let rig = Rig::new();
    serve(&rig, |head, stream| {
        let sum = swallow(stream, declared(head));
        answer(stream, "", &sum.to_string())
    });
    let before = resident();
    let size = 512 * MIB;
    let mut stream = connect(rig.panel());
    let head = format!("PATCH /upload HTTP/1.1\r\nHost: a\r\nContent-Length: {size}\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    let chunk = vec![3; 1024 * 1024];
    let mut most = 0;
    for _ in 0..512 {
        stream.write_all(&chunk).unwrap();
        most = most.max(resident().saturating_sub(before));
    }
    let reply = super::rig::Reply::parse(&super::rig::read_all(&mut stream));
    assert_eq!((reply.status, reply.text()), (200, (3 * size).to_string()));
    // Other tests run in this process too; the body alone would be 512.
    assert!(most < 384 * MIB, "{} MiB", most / MIB);
    let counted = rig
        .edge
        .counters()
        .into_iter()
        .find(|counters| counters.host == "panel")
        .unwrap();
    assert_eq!(counted.bytes_in, head.len() as u64 + size);
}

#[test]
fn a_server_that_does_not_read_holds_the_client_back() {
    let rig = Rig::new();
    let release = Arc::new(AtomicBool::new(false));
    let go = Arc::clone(&release);
    serve(&rig, move |head, stream| {
        while !go.load(Relaxed) {
            std::thread::sleep(Duration::from_millis(10));
        }
        swallow(stream, declared(head));
        answer(stream, "", "done")
    });
    let size = 64 * MIB;
    let mut stream = connect(rig.panel());
    write!(
        stream,
        "PUT /upload HTTP/1.1\r\nHost: a\r\nContent-Length: {size}\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    stream.set_write_timeout(Some(Duration::from_millis(700))).unwrap();
    let (chunk, mut sent) = (vec![0; 64 * 1024], 0_u64);
    while let Ok(count) = stream.write(&chunk) {
        sent += count as u64;
        assert!(sent < 32 * MIB, "nothing holds the client back");
    }
    release.store(true, Relaxed);
    stream.set_write_timeout(None).unwrap();
    while sent < size {
        let want = usize::try_from((size - sent).min(chunk.len() as u64)).unwrap();
        sent += stream.write(&chunk[..want]).unwrap() as u64;
    }
    assert_eq!(
        super::rig::Reply::parse(&super::rig::read_all(&mut stream)).text(),
        "done"
    );
}

#[test]
fn events_arrive_one_by_one_and_leaving_is_noticed_behind() {
    let rig = Rig::with(|options| options.proxy.response_timeout = Duration::from_millis(200));
    let (send, receive) = std::sync::mpsc::channel::<()>();
    let receive = std::sync::Mutex::new(receive);
    let left = Arc::new(AtomicBool::new(false));
    let gone = Arc::clone(&left);
    serve(&rig, move |_, stream| {
        write!(
            stream,
            "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        .unwrap();
        while receive.lock().unwrap().recv().is_ok() {
            write!(stream, "9\r\ndata: x\n\n\r\n").unwrap();
        }
        gone.store(matches!(stream.read(&mut [0; 16]), Ok(0) | Err(_)), Relaxed);
        false
    });
    let mut stream = connect(rig.panel());
    stream
        .write_all(b"GET /api/v1/events HTTP/1.1\r\nHost: a\r\n\r\n")
        .unwrap();
    assert!(read_head(&mut stream).contains("text/event-stream"));
    for _ in 0..3 {
        // Longer than the time limit for an answer's head, which no longer counts.
        std::thread::sleep(Duration::from_millis(300));
        send.send(()).unwrap();
        let mut event = [0; 14];
        stream.read_exact(&mut event).unwrap();
        assert_eq!(&event, b"9\r\ndata: x\n\n\r\n");
    }
    drop(stream);
    drop(send);
    let start = Instant::now();
    while !left.load(Relaxed) {
        assert!(start.elapsed() < Duration::from_secs(5), "the server still waits");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn an_answer_before_the_end_of_the_upload_gets_through() {
    let rig = Rig::new();
    serve(&rig, |_, stream| {
        write!(
            stream,
            "HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig"
        )
        .unwrap();
        std::thread::sleep(Duration::from_millis(300));
        false
    });
    let mut stream = connect(rig.panel());
    write!(
        stream,
        "PUT /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nfirst bytes"
    )
    .unwrap();
    assert!(read_head(&mut stream).starts_with("HTTP/1.1 413"));
}

/// A body that makes itself up as it is polled.
struct Endless {
    left: u64,
    made: Arc<AtomicU64>,
}

impl Body for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let size = self.left.min(64 * 1024);
        self.left -= size;
        self.made.fetch_add(size, Relaxed);
        let bytes = Bytes::from(vec![3; usize::try_from(size).unwrap()]);
        Poll::Ready((size > 0).then(|| Ok(Frame::data(bytes))))
    }
}

async fn http2<B>(rig: &Rig, name: &str) -> hyper::client::conn::http2::SendRequest<B>
where
    B: Body + Send + Unpin + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let connector = tokio_rustls::TlsConnector::from(Arc::new(client_config(&["h2"])));
    let stream = tokio::net::TcpStream::connect(rig.https()).await.unwrap();
    let stream = connector
        .connect(ServerName::try_from(name.to_owned()).unwrap(), stream)
        .await
        .unwrap();
    let (sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .unwrap();
    tokio::task::spawn_local(async move { drop(connection.await) });
    sender
}

fn block_on(future: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, future);
}

#[test]
fn many_http2_streams_share_a_connection() {
    let rig = Rig::new();
    rig.write("a/index.html", "home");
    rig.write("a/large.bin", vec![5; 3 * 1024 * 1024]);
    rig.host("a.example", site("a"));
    rig.certificate("a", &["a.example"]);
    block_on(async {
        let sender = http2::<Empty<Bytes>>(&rig, "a.example").await;
        let requests = (0..60).map(|n| {
            let mut sender = sender.clone();
            async move {
                let path = if n % 10 == 0 { "large.bin" } else { "" };
                let request = Request::get(format!("https://a.example/{path}"))
                    .body(Empty::new())
                    .unwrap();
                let response = sender.send_request(request).await.unwrap();
                assert_eq!(
                    (response.status(), response.version()),
                    (http::StatusCode::OK, Version::HTTP_2)
                );
                let body = response.into_body().collect().await.unwrap().to_bytes();
                assert_eq!(body.len(), if n % 10 == 0 { 3 * 1024 * 1024 } else { 4 });
            }
        });
        futures_util::future::join_all(requests).await;
        let mut sender = sender.clone();
        let other = Request::get("https://b.example/").body(Empty::new()).unwrap();
        assert_eq!(sender.send_request(other).await.unwrap().status(), 421);
        let doubled = Request::get("https://a.example/")
            .header("host", "b.example")
            .body(Empty::new())
            .unwrap();
        assert_eq!(sender.send_request(doubled).await.unwrap().status(), 400);
    });
}

#[test]
fn an_http2_upload_streams_to_the_panel_with_its_cookies_in_one_field() {
    let rig = Rig::new();
    rig.host("panel.example", Target::Panel);
    rig.certificate("p", &["panel.example"]);
    serve(&rig, |head, stream| {
        assert!(
            head.contains("cookie: a=1; b=2\r\n") && head.contains("host: panel.example\r\n"),
            "{head}"
        );
        std::thread::sleep(Duration::from_millis(500));
        let sum = swallow(stream, declared(head));
        answer(stream, "", &sum.to_string())
    });
    block_on(async {
        let made = Arc::new(AtomicU64::new(0));
        let mut sender = http2::<Endless>(&rig, "panel.example").await;
        let request = Request::put("https://panel.example/upload")
            .header("content-length", 64 * MIB)
            .header("cookie", "a=1")
            .header("cookie", "b=2")
            .body(Endless {
                left: 64 * MIB,
                made: Arc::clone(&made),
            })
            .unwrap();
        let answer = tokio::task::spawn_local(async move { sender.send_request(request).await.unwrap() });
        tokio::time::sleep(Duration::from_millis(400)).await;
        assert!(made.load(Relaxed) < 16 * MIB, "nothing holds the client back: {made:?}");
        let body = answer.await.unwrap().into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, (3 * 64 * MIB).to_string());
    });
}

#[test]
fn an_http2_connection_is_told_goodbye_when_the_edge_stops() {
    let rig = Rig::new();
    rig.write("a/index.html", "home");
    rig.host("a.example", site("a"));
    rig.certificate("a", &["a.example"]);
    block_on(async {
        let mut sender = http2::<Empty<Bytes>>(&rig, "a.example").await;
        let request = Request::get("https://a.example/").body(Empty::new()).unwrap();
        assert_eq!(sender.send_request(request).await.unwrap().status(), 200);
        let running = rig.running;
        let stopping = tokio::task::spawn_blocking(move || running.stop(Duration::from_secs(20)));
        while sender.ready().await.is_ok() {
            tokio::task::yield_now().await;
        }
        assert_eq!(stopping.await.unwrap().aborted, 0);
    });
}
