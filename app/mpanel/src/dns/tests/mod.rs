//! A real engine on real sockets, a feed that is a Unix socket of the test.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use mpanel_engine_dns::{Listeners, ZoneSet};
use mpanel_feed::frame::{self, ClientFrame, Item, Mode, PROTOCOL, Position, ServerFrame};
use mpanel_feed::topics::DNS_ZONE;
use mpanel_feed::{Kept, Mirror, Update};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::{UdpSocket, UnixListener, UnixStream};

use super::feed::Feed;
use super::{serve, subscription};

const PATIENCE: Duration = Duration::from_secs(20);
const ONE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const TWO: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);

fn zone(apex: &str, address: Ipv4Addr) -> Value {
    json!({
        "apex": apex,
        "serial": 7,
        "soa": {"mname": "ns1.example.net", "rname": "hostmaster.example.net", "refresh": 7200, "retry": 900,
                "expire": 1_209_600, "minimum": 300, "ttl": 3600},
        "records": [
            {"name": apex, "type": "NS", "ttl": 3600, "data": "ns1.example.net."},
            {"name": apex, "type": "A", "ttl": 60, "data": address.to_string()},
        ],
    })
}

fn item(seq: i64, key: &str, value: Option<Value>) -> Item {
    Item {
        seq,
        topic: DNS_ZONE.into(),
        key: key.into(),
        generation: seq,
        value,
    }
}

fn at(seq: i64) -> Position {
    Position {
        epoch: "e1".into(),
        seq,
    }
}

/// The address of a name, or the response code.
async fn ask(server: SocketAddr, name: &str) -> Result<Ipv4Addr, u8> {
    let mut query = b"\x12\x34\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00".to_vec();
    for label in name.split('.') {
        query.push(u8::try_from(label.len()).unwrap());
        query.extend_from_slice(label.as_bytes());
    }
    query.extend_from_slice(b"\x00\x00\x01\x00\x01");
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket.send_to(&query, server).await.unwrap();
    let mut answer = [0; 512];
    let size = socket.recv(&mut answer).await.unwrap();
    match answer[3] & 15 {
        // The answer follows the question: a pointer, type, class, TTL, length, and the address.
        0 if answer[7] > 0 => {
            let address: [u8; 4] = answer[query.len() + 12..query.len() + 16].try_into().unwrap();
            assert!(size >= query.len() + 16);
            Ok(address.into())
        }
        code => Err(code),
    }
}

struct Node(TempDir);

impl Node {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["dns", "run"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        Self(folder)
    }

    fn snapshot(&self) -> PathBuf {
        self.0.path().join("dns/snapshot-1.json")
    }

    /// Runs a process beside the test's own steps; it ends with them, as if killed.
    async fn run<T>(&self, steps: impl AsyncFnOnce(SocketAddr) -> T) -> T {
        let listeners = Listeners::bind("127.0.0.1:0".parse().unwrap(), 1).unwrap();
        let address = listeners.local_addr().unwrap();
        tokio::select! {
            ended = serve(listeners, subscription(self.0.path(), "dns-1")) => panic!("the process has ended: {ended:?}"),
            done = tokio::time::timeout(PATIENCE, steps(address)) => done.expect("the steps take too long"),
        }
    }
}

async fn welcomed(listener: &UnixListener) -> UnixStream {
    let (mut stream, _) = listener.accept().await.unwrap();
    let ClientFrame::Hello(hello) = frame::read(&mut stream).await.unwrap() else {
        panic!("no hello")
    };
    assert_eq!((hello.process.as_str(), hello.topics.len()), ("dns-1", 1));
    let welcome = ServerFrame::Welcome {
        protocol: PROTOCOL,
        node: "node_1".into(),
        position: at(10),
        mode: if hello.position.is_some() {
            Mode::Resume
        } else {
            Mode::Snapshot
        },
        usage: false,
        refusals: true,
    };
    frame::write(&mut stream, &welcome).await.unwrap();
    stream
}

