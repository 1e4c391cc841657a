//! Servers behind the edge that do exactly as they are told, and what reaches them.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::rig::{Rig, ask, ask_tls, connect, read_all};
use crate::{Delta, HostHeader, Proxy, Server, Target, Upstream, UpstreamTls};

/// A server over TCP: one thread a connection, the handler gets each head and says whether the connection goes on.
pub(super) struct Origin {
    pub(super) address: String,
    pub(super) heads: Arc<Mutex<Vec<String>>>,
    pub(super) connections: Arc<AtomicUsize>,
}

impl Origin {
    pub(super) fn start<F>(handler: F) -> Self
    where
        F: Fn(&str, &mut TcpStream) -> bool + Send + Sync + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let origin = Self {
            address: listener.local_addr().unwrap().to_string(),
            heads: Arc::default(),
            connections: Arc::default(),
        };
        let (handler, heads) = (Arc::new(handler), Arc::clone(&origin.heads));
        let connections = Arc::clone(&origin.connections);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (handler, heads, mut stream) = (Arc::clone(&handler), Arc::clone(&heads), stream.unwrap());
                connections.fetch_add(1, Relaxed);
                std::thread::spawn(move || {
                    while let Some(head) = head(&mut stream) {
                        heads.lock().unwrap().push(head.clone());
                        if !handler(&head, &mut stream) {
                            return;
                        }
                    }
                });
            }
        });
        origin
    }

    /// Answers everything with `text`.
    pub(super) fn saying(text: &'static str) -> Self {
        Self::start(move |_, stream| answer(stream, "", text))
    }

    /// Answers with the head that it got.
    pub(super) fn echo() -> Self {
        Self::start(|head, stream| answer(stream, "", head))
    }

    pub(super) fn count(&self) -> usize {
        self.heads.lock().unwrap().len()
    }
}

fn head(stream: &mut impl Read) -> Option<String> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            _ => return None,
        }
    }
    Some(String::from_utf8_lossy(&head).to_ascii_lowercase())
}

pub(super) fn answer(stream: &mut impl Write, fields: &str, body: &str) -> bool {
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n{fields}\r\n{body}"
    )
    .is_ok()
}

impl Rig {
    pub(super) fn upstream(&self, name: &str, upstream: Upstream) {
        let delta = Delta::UpsertUpstream {
            name: name.to_owned(),
            upstream,
        };
        assert_eq!(self.edge.apply([delta]), []);
    }
}

/// `a.example` behind these servers.
pub(super) fn rig(addresses: &[&str], change: impl FnOnce(&mut Upstream, &mut Proxy)) -> Rig {
    let rig = Rig::with(|options| options.threads = 1);
    let mut upstream = Upstream::new(addresses.iter().copied());
    let mut proxy = Proxy::new("pool");
    change(&mut upstream, &mut proxy);
    rig.upstream("pool", upstream);
    rig.host("a.example", Target::Proxy(proxy));
    rig
}

#[test]
fn a_server_is_told_who_asks_for_what_and_by_which_way() {
    let origin = Origin::echo();
    let rig = rig(&[&origin.address], |_, _| {});
    let lies = "X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Proto: https\r\nForwarded: for=6.6.6.6\r\nX-Real-IP: 6.6.6.6\r\n\
        X_Forwarded_For: 6.6.6.6\r\nCF-Connecting-IP: 6.6.6.6\r\nConnection: x-hop\r\nX-Hop: 666\r\nKeep-Alive: 666\r\n";
    let told = rig.ask(format!(
        "GET /a%2Fb/../c?d=%20 HTTP/1.1\r\nHost: A.example:8080\r\nVia: 1.0 before\r\nX-HTTP-Method-Override: PUT\r\n\
         TE: trailers\r\n{lies}Connection: close\r\n\r\n"
    ));
    let text = told.text();
    assert!(text.starts_with("get /a%2fb/../c?d=%20 http/1.1\r\n"), "{text}");
    for line in [
        "host: a.example:8080",
        "x-forwarded-for: 127.0.0.1",
        "x-forwarded-proto: http",
        "x-forwarded-host: a.example:8080",
        "x-real-ip: 127.0.0.1",
        "forwarded: for=127.0.0.1;host=\"a.example:8080\";proto=http",
        "via: 1.0 before",
        "via: 1.1 mpanel",
        "x-http-method-override: put",
        "te: trailers",
    ] {
        assert!(text.contains(&format!("{line}\r\n")), "{line}: {text}");
    }
    assert!(!text.contains("6.6.6") && !text.contains("666"), "{text}");
}

