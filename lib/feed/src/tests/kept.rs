use std::path::{Path, PathBuf};

use super::{accept, at, consumer, expect_ack, item, welcome};
use crate::frame::{self, Item, Mode, Position, ServerFrame};
use crate::{Kept, Mirror};

fn snapshot(folder: &Path) -> PathBuf {
    folder.join("snapshot.json")
}

/// A copy on disk of nothing, at 9.
fn empty(folder: &Path) -> Kept {
    let mut mirror = Mirror::default();
    mirror.replace([], at(9));
    mirror.save(&snapshot(folder)).unwrap();
    Kept::load(&snapshot(folder))
}

fn keys(folder: &Path) -> Vec<String> {
    let kept = Kept::load(&snapshot(folder));
    kept.mirror().items().map(|item| item.key).collect()
}

fn journal(folder: &Path) -> PathBuf {
    folder.join("snapshot.journal")
}

#[tokio::test]
async fn what_was_acknowledged_is_still_there_when_the_consumer_is_killed_at_once() {
    let folder = tempfile::tempdir().unwrap();
    drop(empty(folder.path()));
    let listener = tokio::net::UnixListener::bind(folder.path().join("feed.sock")).unwrap();
    let (_, task) = consumer(folder.path());
    let (mut stream, _) = accept(&listener).await;
    welcome(&mut stream, Mode::Resume).await;
    for frame in [
        ServerFrame::Item(item(10, "b.example", Some("new"))),
        ServerFrame::Heartbeat { seq: 10 },
    ] {
        frame::write(&mut stream, &frame).await.unwrap();
    }
    expect_ack(&mut stream, 10).await;
    // Without another turn of its loop.
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    assert_eq!(keys(folder.path()), ["b.example"]);
    assert_eq!(Kept::load(&snapshot(folder.path())).mirror().position, Some(at(10)));
}

#[test]
fn changes_and_deletions_are_read_back_in_their_order() {
    let folder = tempfile::tempdir().unwrap();
    let mut kept = empty(folder.path());
    for change in [
        item(10, "a", Some("one")),
        item(11, "b", Some("one")),
        item(12, "a", None),
        item(13, "b", Some("two")),
    ] {
        assert!(kept.apply(&change, "e1"));
        assert!(kept.move_to(change.seq, "e1"));
    }
    let again = Kept::load(&snapshot(folder.path()));
    assert_eq!(again.mirror(), kept.mirror());
    let items: Vec<Item> = again.mirror().items().collect();
    assert_eq!(items, [item(13, "b", Some("two"))]);
}

#[test]
fn a_line_that_was_cut_short_is_cut_off_and_the_journal_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let mut kept = empty(folder.path());
    kept.apply(&item(10, "a", Some("one")), "e1");
    kept.apply(&item(11, "b", Some("one")), "e1");
    let whole = std::fs::read(journal(folder.path())).unwrap();
    for cut in 1..whole.len() / 2 {
        std::fs::write(journal(folder.path()), &whole[..whole.len() - cut]).unwrap();
        let mut kept = Kept::load(&snapshot(folder.path()));
        assert_eq!(kept.mirror().position, Some(at(10)), "cut by {cut}");
        kept.apply(&item(12, "c", Some("one")), "e1");
        assert_eq!(keys(folder.path()), ["a", "c"], "cut by {cut}");
    }
}

#[test]
fn a_journal_of_another_history_or_older_than_the_snapshot_adds_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut kept = empty(folder.path());
    kept.apply(&item(10, "a", Some("one")), "e1");
    let mut later = Mirror::default();
    for (epoch, seq) in [("e1", 10), ("e2", 3)] {
        let position = Position {
            epoch: epoch.into(),
            seq,
        };
        later.replace([], position);
        later.save(&snapshot(folder.path())).unwrap();
        assert!(keys(folder.path()).is_empty(), "{epoch} {seq}");
    }
    // Nor does one without a snapshot.
    std::fs::remove_file(snapshot(folder.path())).unwrap();
    assert_eq!(Kept::load(&snapshot(folder.path())).mirror(), &Mirror::default());
}

#[test]
fn a_long_journal_becomes_a_snapshot() {
    let folder = tempfile::tempdir().unwrap();
    let mut kept = empty(folder.path());
    let text = "x".repeat(100 * 1024);
    for seq in 10..22 {
        kept.apply(&item(seq, "a", Some(&text)), "e1");
        kept.move_to(seq, "e1");
        kept.settle();
    }
    let journal = std::fs::metadata(journal(folder.path())).unwrap().len();
    assert!(journal < 2 * 100 * 1024, "{journal}");
    assert_eq!(Kept::load(&snapshot(folder.path())).mirror(), kept.mirror());
}

#[test]
fn a_journal_that_cannot_be_written_is_made_up_for_by_a_snapshot() {
    let folder = tempfile::tempdir().unwrap();
    drop(empty(folder.path()));
    std::fs::remove_file(journal(folder.path())).unwrap();
    std::fs::create_dir(journal(folder.path())).unwrap();
    let mut kept = Kept::load(&snapshot(folder.path()));
    assert!(kept.apply(&item(10, "a", Some("one")), "e1"));
    kept.move_to(10, "e1");
    kept.settle();
    assert_eq!(keys(folder.path()), ["a"]);
}
