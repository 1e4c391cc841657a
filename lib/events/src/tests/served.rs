use std::time::Duration;

use mpanel_feed::frame::{self, ClientFrame, Hello, PROTOCOL, Role, ServerFrame};
use tokio::net::UnixStream;

use super::server::{UNUSABLE, consumer, serve};
use super::support::{Fixture, TOPIC, until};
use crate::Served;

const SOON: Duration = Duration::from_millis(300);
const LONG: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waiting_ends_when_every_connected_process_serves_it() {
    let fixture = Fixture::new().await;
    let folder = tempfile::tempdir().unwrap();
    let serving = serve(&fixture, folder.path()).await;
    let (_served, _consumer) = consumer(folder.path());
    until(|| async { (serving.board.consumers().len() == 1).then_some(()) }).await;
    fixture.publish(&[("a", 1, Some("one"))]).await;
    let wait = |generation, within| {
        serving.board.wait(
            fixture.db(),
            &fixture.tail,
            Role::Edge,
            (TOPIC, "a", generation),
            within,
        )
    };
    assert_eq!(wait(1, LONG).await.unwrap(), Served::Everywhere);
    assert_eq!(wait(2, SOON).await.unwrap(), Served::NotPublished);
    let (waited, ()) = tokio::join!(wait(2, LONG), async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        fixture.publish(&[("a", 2, Some("two"))]).await;
    });
    assert_eq!(waited.unwrap(), Served::Everywhere);
    let status = &serving.board.consumers()[0];
    assert_eq!(
        (status.node.as_str(), status.process.as_str(), status.connected),
        ("node_1", "edge", true)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waiting_for_an_object_that_is_gone_ends_when_nobody_serves_it() {
    let fixture = Fixture::new().await;
    let folder = tempfile::tempdir().unwrap();
    let serving = serve(&fixture, folder.path()).await;
    let (served, _consumer) = consumer(folder.path());
    fixture.publish(&[("a", 1, Some("one"))]).await;
    served.serves(&[("a", "one")]).await;
    fixture.publish(&[("a", 2, None)]).await;
    let waited = serving
        .board
        .wait(fixture.db(), &fixture.tail, Role::Edge, (TOPIC, "a", 2), LONG)
        .await;
    assert_eq!(waited.unwrap(), Served::Everywhere);
    served.serves(&[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waiting_says_when_nobody_is_there_and_who_lags() {
    let fixture = Fixture::new().await;
    let folder = tempfile::tempdir().unwrap();
    let serving = serve(&fixture, folder.path()).await;
    fixture.publish(&[("a", 1, Some("one"))]).await;
    let wait = || {
        serving
            .board
            .wait(fixture.db(), &fixture.tail, Role::Edge, (TOPIC, "a", 1), SOON)
    };
    assert_eq!(wait().await.unwrap(), Served::NobodyConnected);
    // One that listens and never acknowledges.
    let mut stream = UnixStream::connect(folder.path().join("feed.sock")).await.unwrap();
    let hello = Hello {
        protocol: PROTOCOL,
        role: Role::Edge,
        process: "slow".into(),
        version: "0".into(),
        position: None,
        topics: vec![TOPIC.into()],
        public_key: None,
    };
    frame::write(&mut stream, &ClientFrame::Hello(hello)).await.unwrap();
    assert!(matches!(
        frame::read(&mut stream).await.unwrap(),
        ServerFrame::Welcome { .. }
    ));
    assert_eq!(wait().await.unwrap(), Served::Lagging(vec!["slow".into()]));
    drop(stream);
    until(|| async { (!serving.board.consumers()[0].connected).then_some(()) }).await;
    assert_eq!(wait().await.unwrap(), Served::NobodyConnected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_came_back_before_its_old_connection_ended_is_connected() {
    let fixture = Fixture::new().await;
    let folder = tempfile::tempdir().unwrap();
    let serving = serve(&fixture, folder.path()).await;
    let (_served, old) = consumer(folder.path());
    until(|| async { (serving.board.consumers().len() == 1).then_some(()) }).await;
    let (_served, _new) = consumer(folder.path());
    fixture.publish(&[("a", 1, Some("one"))]).await;
    let wait = || {
        serving
            .board
            .wait(fixture.db(), &fixture.tail, Role::Edge, (TOPIC, "a", 1), LONG)
    };
    assert_eq!(wait().await.unwrap(), Served::Everywhere);
    drop(old);
    // The end of the old connection says nothing about the new one.
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(wait().await.unwrap(), Served::Everywhere);
    assert!(serving.board.consumers()[0].connected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_process_cannot_serve_is_not_said_to_be_served() {
    let fixture = Fixture::new().await;
    let folder = tempfile::tempdir().unwrap();
    let serving = serve(&fixture, folder.path()).await;
    let (_served, consuming) = consumer(folder.path());
    fixture
        .publish(&[("a", 1, Some("one")), ("b", 1, Some(UNUSABLE))])
        .await;
    let wait = async |key: &'static str, generation| {
        let object = (TOPIC, key, generation);
        let board = &serving.board;
        board
            .wait(fixture.db(), &fixture.tail, Role::Edge, object, LONG)
            .await
            .unwrap()
    };
    let refused = Served::Refused("it says so".into());
    assert_eq!(
        (wait("a", 1).await, wait("b", 1).await),
        (Served::Everywhere, refused.clone())
    );
    let objects = [("b", 1), ("a", 1)];
    let now = serving
        .board
        .now(fixture.db(), Role::Edge, TOPIC, &objects)
        .await
        .unwrap();
    assert_eq!(now, [refused.clone(), Served::Everywhere]);
    // It says so again to whoever it connects to next.
    drop(consuming);
    let (_served, _consuming) = consumer(folder.path());
    until(|| async { serving.board.consumers()[0].connected.then_some(()) }).await;
    assert_eq!(wait("b", 1).await, refused);
    fixture.publish(&[("b", 2, Some("two"))]).await;
    assert_eq!(wait("b", 2).await, Served::Everywhere);
}