#[test]
fn what_a_trusted_proxy_says_is_passed_on_with_its_own_address() {
    let origin = Origin::echo();
    let rig = Rig::with(|options| options.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()]);
    rig.upstream("pool", Upstream::new([origin.address.as_str()]));
    rig.host("a.example", Target::Proxy(Proxy::new("pool")));
    let fields = "X-Forwarded-For: 6.6.6.6, 192.0.2.1\r\nX-Forwarded-Proto: https\r\nForwarded: for=192.0.2.1\r\n";
    let text = rig.request("GET", "a.example", "/", fields).text();
    for line in [
        "x-forwarded-for: 6.6.6.6, 192.0.2.1, 127.0.0.1",
        "x-forwarded-proto: https",
        "x-real-ip: 192.0.2.1",
        "forwarded: for=192.0.2.1, for=127.0.0.1;host=\"a.example\";proto=https",
    ] {
        assert!(text.contains(&format!("{line}\r\n")), "{line}: {text}");
    }
}

#[test]
fn a_route_may_take_away_a_prefix_and_ask_for_the_servers_own_name() {
    let origin = Origin::echo();
    let rig = rig(&[&origin.address], |_, proxy| {
        proxy.strip_prefix = Some("/app/".to_owned());
        proxy.host_header = HostHeader::Upstream;
    });
    for (asked, expected) in [
        ("/app/a?b", "/a?b"),
        ("/app", "/"),
        ("/app?x=1", "/?x=1"),
        ("/apple", "/apple"),
        ("/app//evil.example/", "//evil.example/"),
    ] {
        let text = rig.get("a.example", asked).text();
        assert!(
            text.starts_with(&format!("get {expected} http/1.1\r\n")),
            "{asked}: {text}"
        );
        assert!(text.contains(&format!("host: {}\r\n", origin.address)), "{text}");
        assert!(text.contains("x-forwarded-host: a.example\r\n"), "{text}");
    }
}

#[test]
fn bodies_stream_both_ways_and_connections_are_used_again() {
    const SIZE: usize = 64 * 1024 * 1024;
    let origin = Origin::start(|head, stream| {
        if head.starts_with("get ") {
            return answer(stream, "", "ok");
        }
        let mut body = vec![0; SIZE];
        stream.read_exact(&mut body).unwrap();
        write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {SIZE}\r\n\r\n").unwrap();
        stream.write_all(&body).is_ok()
    });
    let rig = rig(&[&origin.address], |_, _| {});
    let mut stream = connect(rig.http());
    let body: Vec<u8> = (0..SIZE).map(|at| u8::try_from(at % 251).unwrap()).collect();
    write!(
        stream,
        "POST / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\nContent-Length: {SIZE}\r\n\r\n"
    )
    .unwrap();
    stream.write_all(&body).unwrap();
    let all = read_all(&mut stream);
    assert!(all.ends_with(&body));
    for _ in 0..5 {
        assert_eq!(rig.get("a.example", "/").text(), "ok");
    }
    assert_eq!(origin.connections.load(Relaxed), 1);
}

#[test]
fn chunked_bodies_and_trailers_are_passed_on() {
    let origin = Origin::start(|head, stream| {
        assert!(
            head.contains("transfer-encoding: chunked\r\n") && !head.contains("content-length"),
            "{head}"
        );
        let mut body = Vec::new();
        while !body.ends_with(b"0\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            body.push(byte[0]);
        }
        stream
            .write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 7\r\n\r\n")
            .is_ok()
    });
    let rig = rig(&[&origin.address], |_, _| {});
    for method in ["POST", "GET"] {
        let mut stream = connect(rig.http());
        write!(
            stream,
            "{method} / HTTP/1.1\r\nHost: a.example\r\nTE: trailers\r\nConnection: te, close\r\nTransfer-Encoding: chunked\r\n\r\n\
             3;ext=1\r\nabc\r\n0\r\nX-Trailer: 1\r\n\r\n"
        )
        .unwrap();
        let text = String::from_utf8(read_all(&mut stream)).unwrap().to_ascii_lowercase();
        assert!(
            text.contains("trailer: x-sum") && text.contains("x-sum: 7\r\n"),
            "{method}: {text}"
        );
    }
}

