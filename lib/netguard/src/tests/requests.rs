use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, TcpListener};
use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::Request;

use super::get;
use super::server::{Server, answer, redirect};
use crate::client::Builder;
use crate::resolver::Lookup;
use crate::{Client, Error};

/// A resolver that gives one prepared answer after the other.
struct Script(Mutex<VecDeque<Vec<IpAddr>>>);

impl Script {
    fn new(answers: &[&[&str]]) -> Self {
        let parse = |answer: &&[&str]| answer.iter().map(|ip| ip.parse().unwrap()).collect();
        Self(Mutex::new(answers.iter().map(parse).collect()))
    }
}

impl Lookup for Script {
    fn lookup(&self, _host: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        let next = self
            .0
            .lock()
            .unwrap()
            .pop_front()
            .ok_or_else(|| io::Error::other("no such name"));
        Box::pin(std::future::ready(next))
    }
}

/// A client for which 127.0.0.2 is as good as public; other loopback addresses stay private.
fn client(ports: &[&Server]) -> Builder {
    Client::builder()
        .allow(vec!["127.0.0.2/32".parse().unwrap()])
        .ports(ports.iter().map(|server| server.port()).collect())
}

fn url(host: &str, server: &Server) -> String {
    format!("http://{host}:{}/", server.port())
}

#[tokio::test]
async fn an_answer_comes_back_with_status_headers_and_body() {
    let server = Server::start(
        "127.0.0.2",
        0,
        "HTTP/1.1 404 Not Found\r\nx-a: b\r\ncontent-length: 2\r\n\r\nno",
    );
    let client = client(&[&server]).build().unwrap();
    let request = Request::post(url("127.0.0.2", &server))
        .body(Bytes::from("{}"))
        .unwrap();
    let response = client.send(request).await.unwrap();
    assert_eq!(
        (response.status.as_u16(), &response.body[..], response.truncated),
        (404, &b"no"[..], false)
    );
    assert_eq!(response.headers["x-a"], "b");
}

#[tokio::test]
async fn asvs_1_3_6_a_name_that_changes_its_address_is_checked_again_when_connecting() {
    let public = Server::start("127.0.0.2", 0, answer("public"));
    let private = Server::start("127.0.0.3", public.port(), answer("private"));
    let script = Script::new(&[&["127.0.0.2"], &["127.0.0.3"]]);
    let client = client(&[&public]).lookup(script).build().unwrap();
    let url = url("rebind.example", &public);
    assert_eq!(&client.send(get(&url)).await.unwrap().body[..], b"public");
    assert_eq!(
        client.send(get(&url)).await.unwrap_err(),
        Error::NotPublic("rebind.example".into())
    );
    assert_eq!((public.hits(), private.hits()), (1, 0));
}

#[tokio::test]
async fn asvs_1_3_6_of_mixed_answers_only_the_public_ones_are_used() {
    let public = Server::start("127.0.0.2", 0, answer("public"));
    let private = Server::start("127.0.0.3", public.port(), answer("private"));
    let script = Script::new(&[&["127.0.0.3", "::1", "127.0.0.2", "10.0.0.1"]]);
    let client = client(&[&public]).lookup(script).build().unwrap();
    assert_eq!(
        &client.send(get(&url("mixed.example", &public))).await.unwrap().body[..],
        b"public"
    );
    assert_eq!(private.hits(), 0);
}

#[tokio::test]
async fn names_of_this_machine_are_refused_by_the_system_resolver_too() {
    let server = Server::start("127.0.0.1", 0, answer("private"));
    let client = Client::builder().ports(vec![server.port()]).build().unwrap();
    let error = client.send(get(&url("localhost", &server))).await.unwrap_err();
    assert_eq!(error, Error::NotPublic("localhost".into()));
    assert_eq!(server.hits(), 0);
}

#[tokio::test]
async fn asvs_13_2_5_redirects_are_the_answer_unless_asked_for() {
    let target = Server::start("127.0.0.2", 0, answer("target"));
    let first = Server::start("127.0.0.2", 0, redirect(&url("127.0.0.2", &target)));
    let plain = client(&[&first, &target]).build().unwrap();
    assert_eq!(
        plain
            .send(get(&url("127.0.0.2", &first)))
            .await
            .unwrap()
            .status
            .as_u16(),
        302
    );
    assert_eq!(target.hits(), 0);
    let following = client(&[&first, &target]).redirects(1).build().unwrap();
    assert_eq!(
        &following.send(get(&url("127.0.0.2", &first))).await.unwrap().body[..],
        b"target"
    );
}

