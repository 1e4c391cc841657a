use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mpanel_authz::Actor;
use mpanel_kernel::clock::Clock as _;
use mpanel_kernel::ids::RequestId;
use mpanel_telemetry::spawn_named;
use serde_json::json;
use tokio_util::task::AbortOnDropHandle;

use super::support::{Fixture, until};
use crate::tail::rows_after;
use crate::{event, run_leader};

const WRITERS: usize = 8;
const EACH: usize = 40;

/// What has been committed, with how much had been committed before its transaction began.
type Committed = Arc<Mutex<Vec<(String, usize)>>>;

async fn pause() {
    tokio::time::sleep(Duration::from_micros(rand::random_range(0..3000))).await;
}

/// Commits and rolls back, with the moment of the commit apart from the moment of the insert.
async fn write(fixture: Arc<Fixture>, writer: usize, committed: Committed) {
    let actor = Actor::System("test");
    for n in 0..EACH {
        let before = committed.lock().unwrap().len();
        let mut tx = fixture.db().tenant(fixture.tenant).await.unwrap();
        let subject = format!("{writer}/{n}");
        let (now, request) = (fixture.clock.now(), RequestId::generate());
        event(
            &mut tx,
            Some(fixture.tenant),
            "test.v1",
            &subject,
            &actor,
            request,
            &json!({}),
            now,
        )
        .await
        .unwrap();
        pause().await;
        if rand::random_ratio(1, 5) {
            drop(tx);
        } else {
            tx.commit().await.unwrap();
            committed.lock().unwrap().push((subject, before));
        }
        pause().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_feed_numbers_what_was_committed_in_order_without_gaps_loss_or_doubles() {
    let fixture = Arc::new(Fixture::new().await);
    // Two of them, as two servers would run.
    let _leaders = [(); 2].map(|()| AbortOnDropHandle::new(spawn_named("leader", run_leader(fixture.db().clone()))));
    let committed = Committed::default();
    let writers: Vec<_> = (0..WRITERS)
        .map(|n| spawn_named("writer", write(fixture.clone(), n, committed.clone())))
        .collect();
    // A reader that goes by numbers alone, all the while.
    let mut seen: HashMap<String, i64> = HashMap::new();
    let mut last = 0;
    loop {
        let ended = writers.iter().all(|writer| writer.is_finished());
        let (rows, _) = rows_after(fixture.db(), last, 7).await.unwrap();
        for row in &rows {
            assert_eq!(row.seq, last + 1, "a number was passed over, or came late");
            last = row.seq;
            assert_eq!(seen.insert(row.key.clone(), row.seq), None, "{} came twice", row.key);
        }
        if rows.is_empty() && ended && seen.len() == committed.lock().unwrap().len() {
            break;
        }
        tokio::task::yield_now().await;
    }
    for writer in writers {
        writer.await.unwrap();
    }
    let committed = committed.lock().unwrap();
    let names: HashSet<_> = committed.iter().map(|(name, _)| name.clone()).collect();
    assert_eq!(
        seen.keys().cloned().collect::<HashSet<_>>(),
        names,
        "exactly what was committed"
    );
    for (name, before) in committed.iter() {
        let latest = committed[..*before]
            .iter()
            .map(|(earlier, _)| seen[earlier])
            .max()
            .unwrap_or(0);
        assert!(
            latest < seen[name],
            "{name} overtook something that was committed before it began"
        );
    }
}

#[tokio::test]
async fn more_rows_than_one_batch_take_several_and_all_arrive() {
    let fixture = Fixture::new().await;
    let states: Vec<String> = (0..1203).map(|n| format!("host {n}")).collect();
    let states: Vec<_> = states.iter().map(|name| (name.as_str(), 1, Some("x"))).collect();
    fixture.publish(&states).await;
    fixture.settle().await;
    assert_eq!(fixture.count("select count(*) from spine.feed").await, 1203);
    assert_eq!(fixture.count("select last_seq from spine.feed_meta").await, 1203);
    assert_eq!(fixture.count("select count(*) from spine.outbox").await, 0);
}

#[tokio::test]
async fn a_subscriber_gets_every_row_once_and_in_order() {
    let fixture = Fixture::new().await;
    let _live = fixture.live().await;
    let mut rows = fixture.tail.subscribe();
    for n in 0..20 {
        fixture.emit(fixture.tenant, "test.v1", &n.to_string()).await;
    }
    for n in 0..20 {
        let row = tokio::time::timeout(Duration::from_secs(10), rows.recv())
            .await
            .unwrap()
            .unwrap();
        assert_eq!((row.seq, row.key.as_str()), (n + 1, n.to_string().as_str()));
        assert_eq!((row.tenant, row.is_state), (Some(fixture.tenant), false));
    }
    until(|| async { (*fixture.tail.last().borrow() == 20).then_some(()) }).await;
}
