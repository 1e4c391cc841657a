use mpanel_kernel::ids::TenantId;
use mpanel_pg::Tx;

use super::support::{Fixture, TOPIC, created};
use crate::{Error, State};

#[tokio::test]
async fn a_change_without_a_record_does_not_commit() {
    let fixture = Fixture::new().await;
    let mut change = fixture.spine.begin(&fixture.cx()).await.unwrap();
    change
        .publish(&State::upsert(TOPIC, "a", 1, &"x").unwrap())
        .await
        .unwrap();
    assert!(matches!(change.commit().await, Err(Error::Unrecorded)));
    assert_eq!(fixture.count("select count(*) from spine.outbox").await, 0);
}

#[tokio::test]
async fn a_change_that_is_dropped_undoes_itself() {
    let fixture = Fixture::new().await;
    let mut change = fixture.spine.begin(&fixture.cx()).await.unwrap();
    change.record(created("thing_1")).await.unwrap();
    drop(change);
    assert_eq!(fixture.count("select count(*) from spine.outbox").await, 0);
}

#[tokio::test]
async fn rows_event_and_state_commit_together() {
    let fixture = Fixture::new().await;
    let mut change = fixture.spine.begin(&fixture.cx()).await.unwrap();
    change.record(created("thing_1")).await.unwrap();
    change
        .publish(&State::upsert(TOPIC, "a", 1, &"x").unwrap())
        .await
        .unwrap();
    assert_eq!(
        fixture.count("select count(*) from spine.outbox").await,
        0,
        "not before"
    );
    change.commit().await.unwrap();
    assert_eq!(fixture.count("select count(*) from spine.outbox").await, 2);
}

#[tokio::test]
async fn a_tenant_cannot_speak_in_anothers_name_nor_read_the_outbox() {
    let fixture = Fixture::new().await;
    let mut tx = fixture.db().tenant(TenantId::generate()).await.unwrap();
    let state = State::upsert(TOPIC, "a", 1, &"x").unwrap();
    for owner in [Some(fixture.tenant), None] {
        let refused = crate::publish(&mut tx, owner, &state, jiff::Timestamp::UNIX_EPOCH)
            .await
            .unwrap_err();
        assert!(refused.to_string().contains("row-level security"), "{refused}");
        tx = fixture.db().tenant(TenantId::generate()).await.unwrap();
    }
    for table in [
        "select from spine.outbox",
        "select from spine.feed",
        "select from spine.feed_state",
    ] {
        let mut tx = fixture.db().tenant(fixture.tenant).await.unwrap();
        let refused = sqlx::query(table).execute(tx.conn()).await.unwrap_err();
        assert!(refused.to_string().contains("permission denied"), "{table}: {refused}");
    }
}