#[tokio::test]
async fn asvs_1_3_6_every_redirect_is_checked_like_the_first_url() {
    let private = Server::start("127.0.0.3", 0, answer("private"));
    for (to, expected) in [
        (url("127.0.0.3", &private), Error::NotPublic("127.0.0.3".into())),
        (
            url("inside.example", &private),
            Error::NotPublic("inside.example".into()),
        ),
        ("http://127.0.0.2:22/".into(), Error::Url("its port is not allowed")),
        (
            format!("http://user@127.0.0.2:{}/", private.port()),
            Error::Url("it must not hold a user name or password"),
        ),
    ] {
        let first = Server::start("127.0.0.2", 0, redirect(&to));
        let client = client(&[&first, &private])
            .redirects(3)
            .lookup(Script::new(&[&["127.0.0.3"]]))
            .build()
            .unwrap();
        assert_eq!(
            client.send(get(&url("127.0.0.2", &first))).await.unwrap_err(),
            expected,
            "{to}"
        );
    }
    assert_eq!(private.hits(), 0);
}

#[tokio::test]
async fn a_redirect_loop_ends() {
    let server = Server::start("127.0.0.2", 0, redirect("/again"));
    let client = client(&[&server]).redirects(3).build().unwrap();
    assert_eq!(
        client.send(get(&url("127.0.0.2", &server))).await.unwrap_err(),
        Error::Redirects
    );
    assert_eq!(server.hits(), 4);
}

#[tokio::test]
async fn long_bodies_are_cut_and_exact_ones_are_not() {
    let endless = format!("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{}", "x".repeat(1 << 20));
    let server = Server::start("127.0.0.2", 0, endless);
    let response = client(&[&server])
        .build()
        .unwrap()
        .send(get(&url("127.0.0.2", &server)))
        .await
        .unwrap();
    assert_eq!((response.body.len(), response.truncated), (64 * 1024, true));
    let server = Server::start("127.0.0.2", 0, answer("12345"));
    for (limit, truncated) in [(4, true), (5, false), (6, false), (0, true)] {
        let client = client(&[&server]).max_body(limit).build().unwrap();
        let response = client.send(get(&url("127.0.0.2", &server))).await.unwrap();
        assert_eq!(
            (response.body.len(), response.truncated),
            (limit.min(5), truncated),
            "{limit}"
        );
    }
}

#[tokio::test]
async fn a_silent_server_and_a_closed_port_are_told_apart() {
    let silent = TcpListener::bind("127.0.0.2:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let build = |timeout| {
        let allow = vec!["127.0.0.2/32".parse().unwrap()];
        let client = Client::builder().allow(allow).ports(vec![port]);
        client.timeout(timeout).build().unwrap()
    };
    let url = format!("http://127.0.0.2:{port}/?secret=1");
    let error = build(Duration::from_millis(200)).send(get(&url)).await.unwrap_err();
    assert_eq!(error, Error::Timeout);
    drop(silent);
    let error = build(Duration::from_secs(60)).send(get(&url)).await.unwrap_err();
    assert!(
        matches!(&error, Error::Connect(text) if !text.contains("secret")),
        "{error}"
    );
}

#[tokio::test]
async fn a_name_that_does_not_exist_is_a_connection_error() {
    let client = Client::builder().lookup(Script::new(&[])).build().unwrap();
    let error = client.send(get("https://nowhere.example/")).await.unwrap_err();
    assert!(
        matches!(&error, Error::Connect(text) if text == "no such name"),
        "{error}"
    );
}

/// Runs itself with proxy variables set: changing the environment of a threaded process is not safe.
#[tokio::test]
async fn asvs_13_2_5_proxies_from_the_environment_are_ignored() {
    const CHILD: &str = "NETGUARD_TEST_CHILD";
    if std::env::var_os(CHILD).is_some() {
        let server = Server::start("127.0.0.2", 0, answer("direct"));
        let client = client(&[&server]).build().unwrap();
        assert_eq!(
            &client.send(get(&url("127.0.0.2", &server))).await.unwrap().body[..],
            b"direct"
        );
        return;
    }
    let proxy = Server::start("127.0.0.1", 0, answer("by proxy"));
    let address = format!("http://{}", proxy.address);
    let name = "tests::requests::asvs_13_2_5_proxies_from_the_environment_are_ignored";
    let mut child = std::process::Command::new(std::env::current_exe().unwrap());
    child
        .args(["--exact", name])
        .env(CHILD, "1")
        .env_remove("NO_PROXY")
        .env_remove("no_proxy");
    for variable in [
        "http_proxy",
        "HTTP_PROXY",
        "https_proxy",
        "HTTPS_PROXY",
        "all_proxy",
        "ALL_PROXY",
    ] {
        child.env(variable, &address);
    }
    let output = child.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
    assert_eq!(proxy.hits(), 0);
}
