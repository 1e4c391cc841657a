use super::support::Fixture;
use crate::notice_restore;
use crate::tail::position;

#[tokio::test]
async fn a_database_that_was_copied_begins_a_new_epoch_once() {
    let fixture = Fixture::new().await;
    let epoch = async || position(fixture.db()).await.unwrap().0.epoch;
    let first = epoch().await;
    assert!(
        !notice_restore(fixture.db()).await.unwrap(),
        "a first start is no restore"
    );
    assert!(!notice_restore(fixture.db()).await.unwrap(), "nor is a second");
    assert_eq!(epoch().await, first);
    // The rows as they were, in another file: what a dump does that is read back in place.
    sqlx::query("vacuum full spine.feed_meta")
        .execute(fixture.db().pool())
        .await
        .unwrap();
    assert!(notice_restore(fixture.db()).await.unwrap());
    let second = epoch().await;
    assert_ne!(first, second);
    assert!(!notice_restore(fixture.db()).await.unwrap());
    assert_eq!(epoch().await, second);
}
