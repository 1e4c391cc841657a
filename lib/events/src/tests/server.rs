//! A real server and a real consumer on a Unix socket.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use mpanel_feed::frame::{self, ClientFrame, Hello, Item, Mode, PROTOCOL, Position, Role, ServerFrame};
use mpanel_feed::{Refusal, Subscription, Update, follow};
use mpanel_telemetry::spawn_named;
use tokio::net::{UnixListener, UnixStream};
use tokio_util::task::AbortOnDropHandle;

use super::support::{Fixture, TOPIC, until};
use crate::{FeedServer, NodeDirectory, Refused, ServedBoard, UsageSink};

struct OneNode;

#[async_trait]
impl NodeDirectory for OneNode {
    async fn hello(&self, hello: &Hello, _: u32) -> Result<String, Refused> {
        if hello.role == Role::Dns {
            Err(Refused("no name server here".into()))
        } else {
            Ok("node_1".into())
        }
    }
}

pub(super) struct Serving {
    pub(super) board: ServedBoard,
    _tasks: Vec<AbortOnDropHandle<()>>,
}

/// Everything a server runs about the feed, on the socket `feed.sock`.
pub(super) async fn serve(fixture: &Fixture, folder: &Path) -> Serving {
    serve_with(fixture, folder, None).await
}

/// The same with somebody who keeps usage.
pub(super) async fn serve_with(fixture: &Fixture, folder: &Path, usage: Option<Arc<dyn UsageSink>>) -> Serving {
    let mut tasks: Vec<_> = fixture.live().await.into();
    let board = ServedBoard::default();
    let server = FeedServer {
        db: fixture.db().clone(),
        tail: fixture.tail.clone(),
        board: board.clone(),
        nodes: Arc::new(OneNode),
        usage,
        clock: fixture.clock.clone(),
    };
    let path = folder.join("feed.sock");
    let _ = std::fs::remove_file(&path);
    let listener = UnixListener::bind(path).unwrap();
    // Sessions end with the server, as they do when the process ends.
    tasks.push(AbortOnDropHandle::new(spawn_named("server", async move {
        let sessions: Arc<Mutex<Vec<AbortOnDropHandle<()>>>> = Arc::default();
        let spawned = sessions.clone();
        server
            .run(listener, move |task| {
                spawned
                    .lock()
                    .unwrap()
                    .push(AbortOnDropHandle::new(spawn_named("session", task)));
            })
            .await;
    })));
    Serving { board, _tasks: tasks }
}

/// What a data plane serves, and how often it was given everything anew.
#[derive(Clone, Default)]
pub(super) struct Served(Arc<Mutex<(BTreeMap<String, String>, u32)>>);

impl Served {
    pub(super) async fn serves(&self, expected: &[(&str, &str)]) {
        let expected: BTreeMap<_, _> = expected
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect();
        until(|| async { (self.0.lock().unwrap().0 == expected).then_some(()) }).await;
    }

    fn resets(&self) -> u32 {
        self.0.lock().unwrap().1
    }
}