#[test]
fn what_may_have_been_done_is_not_asked_again_and_what_may_be_repeated_is() {
    let dying = || Origin::start(|_, _| false);
    for (request, expected, asked) in [
        ("GET / HTTP/1.1\r\n", 200, 1),
        ("PUT / HTTP/1.1\r\nContent-Length: 0\r\n", 200, 1),
        ("POST / HTTP/1.1\r\nContent-Length: 0\r\n", 502, 0),
        ("POST / HTTP/1.1\r\nContent-Length: 4\r\n", 502, 0),
        ("PUT / HTTP/1.1\r\nContent-Length: 4\r\n", 502, 0),
    ] {
        let (bad, good) = (dying(), Origin::saying("ok"));
        let rig = rig(&[&bad.address, &good.address], |_, _| {});
        let body = if request.contains("Length: 4") { "body" } else { "" };
        let reply = rig.ask(format!("{request}Host: a.example\r\nConnection: close\r\n\r\n{body}"));
        assert_eq!(
            (reply.status, good.count(), bad.count()),
            (expected, asked, 1),
            "{request}"
        );
    }
    // Half an answer is an answer.
    let half = Origin::start(|_, stream| {
        stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
            .unwrap();
        false
    });
    let other = Origin::saying("ok");
    let rig = rig(&[&half.address, &other.address], |_, _| {});
    let mut stream = connect(rig.http());
    stream.write_all(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n").unwrap();
    assert!(!read_all(&mut stream).ends_with(b"ok"));
    assert_eq!(other.count(), 0);
}

#[test]
fn a_server_that_is_silent_or_nonsense_is_answered_for() {
    let silent = Origin::start(|_, stream| stream.read(&mut [0]).is_ok());
    let rig_silent = rig(&[&silent.address], |pool, _| pool.response_timeout_ms = 200);
    assert_eq!(rig_silent.get("a.example", "/").status, 504);
    let stuck = Origin::start(|_, stream| {
        stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
            .unwrap();
        stream.read(&mut [0]).is_ok()
    });
    let rig_stuck = rig(&[&stuck.address], |pool, _| pool.idle_timeout_ms = 200);
    let mut stream = connect(rig_stuck.http());
    stream.write_all(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n").unwrap();
    assert!(read_all(&mut stream).ends_with(b"half"));
    for nonsense in [
        "SSH-2.0-x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA: b\r\n folded\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    ] {
        let origin = Origin::start(move |_, stream| stream.write_all(nonsense.as_bytes()).is_err());
        let rig = rig(&[&origin.address], |_, _| {});
        assert_eq!(rig.get("a.example", "/").status, 502, "{nonsense:?}");
        assert_eq!(origin.count(), 1, "{nonsense:?}");
    }
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .to_string();
    assert_eq!(rig(&[&free], |_, _| {}).get("a.example", "/").status, 502);
}

#[test]
fn an_interim_answer_is_not_taken_for_the_answer() {
    let origin = Origin::start(|_, stream| {
        stream
            .write_all(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
            .unwrap();
        answer(stream, "", "final")
    });
    assert_eq!(rig(&[&origin.address], |_, _| {}).get("a.example", "/").text(), "final");
}

#[test]
fn a_circle_of_edges_ends() {
    let rig = Rig::with(|options| options.threads = 1);
    rig.upstream("pool", Upstream::new([rig.http().to_string()]));
    rig.host("a.example", Target::Proxy(Proxy::new("pool")));
    assert_eq!(rig.get("a.example", "/").status, 508);
}

#[test]
fn servers_that_are_not_on_the_public_internet_are_refused_where_they_must_be() {
    let origin = Origin::saying("internal");
    let rig = Rig::new();
    let mut upstream = Upstream::new([origin.address.as_str()]);
    upstream.public_only = true;
    for address in [
        origin.address.as_str(),
        "unix:/run/x.sock",
        "169.254.169.254:80",
        "[::1]:80",
        "[::ffff:10.0.0.1]:80",
    ] {
        upstream.servers[0].address = address.to_owned();
        let delta = Delta::UpsertUpstream {
            name: "pool".to_owned(),
            upstream: upstream.clone(),
        };
        let rejected = rig.edge.apply([delta]);
        assert!(rejected[0].reason.contains("public_only"), "{rejected:?}");
    }
    // A name is judged by what it leads to, when it is connected to.
    upstream.servers[0].address = origin.address.replace("127.0.0.1", "localhost");
    rig.upstream("pool", upstream.clone());
    rig.host("a.example", Target::Proxy(Proxy::new("pool")));
    assert_eq!(rig.get("a.example", "/").status, 502);
    assert_eq!(origin.connections.load(Relaxed), 0);
    upstream.public_only = false;
    rig.upstream("pool", upstream);
    assert_eq!(rig.get("a.example", "/").text(), "internal");
}

#[test]
fn servers_over_tls_must_prove_their_name() {
    let made = rcgen::generate_simple_self_signed(vec!["inner.example".to_owned()]).unwrap();
    let (ca, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    let inner = Rig::new();
    inner.write("i/index.html", "inner");
    inner.host("inner.example", super::rig::site("i"));
    let delta = Delta::UpsertCertificate {
        id: "c".to_owned(),
        certificate: crate::Certificate {
            names: vec!["inner.example".to_owned()],
            chain_pem: ca.clone(),
            key_pem: crate::PrivateKeyPem::new(key),
            not_after: None,
        },
    };
    assert_eq!(inner.edge.apply([delta]), []);
    let address = inner.https().to_string();
    let ask = |tls: UpstreamTls| {
        let rig = rig(&[&address], |pool, _| pool.tls = Some(tls));
        rig.host("inner.example", Target::Proxy(Proxy::new("pool")));
        rig.get("inner.example", "/")
    };
    let named = |name: &str, ca: Option<&String>| UpstreamTls {
        name: Some(name.to_owned()),
        ca_pem: ca.cloned(),
        insecure: false,
    };
    assert_eq!(ask(named("inner.example", Some(&ca))).text(), "inner");
    assert_eq!(ask(named("other.example", Some(&ca))).status, 502);
    assert_eq!(ask(named("inner.example", None)).status, 502);
    let insecure = UpstreamTls {
        insecure: true,
        ..named("inner.example", None)
    };
    assert_eq!(ask(insecure).text(), "inner");
}

#[test]
fn clients_over_tls_reach_the_same_servers_and_plain_ones_are_sent_there() {
    let origin = Origin::echo();
    let rig = rig(&[&origin.address], |_, proxy| proxy.https_redirect = true);
    rig.certificate("a", &["a.example"]);
    let request = "GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n";
    assert!(
        ask_tls(rig.https(), "a.example", request)
            .text()
            .contains("x-forwarded-proto: https\r\n")
    );
    assert_eq!(ask(rig.http(), request).status, 301);
}

#[test]
fn a_pool_that_is_not_there_is_waited_for_and_changes_of_one_show_at_once() {
    let (one, two) = (Origin::saying("one"), Origin::saying("two"));
    let rig = Rig::new();
    rig.host("a.example", Target::Proxy(Proxy::new("pool")));
    let unknown = rig.get("a.example", "/");
    assert_eq!((unknown.status, unknown.field("retry-after")), (503, Some("2")));
    for (origin, text) in [(&one, "one"), (&two, "two"), (&one, "one")] {
        rig.upstream("pool", Upstream::new([origin.address.as_str()]));
        assert_eq!(rig.get("a.example", "/").text(), text);
    }
    let name = "pool".to_owned();
    rig.edge.apply([Delta::DeleteUpstream { name }]);
    assert_eq!(rig.get("a.example", "/").status, 503);
}

#[test]
fn pools_that_cannot_be_used_are_refused_with_the_reason_and_the_old_one_stays() {
    let origin = Origin::saying("old");
    let rig = rig(&[&origin.address], |_, _| {});
    let check = |change: fn(&mut Upstream), expected: &str| {
        let mut upstream = Upstream::new(["127.0.0.1:1"]);
        change(&mut upstream);
        let name = "pool".to_owned();
        let rejected = rig.edge.apply([Delta::UpsertUpstream { name, upstream }]);
        assert!(rejected[0].reason.contains(expected), "{rejected:?}");
        assert_eq!(rig.get("a.example", "/").text(), "old");
    };
    check(|pool| pool.servers.clear(), "needs servers");
    check(|pool| pool.servers[0].address = "http://a".to_owned(), "neither unix:");
    check(|pool| pool.servers[0].weight = 0, "weight");
    check(|pool| pool.servers.push(pool.servers[0].clone()), "given twice");
    check(|pool| pool.sticky_cookie = Some("a b".to_owned()), "sticky_cookie");
    check(|pool| pool.connect_timeout_ms = 0, "connect_timeout_ms");
    check(
        |pool| {
            pool.tls = Some(UpstreamTls {
                ca_pem: Some(String::new()),
                ..UpstreamTls::default()
            });
        },
        "no certificate authority",
    );
}

/// Waits until something holds that the engine does by itself.
pub(super) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begin = std::time::Instant::now();
    while !holds() {
        assert!(begin.elapsed() < Duration::from_secs(20), "{what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A server of a pool with everything by default.
pub(super) fn server(address: &str, change: impl FnOnce(&mut Server)) -> Server {
    let mut server = Upstream::new([address]).servers.remove(0);
    change(&mut server);
    server
}
