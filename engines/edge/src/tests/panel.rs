use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::rig::{Rig, ask, ask_tls, connect, read_head, tls};
use crate::Target;

/// A panel server: one thread a connection, the handler gets each head and says whether the connection goes on.
pub(super) fn serve<F>(rig: &Rig, handler: F) -> Arc<AtomicUsize>
where
    F: Fn(&str, &mut UnixStream) -> bool + Send + Sync + 'static,
{
    let path = rig.folder.path().join("serve.sock");
    let _ = std::fs::remove_file(&path);
    let listener = UnixListener::bind(path).unwrap();
    let (handler, connections) = (Arc::new(handler), Arc::new(AtomicUsize::new(0)));
    let count = Arc::clone(&connections);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (handler, mut stream) = (Arc::clone(&handler), stream.unwrap());
            count.fetch_add(1, Relaxed);
            std::thread::spawn(move || {
                while let Some(head) = head(&mut stream) {
                    if !handler(&head, &mut stream) {
                        return;
                    }
                }
            });
        }
    });
    connections
}

fn head(stream: &mut UnixStream) -> Option<String> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            _ => return None,
        }
    }
    Some(String::from_utf8(head).unwrap().to_ascii_lowercase())
}

pub(super) fn answer(stream: &mut UnixStream, fields: &str, body: &str) -> bool {
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n{fields}\r\n{body}",
        body.len()
    )
    .is_ok()
}

fn echo(rig: &Rig) -> Arc<Mutex<Vec<String>>> {
    let heads = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&heads);
    serve(rig, move |head, stream| {
        seen.lock().unwrap().push(head.to_owned());
        answer(stream, "", head)
    });
    heads
}

fn get(path: &str, fields: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: Panel.example:7080\r\nConnection: close\r\n{fields}\r\n")
}

#[test]
fn the_panels_listener_answers_any_host_over_plain_http_and_tls() {
    let rig = Rig::new();
    echo(&rig);
    rig.host("panel.example", Target::Panel);
    rig.certificate("p", &["panel.example"]);
    let plain = ask(rig.panel(), get("/a/b?c=d", ""));
    assert_eq!(plain.status, 200);
    assert!(
        plain.text().starts_with("get /a/b?c=d http/1.1\r\n"),
        "{}",
        plain.text()
    );
    assert!(plain.text().contains("x-forwarded-proto: http\r\n"));
    assert!(plain.text().contains("host: panel.example:7080\r\n"));
    assert!(plain.text().contains("x-forwarded-host: panel.example:7080\r\n"));
    // Any name gets the default certificate here, and none does as well.
    for sni in ["panel.example", "127.0.0.1", "whatever.example"] {
        let reply = ask_tls(rig.panel(), sni, &get("/", ""));
        assert!(
            reply.text().contains("x-forwarded-proto: https\r\n"),
            "{sni}: {}",
            reply.text()
        );
    }
    // The sites' listener knows the panel by name.
    assert!(
        ask_tls(rig.https(), "panel.example", &get("/", ""))
            .text()
            .contains("x-forwarded-proto: https\r\n")
    );
}

#[test]
fn cve_2026_43634_class_nothing_a_client_says_about_itself_gets_through() {
    let rig = Rig::new();
    echo(&rig);
    let lies = "X-Forwarded-For: 6.6.6.6\r\nx-forwarded-for: 6.6.6.7\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: evil\r\n\
        X-Forwarded-Port: 666\r\nX-Forwarded-Prefix: /evil\r\nX-Real-IP: 6.6.6.6\r\nCF-Connecting-IP: 6.6.6.6\r\nCF-Ray: evil\r\n\
        True-Client-IP: 6.6.6.6\r\nForwarded: for=6.6.6.6\r\nX_Forwarded_For: 6.6.6.6\r\nX-Original-URL: /evil\r\n\
        X-Rewrite-URL: /evil\r\nX-HTTP-Method-Override: EVIL\r\nProxy: http://evil\r\nX-Client-IP: 6.6.6.6\r\nVia: evil\r\n";
    for fields in [
        lies.to_owned(),
        format!("Connection: x-forwarded-for, x-forwarded-proto\r\n{lies}"),
    ] {
        let text = ask(rig.panel(), get("/", &fields)).text();
        assert!(
            !text.contains("6.6.6") && !text.contains("evil") && !text.contains("666"),
            "{text}"
        );
        assert_eq!(text.matches("forwarded").count(), 3, "{text}");
        assert!(
            text.contains("x-forwarded-for: 127.0.0.1\r\n") && text.contains("x-forwarded-proto: http\r\n"),
            "{text}"
        );
    }
}