/// A data plane that runs until it is dropped; it keeps its copy in `folder`.
pub(super) fn consumer(folder: &Path) -> (Served, AbortOnDropHandle<()>) {
    let served = Served::default();
    let subscription = Subscription {
        socket: folder.join("feed.sock"),
        snapshot: folder.join("snapshot.json"),
        role: Role::Edge,
        process: "edge".into(),
        version: "0".into(),
        topics: vec![TOPIC.into()],
        public_key: None,
    };
    let state = served.0.clone();
    let text = |value: Option<serde_json::Value>| value.and_then(|v| v.as_str().map(str::to_owned)).unwrap();
    let task = spawn_named("consumer", async move {
        follow(subscription, move |update| {
            let mut state = state.lock().unwrap();
            let items = match &update {
                Update::Reset { items, .. } => items.as_slice(),
                Update::Item { item, .. } => std::slice::from_ref(*item),
            };
            let unusable = |item: &&Item| item.value.as_ref().is_some_and(|value| value == UNUSABLE);
            let refused = items.iter().filter(unusable).map(refusal).collect();
            match update {
                Update::Reset { items, .. } => {
                    state.0 = items.into_iter().map(|item| (item.key, text(item.value))).collect();
                    state.1 += 1;
                }
                Update::Item { item, .. } if item.value.is_some() => {
                    state.0.insert(item.key.clone(), text(item.value.clone()));
                }
                Update::Item { item, .. } => {
                    state.0.remove(&item.key);
                }
            }
            refused
        })
        .await;
    });
    (served, AbortOnDropHandle::new(task))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_data_plane_that_starts_with_nothing_gets_everything_and_then_each_change() {
    let fixture = Fixture::new().await;
    let folder = tempfile::tempdir().unwrap();
    fixture
        .publish(&[
            ("a", 1, Some("one")),
            ("b", 1, Some("two")),
            ("gone", 1, Some("x")),
            ("gone", 2, None),
        ])
        .await;
    fixture.settle().await;
    let _serving = serve(&fixture, folder.path()).await;
    let (served, _consumer) = consumer(folder.path());
    served.serves(&[("a", "one"), ("b", "two")]).await;
    fixture.publish(&[("a", 2, Some("three")), ("b", 2, None)]).await;
    served.serves(&[("a", "three")]).await;
    assert_eq!(served.resets(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_data_plane_that_was_away_for_a_while_gets_what_it_missed() {
    let fixture = Fixture::new().await;
    let folder = tempfile::tempdir().unwrap();
    let serving = serve(&fixture, folder.path()).await;
    fixture.publish(&[("a", 1, Some("one")), ("b", 1, Some("two"))]).await;
    let (served, first) = consumer(folder.path());
    served.serves(&[("a", "one"), ("b", "two")]).await;
    drop(first);
    fixture.publish(&[("a", 2, None), ("c", 1, Some("three"))]).await;
    fixture.settle().await;
    let (served, _second) = consumer(folder.path());
    served.serves(&[("b", "two"), ("c", "three")]).await;
    assert_eq!(served.resets(), 1, "only from its own copy");
    // The same when it is the server that was away.
    drop(serving);
    fixture.publish(&[("b", 2, Some("four"))]).await;
    let _serving = serve(&fixture, folder.path()).await;
    served.serves(&[("b", "four"), ("c", "three")]).await;
    assert_eq!(served.resets(), 1);
}

/// Connects with a position and returns the mode it is answered with.
async fn mode_for(folder: &Path, position: Option<Position>) -> (Mode, Position) {
    let mut stream = UnixStream::connect(folder.join("feed.sock")).await.unwrap();
    frame::write(&mut stream, &ClientFrame::Hello(hello(Role::Edge, PROTOCOL, position)))
        .await
        .unwrap();
    match frame::read(&mut stream).await.unwrap() {
        ServerFrame::Welcome { mode, position, .. } => (mode, position),
        other => panic!("{other:?}"),
    }
}

/// A value that consumers of these tests cannot serve.
pub(super) const UNUSABLE: &str = "unusable";

fn refusal(item: &Item) -> Refusal {
    Refusal {
        topic: item.topic.clone(),
        key: item.key.clone(),
        generation: item.generation,
        reason: "it says so".into(),
    }
}

pub(super) fn hello(role: Role, protocol: u32, position: Option<Position>) -> Hello {
    let topics = vec![TOPIC.to_owned()];
    Hello {
        protocol,
        role,
        process: "probe".into(),
        version: "0".into(),
        position,
        topics,
        public_key: None,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_position_of_another_history_or_too_long_ago_means_a_snapshot() {
    let fixture = Fixture::new().await;
    let folder = tempfile::tempdir().unwrap();
    let _serving = serve(&fixture, folder.path()).await;
    for n in 1..=4 {
        fixture.publish(&[("a", n, Some("x"))]).await;
    }
    until(|| async { (*fixture.tail.last().borrow() == 4).then_some(()) }).await;
    let (mode, now) = mode_for(folder.path(), None).await;
    assert_eq!((mode, now.seq), (Mode::Snapshot, 4));
    let at = |seq| {
        Some(Position {
            epoch: now.epoch.clone(),
            seq,
        })
    };
    assert_eq!(mode_for(folder.path(), at(1)).await.0, Mode::Resume);
    assert_eq!(mode_for(folder.path(), at(4)).await.0, Mode::Resume);
    assert_eq!(
        mode_for(folder.path(), at(5)).await.0,
        Mode::Snapshot,
        "a number not reached yet"
    );
    let mut tx = fixture.db().spine().await.unwrap();
    crate::leader::prune(&mut tx, 2).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(mode_for(folder.path(), at(1)).await.0, Mode::Snapshot);
    assert_eq!(mode_for(folder.path(), at(2)).await.0, Mode::Resume);
    fixture.new_epoch().await;
    assert_eq!(mode_for(folder.path(), at(4)).await.0, Mode::Snapshot);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_restore_a_data_plane_serves_the_restored_state_and_nothing_else() {
    let fixture = Fixture::new().await;
    let folder = tempfile::tempdir().unwrap();
    fixture
        .publish(&[("a", 1, Some("one")), ("lost", 1, Some("two"))])
        .await;
    fixture.settle().await;
    let serving = serve(&fixture, folder.path()).await;
    let (served, first) = consumer(folder.path());
    served.serves(&[("a", "one"), ("lost", "two")]).await;
    drop((first, serving));
    let mut tx = fixture.db().spine().await.unwrap();
    sqlx::query("delete from spine.feed_state where key = 'lost'")
        .execute(mpanel_pg::Tx::conn(&mut tx))
        .await
        .unwrap();
    tx.commit().await.unwrap();
    fixture.new_epoch().await;
    let _serving = serve(&fixture, folder.path()).await;
    let (served, _second) = consumer(folder.path());
    served.serves(&[("a", "one")]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_not_or_speaks_otherwise_is_refused_by_name() {
    let fixture = Fixture::new().await;
    let folder = tempfile::tempdir().unwrap();
    let _serving = serve(&fixture, folder.path()).await;
    let refusals = [
        (Role::Dns, PROTOCOL, "no name server here"),
        (Role::Edge, PROTOCOL + 1, "protocol 1"),
    ];
    for (role, protocol, expected) in refusals {
        let mut stream = UnixStream::connect(folder.path().join("feed.sock")).await.unwrap();
        frame::write(&mut stream, &ClientFrame::Hello(hello(role, protocol, None)))
            .await
            .unwrap();
        match frame::read(&mut stream).await.unwrap() {
            ServerFrame::Refused { reason } => assert!(reason.contains(expected), "{reason}"),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_data_plane_hears_only_of_its_topics() {
    let fixture = Fixture::new().await;
    let folder = tempfile::tempdir().unwrap();
    let _serving = serve(&fixture, folder.path()).await;
    let (served, _consumer) = consumer(folder.path());
    let mut tx = fixture.db().tenant(fixture.tenant).await.unwrap();
    let zone = crate::State::upsert("dns.zone", "a", 1, &"not for the edge").unwrap();
    crate::publish(&mut tx, Some(fixture.tenant), &zone, jiff::Timestamp::UNIX_EPOCH)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    fixture.emit(fixture.tenant, "test.v1", "nor this").await;
    fixture.publish(&[("a", 1, Some("one"))]).await;
    served.serves(&[("a", "one")]).await;
}
