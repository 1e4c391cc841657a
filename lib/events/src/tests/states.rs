use mpanel_pg::{Reason, Tx};

use super::support::{Fixture, TOPIC};

async fn states(fixture: &Fixture) -> Vec<(String, i64, String)> {
    let mut tx = fixture.db().spine().await.unwrap();
    sqlx::query_as("select key, generation, value #>> '{}' from spine.feed_state where value is not null order by key")
        .fetch_all(tx.conn())
        .await
        .unwrap()
}

fn state(key: &str, generation: i64, value: &str) -> (String, i64, String) {
    (key.to_owned(), generation, value.to_owned())
}

#[tokio::test]
async fn the_newest_state_of_each_object_is_kept() {
    let fixture = Fixture::new().await;
    fixture
        .publish(&[("a", 1, Some("old")), ("b", 1, Some("only")), ("a", 2, Some("new"))])
        .await;
    fixture.settle().await;
    assert_eq!(states(&fixture).await, [state("a", 2, "new"), state("b", 1, "only")]);
    fixture.publish(&[("a", 3, Some("newer"))]).await;
    fixture.settle().await;
    assert_eq!(states(&fixture).await, [state("a", 3, "newer"), state("b", 1, "only")]);
}

#[tokio::test]
async fn what_is_deleted_has_no_state_until_it_comes_back() {
    let fixture = Fixture::new().await;
    fixture.publish(&[("a", 1, Some("x")), ("b", 1, Some("y"))]).await;
    fixture.settle().await;
    fixture.publish(&[("a", 2, None)]).await;
    fixture.settle().await;
    assert_eq!(states(&fixture).await, [state("b", 1, "y")]);
    fixture
        .publish(&[("b", 2, Some("gone at once")), ("b", 3, None), ("a", 3, Some("back"))])
        .await;
    fixture.settle().await;
    assert_eq!(states(&fixture).await, [state("a", 3, "back")]);
    fixture.publish(&[("c", 1, None)]).await;
    fixture.settle().await;
    assert_eq!(
        states(&fixture).await,
        [state("a", 3, "back")],
        "deleting what never was is nothing"
    );
}

#[tokio::test]
async fn events_leave_no_state() {
    let fixture = Fixture::new().await;
    fixture.emit(fixture.tenant, "test.thing.created.v1", "thing_1").await;
    fixture.settle().await;
    assert!(states(&fixture).await.is_empty());
}

#[tokio::test]
async fn that_something_is_gone_is_remembered_for_as_long_as_the_feed_reaches_back() {
    let fixture = Fixture::new().await;
    fixture
        .publish(&[("a", 1, Some("x")), ("a", 2, None), ("b", 1, Some("y"))])
        .await;
    fixture.settle().await;
    let rows = "select count(*) from spine.feed_state";
    assert_eq!(fixture.count(rows).await, 2);
    let mut tx = fixture.db().spine().await.unwrap();
    crate::leader::prune(&mut tx, 3).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(fixture.count(rows).await, 1);
    assert_eq!(states(&fixture).await, [state("b", 1, "y")]);
}

#[tokio::test]
async fn a_reconciler_compares_with_what_is_there_and_not_with_what_is_gone() {
    let fixture = Fixture::new().await;
    fixture
        .publish(&[("a", 1, Some("x")), ("gone", 1, Some("y")), ("gone", 2, None)])
        .await;
    fixture.settle().await;
    let mut tx = fixture.db().platform(Reason::Reconcile("test")).await.unwrap();
    let states = crate::current_states(&mut tx, TOPIC).await.unwrap();
    assert_eq!(states, [("a".to_owned(), 1, serde_json::json!("x"))]);
    assert!(crate::current_states(&mut tx, "another").await.unwrap().is_empty());
}