#[test]
fn two_processes_keep_two_copies() {
    let file = |process| subscription(Path::new("data"), process).snapshot;
    assert_eq!(file("dns-1"), Path::new("data/dns/snapshot-1.json"));
    assert_eq!(file("dns-2"), Path::new("data/dns/snapshot-2.json"));
    assert_eq!(file("dns"), Path::new("data/dns/snapshot.json"));
}

#[tokio::test]
async fn it_answers_from_disk_then_follows_and_a_change_survives_a_restart() {
    let node = Node::new();
    let mut mirror = Mirror::default();
    mirror.replace([item(2, "example.test", Some(zone("example.test", ONE)))], at(10));
    mirror.save(&node.snapshot()).unwrap();
    // Nobody is there to be followed.
    node.run(async |server| assert_eq!(ask(server, "example.test").await, Ok(ONE)))
        .await;

    let listener = UnixListener::bind(node.0.path().join("run/feed.sock")).unwrap();
    node.run(async |server| {
        let mut stream = welcomed(&listener).await;
        let changed = item(11, "example.test", Some(zone("example.test", TWO)));
        frame::write(&mut stream, &ServerFrame::Item(changed)).await.unwrap();
        frame::write(&mut stream, &ServerFrame::Heartbeat { seq: 11 })
            .await
            .unwrap();
        assert_eq!(
            frame::read::<ClientFrame, _>(&mut stream).await.unwrap(),
            ClientFrame::Ack { seq: 11 }
        );
        assert_eq!(ask(server, "example.test").await, Ok(TWO));
        drop(stream);
        assert_eq!(Kept::load(&node.snapshot()).mirror().position, Some(at(11)));
    })
    .await;
    drop(listener);
    node.run(async |server| assert_eq!(ask(server, "example.test").await, Ok(TWO)))
        .await;
}

fn served(zones: &ZoneSet) -> Vec<(String, u32)> {
    let mut served: Vec<(String, u32)> = zones
        .snapshot()
        .iter()
        .map(|zone| (mpanel_engine_dns::name::to_text(zone.apex()), zone.serial()))
        .collect();
    served.sort();
    served
}

#[test]
fn a_zone_that_cannot_be_served_leaves_its_former_version() {
    let zones = Arc::new(ZoneSet::new());
    let feed = Feed::new(Arc::clone(&zones));
    let good = item(1, "a.test", Some(zone("a.test", ONE)));
    feed.apply(Update::Reset {
        items: vec![good, item(2, "b.test", Some(zone("b.test", ONE)))],
        node: None,
    });
    let before = served(&zones);
    assert_eq!(before.len(), 2);

    let mut broken = zone("a.test", ONE);
    broken["serial"] = 8.into();
    broken["records"][1]["data"] = "not an address".into();
    let broken = item(3, "a.test", Some(broken));
    let refused = feed.apply(Update::Item {
        item: &broken,
        node: None,
    });
    assert_eq!(served(&zones), before);
    let said: Vec<_> = refused.iter().map(|r| (r.key.as_str(), r.generation)).collect();
    assert_eq!(said, [("a.test", broken.generation)]);

    // In a snapshot too; what is not in it goes.
    let refused = feed.apply(Update::Reset {
        items: vec![broken],
        node: None,
    });
    assert_eq!((served(&zones).as_slice(), refused.len()), (&before[..1], 1));
    let gone = item(5, "a.test", None);
    feed.apply(Update::Item {
        item: &gone,
        node: None,
    });
    assert_eq!(served(&zones), []);
}

#[test]
fn a_zone_under_another_zones_key_is_refused() {
    let zones = Arc::new(ZoneSet::new());
    let other = item(1, "a.test", Some(zone("b.test", ONE)));
    Feed::new(Arc::clone(&zones)).apply(Update::Item {
        item: &other,
        node: None,
    });
    assert_eq!(served(&zones), []);
}
