//! What the feed keeps, and in which portions it is moved and read.

use super::support::{Fixture, TOPIC};
use crate::leader::past_bytes;
use crate::states::states_after;
use crate::{State, move_committed, publish};
use mpanel_kernel::clock::Clock as _;

const MIB: usize = 1 << 20;

/// One state of so many bytes.
async fn publish_large(fixture: &Fixture, key: &str, generation: i64, bytes: usize) {
    let mut tx = fixture.db().tenant(fixture.tenant).await.unwrap();
    let state = State::upsert(TOPIC, key, generation, &"x".repeat(bytes)).unwrap();
    publish(&mut tx, Some(fixture.tenant), &state, fixture.clock.now())
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn a_state_written_many_times_is_kept_once() {
    let fixture = Fixture::new().await;
    for generation in 1..=40 {
        publish_large(&fixture, "zone", generation, MIB / 4).await;
        if generation % 7 == 0 {
            fixture.settle().await;
        }
    }
    fixture.settle().await;
    assert_eq!(fixture.count("select last_seq from spine.feed_meta").await, 40);
    assert_eq!(fixture.count("select coalesce(sum(bytes), 0) from spine.feed").await, 0);
    assert_eq!(fixture.count("select count(*) from spine.feed_state").await, 1);
    let page = states_after(fixture.db(), &[TOPIC.to_owned()], 39, true).await.unwrap();
    assert_eq!((page.items[0].seq, page.items[0].generation), (40, 40));
}

#[tokio::test]
async fn large_values_are_moved_and_read_in_portions() {
    let fixture = Fixture::new().await;
    for key in ["a", "b", "c"] {
        publish_large(&fixture, key, 1, 9 * MIB).await;
    }
    let mut moved = Vec::new();
    for _ in 0..3 {
        moved.push(move_committed(fixture.db()).await.unwrap());
    }
    assert_eq!(moved, [2, 1, 0]);
    for n in 0..7 {
        publish_large(&fixture, &format!("small {n}"), 1, MIB / 4).await;
    }
    fixture.settle().await;
    let (mut pages, mut after) = (Vec::new(), 0);
    loop {
        let page = states_after(fixture.db(), &[TOPIC.to_owned()], after, false)
            .await
            .unwrap();
        let Some(last) = page.items.last() else { break };
        after = last.seq;
        pages.push(page.items.len());
        if !page.more {
            break;
        }
    }
    assert_eq!(pages, [1, 1, 1, 4, 3]);
}

#[tokio::test]
async fn the_feed_is_cut_by_the_bytes_of_its_events() {
    let fixture = Fixture::new().await;
    for n in 0..6 {
        fixture.emit(fixture.tenant, "test.v1", &format!("thing {n}")).await;
    }
    fixture.settle().await;
    let of_four = fixture.count("select sum(bytes) from spine.feed where seq > 2").await;
    let mut tx = fixture.db().spine().await.unwrap();
    assert_eq!(past_bytes(&mut tx, of_four).await.unwrap(), 2);
    assert_eq!(past_bytes(&mut tx, of_four - 1).await.unwrap(), 3);
    assert_eq!(past_bytes(&mut tx, i64::MAX).await.unwrap(), 0);
}
