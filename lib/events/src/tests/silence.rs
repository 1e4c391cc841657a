//! Consumers that take nothing or say nothing: they lose their connection, and nobody else notices.

use std::path::Path;

use mpanel_feed::frame::{self, ClientFrame, Mode, PROTOCOL, Position, Role, ServerFrame};
use tokio::net::UnixStream;

use super::server::{Serving, consumer, hello, serve};
use super::support::{Fixture, until};

/// A connection of the process `probe` that has been let in.
async fn connect(folder: &Path, position: Option<Position>) -> (UnixStream, Mode, Position) {
    let mut stream = UnixStream::connect(folder.join("feed.sock")).await.unwrap();
    let hello = ClientFrame::Hello(hello(Role::Edge, PROTOCOL, position));
    frame::write(&mut stream, &hello).await.unwrap();
    match frame::read(&mut stream).await.unwrap() {
        ServerFrame::Welcome { mode, position, .. } => (stream, mode, position),
        other => panic!("{other:?}"),
    }
}

fn is_connected(serving: &Serving) -> bool {
    let all = serving.board.consumers();
    all.iter().any(|status| status.process == "probe" && status.connected)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consumer_that_takes_nothing_holds_nobody_up_and_is_told_to_begin_anew() {
    let fixture = Fixture::new().await;
    let folder = tempfile::tempdir().unwrap();
    let serving = serve(&fixture, folder.path()).await;
    let (_stuck, _, position) = connect(folder.path(), None).await;
    assert!(is_connected(&serving));
    let (served, _consumer) = consumer(folder.path());
    // Far more than lies between two ends of a socket.
    let large = "x".repeat(200_000);
    for n in 1..=40 {
        fixture
            .publish(&[("a", n, Some(&large)), ("b", n, Some("small"))])
            .await;
    }
    served.serves(&[("a", &large), ("b", "small")]).await;
    until(|| async { (!is_connected(&serving)).then_some(()) }).await;
    // What it would have to be sent is no longer there in the end.
    let mut tx = fixture.db().spine().await.unwrap();
    crate::leader::prune(&mut tx, 50).await.unwrap();
    tx.commit().await.unwrap();
    let (_, mode, _) = connect(folder.path(), Some(position)).await;
    assert_eq!(mode, Mode::Snapshot);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consumer_at_the_other_end_of_a_dead_connection_is_missed_soon() {
    let fixture = Fixture::new().await;
    let folder = tempfile::tempdir().unwrap();
    let serving = serve(&fixture, folder.path()).await;
    let (mut silent, ..) = connect(folder.path(), None).await;
    // It takes what it is sent, as a kernel does whose process is gone, and acknowledges nothing.
    let cut_off = async { while frame::read::<ServerFrame, _>(&mut silent).await.is_ok() {} };
    tokio::time::timeout(std::time::Duration::from_secs(30), cut_off)
        .await
        .expect("it is cut off");
    until(|| async { (!is_connected(&serving)).then_some(()) }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consumer_with_nothing_to_do_stays_connected() {
    let fixture = Fixture::new().await;
    let folder = tempfile::tempdir().unwrap();
    let serving = serve(&fixture, folder.path()).await;
    let (mut stream, ..) = connect(folder.path(), None).await;
    let mut heartbeats = 0;
    while heartbeats < 20 {
        if let ServerFrame::Heartbeat { seq } = frame::read(&mut stream).await.unwrap() {
            heartbeats += 1;
            frame::write(&mut stream, &ClientFrame::Ack { seq }).await.unwrap();
        }
    }
    assert!(
        is_connected(&serving),
        "after twice the time in which a silent one is cut off"
    );
}
