use mpanel_kernel::ids::TenantId;

use super::support::Fixture;
use crate::events_after;

#[tokio::test]
async fn a_stream_resumes_with_the_tenants_own_events_only() {
    let fixture = Fixture::new().await;
    let other = TenantId::generate();
    fixture.emit(fixture.tenant, "test.v1", "one").await;
    fixture.emit(other, "test.v1", "not ours").await;
    fixture.publish(&[("a", 1, Some("no event"))]).await;
    fixture.emit(fixture.tenant, "test.v1", "two").await;
    fixture.settle().await;
    let events = events_after(fixture.db(), fixture.tenant, 0, 100)
        .await
        .unwrap()
        .unwrap();
    let subjects: Vec<_> = events.iter().map(|event| event.key.as_str()).collect();
    assert_eq!(subjects, ["one", "two"]);
    let rest = events_after(fixture.db(), fixture.tenant, events[0].seq, 100)
        .await
        .unwrap()
        .unwrap();
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
    let after = async |seq| {
        events_after(fixture.db(), fixture.tenant, seq, 100)
            .await
            .unwrap()
            .map(|events| events.len())
    };
    assert_eq!(after(1).await, None);
    assert_eq!(after(2).await, Some(2));
    assert_eq!(after(4).await, Some(0));
    assert_eq!(after(5).await, None, "a number that this history has not reached");
    assert_ne!(fixture.new_epoch().await, fixture.new_epoch().await);
}