#[test]
fn hop_by_hop_fields_end_at_the_edge() {
    let rig = Rig::new();
    serve(&rig, |head, stream| {
        answer(
            stream,
            "Connection: keep-alive, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\nX-End: 1\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n",
            head,
        )
    });
    let fields = "Connection: X-Mine, cookie\r\nX-Mine: 1\r\nKeep-Alive: 5\r\nTE: trailers\r\nUpgrade: websocket\r\n\
        Proxy-Authorization: x\r\nProxy-Connection: x\r\nCookie: session=1\r\nX-Kept: 1\r\n";
    let reply = ask(rig.panel(), get("/", fields));
    for gone in ["x-mine", "keep-alive", "te:", "upgrade", "proxy-", "connection:"] {
        assert!(!reply.text().contains(gone), "{gone}: {}", reply.text());
    }
    assert!(reply.text().contains("x-kept: 1\r\n") && reply.text().contains("cookie: session=1\r\n"));
    assert!(reply.field("x-hop").is_none() && reply.field("keep-alive").is_none());
    assert_eq!(reply.field("x-end"), Some("1"));
    assert_eq!(reply.head.matches("set-cookie: ").count(), 2);
}

#[test]
fn a_dead_server_gives_a_calm_answer_and_its_return_is_noticed_at_once() {
    let rig = Rig::new();
    let page = ask(rig.panel(), get("/", "Accept: text/html\r\n"));
    assert_eq!((page.status, page.field("retry-after")), (503, Some("2")));
    assert!(page.text().contains("Websites are not affected"));
    let problem = ask(rig.panel(), get("/api/v1/me", ""));
    assert_eq!(
        (problem.status, problem.field("content-type")),
        (503, Some("application/problem+json"))
    );
    let problem: serde_json::Value = serde_json::from_slice(&problem.body).unwrap();
    assert_eq!(
        (&problem["status"], &problem["code"]),
        (&503.into(), &"edge.panel_unavailable".into())
    );
    echo(&rig);
    assert_eq!(ask(rig.panel(), get("/", "")).status, 200);
}

#[test]
fn a_server_that_restarts_between_requests_is_met_with_a_fresh_connection() {
    let rig = Rig::with(|options| options.threads = 1);
    let served = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&served);
    // Every connection is closed after its third request, without a word.
    let connections = serve(&rig, move |_, stream| {
        answer(stream, "", "ok") && !(count.fetch_add(1, Relaxed) + 1).is_multiple_of(3)
    });
    let mut stream = connect(rig.panel());
    for _ in 0..12 {
        stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
        let head = read_head(&mut stream);
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        stream.read_exact(&mut [0; 2]).unwrap();
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!((4..=5).contains(&connections.load(Relaxed)), "{connections:?}");
}

#[test]
fn a_server_that_dies_or_keeps_silent_is_answered_for() {
    let rig = Rig::with(|options| options.proxy.response_timeout = Duration::from_millis(300));
    serve(&rig, |head, stream| {
        if head.starts_with("get /silent") {
            std::thread::sleep(Duration::from_secs(2));
        } else if head.starts_with("get /half") {
            write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf").unwrap();
        }
        false
    });
    let start = Instant::now();
    assert_eq!(ask(rig.panel(), get("/silent", "")).status, 503);
    assert!(start.elapsed() < Duration::from_secs(2));
    assert_eq!(ask(rig.panel(), get("/dead", "")).status, 503);
    // What broke off in the middle must not look whole.
    let half = ask(rig.panel(), get("/half", ""));
    assert_eq!(
        (half.status, half.field("content-length"), half.text().as_str()),
        (200, Some("100"), "half")
    );
}

#[test]
fn plain_http_from_another_machine_is_sent_away() {
    // Any address of this machine that is not loopback stands for another machine.
    let probe = std::net::UdpSocket::bind("0.0.0.0:0").unwrap();
    let outside = probe
        .connect("192.0.2.1:9")
        .and_then(|()| probe.local_addr())
        .map(|address| address.ip());
    let Some(outside) = outside
        .ok()
        .filter(|address| !address.is_loopback() && !address.is_unspecified())
    else {
        return;
    };
    let rig = Rig::new();
    echo(&rig);
    rig.host("panel.example", Target::Panel);
    rig.certificate("p", &["panel.example"]);
    let socket = std::net::TcpListener::bind((outside, 0)).unwrap();
    let running = rig
        .edge
        .start(vec![crate::Listener::new(crate::Role::Panel, socket)])
        .unwrap();
    let address = running.addresses()[0].1;
    let refused = ask(address, get("/", ""));
    assert_eq!(refused.status, 403);
    assert!(refused.text().contains("https"));
    let reply = ask_tls(address, "panel.example", &get("/", ""));
    assert!(
        reply.text().contains(&format!("x-forwarded-for: {outside}\r\n")),
        "{}",
        reply.text()
    );
    assert!(tls(address, "panel.example", &["h2"]).is_ok());
}
