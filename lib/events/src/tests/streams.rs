use mpanel_kernel::ids::TenantId;

use mpanel_feed::frame::Position;

use super::support::{Fixture, until};
use crate::tail::position;
use crate::{FeedRow, events_after};

/// The fixture's tenant's events after a number of the history there is now.
async fn after(fixture: &Fixture, seq: i64) -> Option<Vec<FeedRow>> {
    let epoch = position(fixture.db()).await.unwrap().0.epoch;
    let position = Position { epoch, seq };
    events_after(fixture.db(), fixture.tenant, &position, 100)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_stream_resumes_with_the_tenants_own_events_only() {
    let fixture = Fixture::new().await;
    let other = TenantId::generate();
    fixture.emit(fixture.tenant, "test.v1", "one").await;
    fixture.emit(other, "test.v1", "not ours").await;
    fixture.publish(&[("a", 1, Some("no event"))]).await;
    fixture.emit(fixture.tenant, "test.v1", "two").await;
    fixture.settle().await;
    let events = after(&fixture, 0).await.unwrap();
    let subjects: Vec<_> = events.iter().map(|event| event.key.as_str()).collect();
    assert_eq!(subjects, ["one", "two"]);
    let rest = after(&fixture, events[0].seq).await.unwrap();
    assert_eq!(rest, events[1..]);
    let value = events[0].value.as_ref().unwrap();
    assert_eq!(
        (value["type"].as_str(), value["subject"].as_str()),
        (Some("test.v1"), Some("one"))
    );
}

#[tokio::test]
async fn a_stream_that_was_away_too_long_or_knows_another_history_is_told_so() {
    let fixture = Fixture::new().await;
    for n in 0..4 {
        fixture.emit(fixture.tenant, "test.v1", &n.to_string()).await;
    }
    fixture.settle().await;
    let mut tx = fixture.db().spine().await.unwrap();
    crate::leader::prune(&mut tx, 2).await.unwrap();
    tx.commit().await.unwrap();
    let after = async |seq| after(&fixture, seq).await.map(|events| events.len());
    assert_eq!(after(1).await, None);
    assert_eq!(after(2).await, Some(2));
    assert_eq!(after(4).await, Some(0));
    assert_eq!(after(5).await, None, "a number that this history has not reached");
    // The same number of what was before a restore.
    let before = position(fixture.db()).await.unwrap().0;
    assert_ne!(fixture.new_epoch().await, fixture.new_epoch().await);
    let events = events_after(fixture.db(), fixture.tenant, &before, 100).await.unwrap();
    assert_eq!(events, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_follows_the_database_that_was_put_in_place_of_the_one_before() {
    let fixture = Fixture::new().await;
    let _live = fixture.live().await;
    let mut rows = fixture.tail.subscribe();
    for n in 0..5 {
        fixture.emit(fixture.tenant, "test.v1", &n.to_string()).await;
    }
    until(|| async { (*fixture.tail.last().borrow() == 5).then_some(()) }).await;
    let before = fixture.tail.epoch().borrow().clone();
    // A copy of an earlier moment: other files, lower numbers. Who followed the other one is cut off.
    for statement in [
        "delete from spine.feed where seq > 2",
        "update spine.feed_meta set last_seq = 2",
        "vacuum full spine.feed_meta",
        "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()",
    ] {
        let mut admin = sqlx::PgPool::connect_with(fixture.admin.clone())
            .await
            .unwrap()
            .acquire()
            .await
            .unwrap();
        sqlx::query(statement).execute(&mut *admin).await.unwrap();
    }
    until(|| async { (*fixture.tail.epoch().borrow() != before).then_some(()) }).await;
    fixture.emit(fixture.tenant, "test.v1", "after").await;
    let after = until(|| {
        let row = rows.try_recv().ok().filter(|row| row.key == "after");
        async { row }
    });
    assert_eq!(after.await.seq, 3);
}
