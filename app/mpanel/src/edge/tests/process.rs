//! The whole process but its start: a real engine on real sockets, a feed that is a Unix socket of the test.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::time::Duration;

use mpanel_engine_edge::{EdgeOptions, Listener, Role};
use mpanel_feed::Kept;
use mpanel_feed::frame::{self, ClientFrame, Mode, PROTOCOL, Position, ServerFrame};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixListener};

use super::{HOST, NODE, certificate, host, leave_snapshot, node_key, site};
use crate::edge::{serve, subscription};

const PATIENCE: Duration = Duration::from_secs(20);

pub(super) struct Node {
    folder: TempDir,
}

impl Node {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["edge", "run", "sites/one", "sites/two"] {
            std::fs::create_dir_all(folder.path().join(name)).unwrap();
        }
        for name in ["one", "two"] {
            std::fs::write(folder.path().join("sites").join(name).join("index.html"), name).unwrap();
        }
        Self { folder }
    }

    pub(super) fn snapshot(&self) -> PathBuf {
        self.folder.path().join("edge/snapshot.json")
    }

    pub(super) fn feed(&self) -> UnixListener {
        UnixListener::bind(self.folder.path().join("run/feed.sock")).unwrap()
    }

    /// Runs a process beside the test's own steps; it ends with them, as if killed.
    pub(super) async fn run<T>(&self, steps: impl AsyncFnOnce(SocketAddr, SocketAddr) -> T) -> T {
        let (http, https) = (
            TcpListener::bind("127.0.0.1:0").unwrap(),
            TcpListener::bind("127.0.0.1:0").unwrap(),
        );
        let addresses = (http.local_addr().unwrap(), https.local_addr().unwrap());
        let data = self.folder.path();
        let key = node_key(data);
        let mut options = EdgeOptions::new(data.join("sites"), data.join("run/serve.sock"));
        options.threads = 1;
        let listeners = vec![
            Listener::new(Role::EdgeHttp, http),
            Listener::new(Role::EdgeHttps, https),
        ];
        let subscription = subscription(data, Some("edge"), &key);
        tokio::select! {
            ended = serve(options, listeners, subscription, key) => panic!("the process has ended: {ended:?}"),
            done = tokio::time::timeout(PATIENCE, steps(addresses.0, addresses.1)) => done.expect("the steps take too long"),
        }
    }
}

pub(super) async fn get(address: SocketAddr) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET / HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

pub(super) async fn welcomed(listener: &UnixListener) -> (tokio::net::UnixStream, frame::Hello) {
    welcomed_with(listener, false).await
}

pub(super) async fn welcomed_with(listener: &UnixListener, usage: bool) -> (tokio::net::UnixStream, frame::Hello) {
    let (mut stream, _) = listener.accept().await.unwrap();
    let ClientFrame::Hello(hello) = frame::read(&mut stream).await.unwrap() else {
        panic!("no hello")
    };
    let mode = if hello.position.is_some() {
        Mode::Resume
    } else {
        Mode::Snapshot
    };
    let welcome = ServerFrame::Welcome {
        protocol: PROTOCOL,
        node: NODE.into(),
        position: at(10),
        mode,
        usage,
        refusals: false,
    };
    frame::write(&mut stream, &welcome).await.unwrap();
    (stream, hello)
}

fn at(seq: i64) -> Position {
    Position {
        epoch: "e1".into(),
        seq,
    }
}

async fn acknowledged(stream: &mut tokio::net::UnixStream, seq: i64) {
    assert_eq!(
        frame::read::<ClientFrame, _>(stream).await.unwrap(),
        ClientFrame::Ack { seq }
    );
}

#[tokio::test]
async fn it_serves_from_the_copy_on_disk_with_nothing_else_alive() {
    let node = Node::new();
    let (item, chain) = certificate(1, "cert_1", &node_key(node.folder.path()), NODE);
    leave_snapshot(&node.snapshot(), vec![item, host(2, HOST, Some(site("one")))]);
    node.run(async |http, https| {
        assert!(get(http).await.ends_with("\r\n\r\none"));
        #[expect(clippy::disallowed_methods, reason = "a test's own client")]
        let client = reqwest::Client::builder()
            .tls_certs_only([reqwest::Certificate::from_pem(chain.as_bytes()).unwrap()])
            .resolve(HOST, https)
            .build()
            .unwrap();
        let answer = client
            .get(format!("https://{HOST}:{}/", https.port()))
            .send()
            .await
            .unwrap();
        assert_eq!(answer.text().await.unwrap(), "one");
    })
    .await;
}

#[tokio::test]
async fn a_change_is_served_once_acknowledged_and_survives_the_end_of_everything() {
    let node = Node::new();
    leave_snapshot(&node.snapshot(), vec![host(2, HOST, Some(site("one")))]);
    let listener = node.feed();
    node.run(async |http, _| {
        let (mut stream, hello) = welcomed(&listener).await;
        assert_eq!(hello.position, Some(at(10)));
        assert!(hello.public_key.is_some());
        frame::write(&mut stream, &ServerFrame::Item(host(11, HOST, Some(site("two")))))
            .await
            .unwrap();
        frame::write(&mut stream, &ServerFrame::Heartbeat { seq: 11 })
            .await
            .unwrap();
        acknowledged(&mut stream, 11).await;
        assert!(get(http).await.ends_with("\r\n\r\ntwo"));
        // The control plane dies; what was said is on disk.
        drop(stream);
        assert_eq!(Kept::load(&node.snapshot()).mirror().position, Some(at(11)));
        assert!(get(http).await.ends_with("\r\n\r\ntwo"));
    })
    .await;
    drop(listener);
    node.run(async |http, _| assert!(get(http).await.ends_with("\r\n\r\ntwo")))
        .await;
}

#[tokio::test]
async fn a_first_start_takes_a_snapshot() {
    let node = Node::new();
    let listener = node.feed();
    node.run(async |http, _| {
        assert!(!get(http).await.contains("200 OK"));
        let (mut stream, _) = welcomed(&listener).await;
        frame::write(&mut stream, &ServerFrame::Item(host(2, HOST, Some(site("one")))))
            .await
            .unwrap();
        frame::write(&mut stream, &ServerFrame::SnapshotEnd { position: at(10) })
            .await
            .unwrap();
        acknowledged(&mut stream, 10).await;
        assert!(get(http).await.ends_with("\r\n\r\none"));
    })
    .await;
}
