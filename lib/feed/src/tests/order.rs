//! Frames that come twice, in the wrong order or out of another history, and a peer that falls silent.

use super::*;

/// A consumer that has taken a snapshot up to number 5 with `a.example` as `one`, and its connection.
async fn following(folder: &Path) -> (UnixListener, Served, tokio::task::JoinHandle<()>, UnixStream) {
    let listener = UnixListener::bind(folder.join("feed.sock")).unwrap();
    let (served, task) = consumer(folder);
    let (mut stream, _) = accept(&listener).await;
    welcome(&mut stream, Mode::Snapshot).await;
    send(&mut stream, ServerFrame::Item(item(5, "a.example", Some("one")))).await;
    send(&mut stream, ServerFrame::SnapshotEnd { position: at(5) }).await;
    expect_ack(&mut stream, 5).await;
    (listener, served, task, stream)
}

async fn send(stream: &mut UnixStream, frame: ServerFrame) {
    frame::write(stream, &frame).await.unwrap();
}

/// It ends the connection without another word, and comes back with what it had.
async fn hangs_up(listener: &UnixListener, mut stream: UnixStream) -> Hello {
    while let Ok(said) = frame::read::<ClientFrame, _>(&mut stream).await {
        assert!(matches!(said, ClientFrame::Usage(_)), "{said:?}");
    }
    accept(listener).await.1
}

fn hosts(served: &Served) -> Vec<(String, String)> {
    served.lock().unwrap().clone()
}

#[tokio::test]
async fn what_is_delivered_twice_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (_listener, served, _task, mut stream) = following(folder.path()).await;
    for _ in 0..2 {
        send(&mut stream, ServerFrame::Item(item(7, "b.example", Some("two")))).await;
    }
    for _ in 0..2 {
        send(&mut stream, ServerFrame::Heartbeat { seq: 7 }).await;
        expect_ack(&mut stream, 7).await;
    }
    assert_eq!(hosts(&served).len(), 2);
}

#[tokio::test]
async fn frames_out_of_order_are_refused_and_nothing_of_them_is_served() {
    for wrong in [
        ServerFrame::Item(item(6, "a.example", Some("old"))),
        ServerFrame::Item(item(6, "a.example", None)),
        ServerFrame::Heartbeat { seq: 6 },
        ServerFrame::SnapshotEnd { position: at(9) },
    ] {
        let folder = tempfile::tempdir().unwrap();
        let (listener, served, _task, mut stream) = following(folder.path()).await;
        send(&mut stream, ServerFrame::Item(item(7, "b.example", Some("two")))).await;
        send(&mut stream, ServerFrame::Heartbeat { seq: 7 }).await;
        expect_ack(&mut stream, 7).await;
        send(&mut stream, wrong.clone()).await;
        let hello = hangs_up(&listener, stream).await;
        assert_eq!(hello.position, Some(at(7)), "{wrong:?}");
        assert!(
            hosts(&served).contains(&("a.example".into(), "one".into())),
            "{wrong:?}"
        );
    }
}

#[tokio::test]
async fn a_snapshot_out_of_order_or_of_another_history_is_not_served() {
    let position = Position {
        epoch: "e2".into(),
        seq: 9,
    };
    for wrong in [
        ServerFrame::Item(item(3, "b.example", Some("two"))),
        ServerFrame::SnapshotEnd { position },
    ] {
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join("feed.sock")).unwrap();
        let (served, _task) = consumer(folder.path());
        let (mut stream, _) = accept(&listener).await;
        welcome(&mut stream, Mode::Snapshot).await;
        send(&mut stream, ServerFrame::Item(item(4, "a.example", Some("one")))).await;
        send(&mut stream, wrong).await;
        assert_eq!(hangs_up(&listener, stream).await.position, None);
        assert!(hosts(&served).is_empty());
    }
}

#[tokio::test]
async fn a_history_that_the_consumer_does_not_know_is_not_resumed() {
    let folder = tempfile::tempdir().unwrap();
    let listener = UnixListener::bind(folder.path().join("feed.sock")).unwrap();
    let (_served, _task) = consumer(folder.path());
    let (mut stream, hello) = accept(&listener).await;
    assert_eq!(hello.position, None);
    welcome(&mut stream, Mode::Resume).await;
    send(&mut stream, ServerFrame::Item(item(4, "a.example", Some("one")))).await;
    assert_eq!(hangs_up(&listener, stream).await.position, None);
}

#[tokio::test]
async fn what_goes_does_not_take_along_what_has_come_since() {
    let mut mirror = Mirror::default();
    assert!(mirror.apply(&item(6, "a", Some("new"))));
    assert!(!mirror.apply(&item(5, "a", None)));
    assert_eq!(mirror.items().count(), 1);
    assert!(mirror.apply(&item(7, "a", None)));
}

#[tokio::test]
async fn a_huge_snapshot_is_served_whole_or_not_at_all() {
    const OBJECTS: i64 = 20_000;
    let folder = tempfile::tempdir().unwrap();
    let listener = UnixListener::bind(folder.path().join("feed.sock")).unwrap();
    let (served, _task) = consumer(folder.path());
    let (mut stream, _) = accept(&listener).await;
    welcome(&mut stream, Mode::Snapshot).await;
    let value = "x".repeat(1000);
    for seq in 1..=OBJECTS {
        let key = format!("{seq}.example");
        send(&mut stream, ServerFrame::Item(item(seq, &key, Some(&value)))).await;
    }
    assert!(hosts(&served).is_empty());
    send(&mut stream, ServerFrame::SnapshotEnd { position: at(OBJECTS) }).await;
    expect_ack(&mut stream, OBJECTS).await;
    assert_eq!(hosts(&served).len(), OBJECTS as usize);
}

#[tokio::test]
async fn a_control_plane_that_falls_silent_is_left_and_asked_anew() {
    let folder = tempfile::tempdir().unwrap();
    let (listener, served, _task, stream) = following(folder.path()).await;
    // The connection stands, and nobody speaks.
    let (_, hello) = accept(&listener).await;
    assert_eq!(hello.position, Some(at(5)));
    assert_eq!(hosts(&served).len(), 1);
    drop(stream);
}
