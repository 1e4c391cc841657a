mod kept;

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{UnixListener, UnixStream};
use tokio::time::Instant;

use crate::frame::{self, ClientFrame, Hello, Item, Mode, PROTOCOL, Position, Role, ServerFrame};
use crate::usage::Reporting;
use crate::{Mirror, Refusal, Reports, Subscription, Update, Usage, follow};

mod order;

fn item(seq: i64, key: &str, value: Option<&str>) -> Item {
    Item {
        seq,
        topic: "edge.host".into(),
        key: key.into(),
        generation: seq,
        value: value.map(|v| json!(v)),
    }
}

fn at(seq: i64) -> Position {
    Position {
        epoch: "e1".into(),
        seq,
    }
}

type Served = Arc<Mutex<Vec<(String, String)>>>;

/// Starts a consumer whose served state can be looked at.
fn consumer(folder: &Path) -> (Served, tokio::task::JoinHandle<()>) {
    let served: Served = Arc::default();
    let subscription = Subscription {
        socket: folder.join("feed.sock"),
        snapshot: folder.join("snapshot.json"),
        role: Role::Edge,
        process: "edge".into(),
        version: "0".into(),
        topics: vec!["edge.host".into()],
        public_key: None,
    };
    let state = served.clone();
    #[expect(clippy::disallowed_methods, reason = "a test's own task")]
    let task = tokio::spawn(follow(subscription, move |update| {
        let mut state = state.lock().unwrap();
        match update {
            Update::Reset { items, .. } => {
                *state = items
                    .into_iter()
                    .map(|i| (i.key, i.value.unwrap().as_str().unwrap().into()))
                    .collect();
            }
            Update::Item { item, .. } => {
                state.retain(|(key, _)| *key != item.key);
                if let Some(value) = &item.value {
                    state.push((item.key.clone(), value.as_str().unwrap().into()));
                }
            }
        }
        let refused = state.iter().filter(|(_, value)| value == "unusable");
        refused.map(|(key, _)| refusal(key)).collect()
    }));
    (served, task)
}

fn refusal(key: &str) -> Refusal {
    Refusal {
        topic: "edge.host".into(),
        key: key.to_owned(),
        generation: 1,
        reason: "it says so".into(),
    }
}

async fn accept(listener: &UnixListener) -> (UnixStream, Hello) {
    let (mut stream, _) = listener.accept().await.unwrap();
    let ClientFrame::Hello(hello) = frame::read(&mut stream).await.unwrap() else {
        panic!("no hello")
    };
    (stream, hello)
}

async fn welcome(stream: &mut UnixStream, mode: Mode) {
    let frame = ServerFrame::Welcome {
        protocol: PROTOCOL,
        node: "node_1".into(),
        position: at(0),
        mode,
        usage: true,
        refusals: true,
    };
    frame::write(stream, &frame).await.unwrap();
}

async fn send(stream: &mut UnixStream, frame: ServerFrame) {
    frame::write(stream, &frame).await.unwrap();
}

async fn expect_ack(stream: &mut UnixStream, seq: i64) {
    assert_eq!(
        frame::read::<ClientFrame, _>(stream).await.unwrap(),
        ClientFrame::Ack { seq }
    );
}

#[tokio::test]
async fn a_consumer_takes_a_snapshot_then_changes_and_acknowledges_each() {
    let folder = tempfile::tempdir().unwrap();
    let listener = UnixListener::bind(folder.path().join("feed.sock")).unwrap();
    let (served, _task) = consumer(folder.path());
    let (mut stream, hello) = accept(&listener).await;
    assert_eq!(hello.position, None);
    welcome(&mut stream, Mode::Snapshot).await;
    frame::write(&mut stream, &ServerFrame::Item(item(3, "a.example", Some("one"))))
        .await
        .unwrap();
    assert!(served.lock().unwrap().is_empty(), "half a snapshot is never served");
    frame::write(&mut stream, &ServerFrame::SnapshotEnd { position: at(5) })
        .await
        .unwrap();
    expect_ack(&mut stream, 5).await;
    assert_eq!(*served.lock().unwrap(), [("a.example".to_owned(), "one".to_owned())]);
    frame::write(&mut stream, &ServerFrame::Item(item(6, "a.example", None)))
        .await
        .unwrap();
    frame::write(&mut stream, &ServerFrame::Heartbeat { seq: 6 })
        .await
        .unwrap();
    expect_ack(&mut stream, 6).await;
    assert!(served.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_restarted_consumer_serves_from_disk_without_a_control_plane_and_resumes_where_it_stood() {
    let folder = tempfile::tempdir().unwrap();
    let mut mirror = Mirror::default();
    mirror.replace([item(7, "a.example", Some("kept"))], at(9));
    mirror.save(&folder.path().join("snapshot.json")).unwrap();
    let (served, _task) = consumer(folder.path());
    while served.lock().unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    let listener = UnixListener::bind(folder.path().join("feed.sock")).unwrap();
    let (mut stream, hello) = accept(&listener).await;
    assert_eq!(hello.position, Some(at(9)));
    welcome(&mut stream, Mode::Resume).await;
    frame::write(&mut stream, &ServerFrame::Item(item(10, "b.example", Some("new"))))
        .await
        .unwrap();
    frame::write(&mut stream, &ServerFrame::Heartbeat { seq: 10 })
        .await
        .unwrap();
    expect_ack(&mut stream, 10).await;
    assert_eq!(served.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn a_consumer_that_is_cut_off_between_items_acknowledges_none_and_resumes_behind_the_last() {
    let folder = tempfile::tempdir().unwrap();
    let mut mirror = Mirror::default();
    mirror.replace([], at(9));
    mirror.save(&folder.path().join("snapshot.json")).unwrap();
    let listener = UnixListener::bind(folder.path().join("feed.sock")).unwrap();
    let (_, _task) = consumer(folder.path());
    let (mut stream, _) = accept(&listener).await;
    welcome(&mut stream, Mode::Resume).await;
    frame::write(&mut stream, &ServerFrame::Item(item(10, "b.example", Some("new"))))
        .await
        .unwrap();
    stream.shutdown().await.unwrap();
    // Its side ends without a word.
    assert!(frame::read::<ClientFrame, _>(&mut stream).await.is_err());
    let (_, hello) = accept(&listener).await;
    assert_eq!(hello.position, Some(at(10)));
}

#[tokio::test]
async fn an_item_seen_twice_is_applied_once() {
    let mut mirror = Mirror::default();
    assert!(mirror.apply(&item(4, "a", Some("x"))));
    assert!(!mirror.apply(&item(4, "a", Some("x"))));
    assert!(mirror.apply(&item(5, "a", None)));
    assert!(!mirror.apply(&item(5, "a", None)));
}

#[tokio::test]
async fn a_damaged_snapshot_is_as_good_as_none() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("snapshot.json");
    std::fs::write(&path, b"{\"items\": [half").unwrap();
    assert_eq!(Mirror::load(&path), Mirror::default());
}

#[tokio::test]
async fn a_peer_that_announces_a_huge_frame_is_cut_off() {
    let (mut ours, mut theirs) = UnixStream::pair().unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut theirs, &u32::MAX.to_be_bytes())
        .await
        .unwrap();
    let read = frame::read::<ClientFrame, _>(&mut ours);
    assert!(
        tokio::time::timeout(Duration::from_secs(5), read)
            .await
            .unwrap()
            .is_err()
    );
}

/// Always has something to report.
#[derive(Default)]
struct Counting(u64);

impl Reports for Counting {
    fn next(&mut self) -> Option<Usage> {
        self.0 += 1;
        Some(Usage {
            seq: self.0,
            boot: "b".into(),
            window: "2026-11-23".into(),
            sites: Vec::new(),
        })
    }

    fn taken(&mut self, _seq: u64) {}
}

#[tokio::test]
async fn a_report_without_an_answer_has_no_other_behind_it() {
    let mut reports = Counting::default();
    let mut sent = Vec::new();
    let mut reporting = Reporting::new(&mut reports, true);
    reporting.report(&mut sent).await.unwrap();
    assert!(!sent.is_empty());
    assert_eq!(reporting.due(), None, "however long the answer takes");
    let before = sent.len();
    reporting.report(&mut sent).await.unwrap();
    assert_eq!(sent.len(), before);

    reporting.taken(1);
    assert!(reporting.due().is_some_and(|due| due <= Instant::now()));
    reporting.report(&mut sent).await.unwrap();
    assert!(sent.len() > before);
    // What could not be kept is tried again, and not at once.
    let asked = Instant::now();
    reporting.not_kept();
    assert!(reporting.due().is_some_and(|due| due > asked));
    // The next connection begins anew.
    assert!(Reporting::new(&mut reports, true).due().is_some());
}

#[tokio::test]
async fn what_cannot_be_served_is_told_before_it_is_acknowledged_and_once() {
    let folder = tempfile::tempdir().unwrap();
    let listener = UnixListener::bind(folder.path().join("feed.sock")).unwrap();
    let (_served, _task) = consumer(folder.path());
    let (mut stream, _) = accept(&listener).await;
    welcome(&mut stream, Mode::Snapshot).await;
    send(&mut stream, ServerFrame::Item(item(1, "a", Some("unusable")))).await;
    let position = at(1);
    send(&mut stream, ServerFrame::SnapshotEnd { position }).await;
    let told = |refused| ClientFrame::Refused { refused };
    let said = async |stream: &mut UnixStream| frame::read::<ClientFrame, _>(stream).await.unwrap();
    assert_eq!(said(&mut stream).await, told(vec![refusal("a")]));
    expect_ack(&mut stream, 1).await;
    send(&mut stream, ServerFrame::Heartbeat { seq: 1 }).await;
    expect_ack(&mut stream, 1).await;
    send(&mut stream, ServerFrame::Item(item(2, "a", Some("usable")))).await;
    send(&mut stream, ServerFrame::Heartbeat { seq: 2 }).await;
    assert_eq!(said(&mut stream).await, told(Vec::new()));
    expect_ack(&mut stream, 2).await;
}
