//! Dead events as people see them: what is shown, what becomes of them, and in which order their resource's are taken on.

use std::collections::HashSet;
use std::sync::Mutex;

use async_trait::async_trait;
use mpanel_kernel::error::PublicError as _;
use mpanel_kernel::ids::TenantId;
use mpanel_kernel::paging::PageRequest;
use mpanel_pg::{PlatformTx, Reason, Tx};
use serde_json::Value;

use super::support::Fixture;
use crate::{
    ATTEMPTS, Consumer, DeadEvent, Error, FeedRow, consume_available, count_dead_events, dead_event_owners,
    discard_dead_event, get_dead_event, list_dead_events, retry_dead_event, retry_dead_events,
};

/// Writes down what it takes on, and refuses some resources.
#[derive(Default)]
struct Noting {
    refuses: Mutex<HashSet<&'static str>>,
}

impl Noting {
    fn refusing(key: &'static str) -> Self {
        Self {
            refuses: Mutex::new(HashSet::from([key])),
        }
    }

    fn is_mended(&self) {
        self.refuses.lock().unwrap().clear();
    }
}

#[async_trait]
impl Consumer for Noting {
    fn name(&self) -> &'static str {
        "test.noting"
    }

    fn wants(&self, event: &str) -> bool {
        event == "test.v1"
    }

    async fn handle(&self, tx: &mut PlatformTx, event: &FeedRow) -> Result<(), Error> {
        if self.refuses.lock().unwrap().contains(event.key.as_str()) {
            return Err(Error::Unrecorded);
        }
        sqlx::query("insert into spine.test_taken (key, seq) values ($1, $2)")
            .bind(&event.key)
            .bind(event.seq)
            .execute(tx.conn())
            .await?;
        Ok(())
    }

    async fn rebuild(&self, _tx: &mut PlatformTx, _from: Option<Value>) -> Result<Option<Value>, Error> {
        Ok(None)
    }
}

async fn fixture() -> Fixture {
    let fixture = Fixture::new().await;
    sqlx::raw_sql(
        "create table spine.test_taken (place bigint generated always as identity, key text, seq bigint);
         grant select, insert on spine.test_taken to mpanel_platform, mpanel_spine",
    )
    .execute(fixture.db().pool())
    .await
    .unwrap();
    consume_available(fixture.db(), &Noting::default()).await.unwrap();
    fixture
}

async fn emit(fixture: &Fixture, tenant: TenantId, subjects: &[&str]) {
    for subject in subjects {
        fixture.emit(tenant, "test.v1", subject).await;
    }
    fixture.settle().await;
}

/// What was taken on, in turn.
async fn taken(fixture: &Fixture) -> Vec<String> {
    let mut tx = fixture.db().spine().await.unwrap();
    sqlx::query_scalar("select key from spine.test_taken order by place")
        .fetch_all(tx.conn())
        .await
        .unwrap()
}

/// Whether every resource's events were taken on in the order in which they happened, each once.
async fn in_order(fixture: &Fixture) -> bool {
    let mut tx = fixture.db().spine().await.unwrap();
    sqlx::query_scalar(
        "select not exists(select from spine.test_taken a join spine.test_taken b using (key)
                           where a.place < b.place and a.seq >= b.seq)",
    )
    .fetch_one(tx.conn())
    .await
    .unwrap()
}

/// Takes on what there is as often as an event is tried, each time as if so much time had gone by that everything is due.
async fn give_up(fixture: &Fixture, consumer: &Noting) {
    for _ in 0..ATTEMPTS {
        consume_available(fixture.db(), consumer).await.unwrap();
        sqlx::query("update spine.set_aside set due_at = now()")
            .execute(fixture.db().pool())
            .await
            .unwrap();
    }
}

async fn dead(fixture: &Fixture) -> Vec<DeadEvent> {
    let mut tx = fixture.db().platform(Reason::Administer("test")).await.unwrap();
    list_dead_events(&mut tx, None, None, PageRequest::default())
        .await
        .unwrap()
        .items
}

async fn retry(fixture: &Fixture, event: &DeadEvent) {
    let mut tx = fixture.db().tenant(event.owner()).await.unwrap();
    retry_dead_event(&mut tx, event.id).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn events_of_a_resource_stay_behind_the_dead_one_and_follow_it_in_order_when_it_is_retried() {
    let fixture = fixture().await;
    let noting = Noting::refusing("bad");
    emit(&fixture, fixture.tenant, &["bad", "b", "bad", "c"]).await;
    give_up(&fixture, &noting).await;
    assert_eq!(taken(&fixture).await, ["b", "c"], "other resources go on");
    let all = dead(&fixture).await;
    assert_eq!(all.len(), 1);
    assert_eq!(
        (
            all[0].tenant,
            all[0].consumer.as_str(),
            all[0].event.as_str(),
            all[0].subject.as_str()
        ),
        (Some(fixture.tenant), "test.noting", "test.v1", "bad")
    );
    assert_eq!((all[0].attempts, all[0].behind), (ATTEMPTS, 1));
    assert!(all[0].error.contains("without an event"), "{}", all[0].error);

    noting.is_mended();
    retry(&fixture, &all[0]).await;
    // One that comes before it was tried again does not pass it.
    emit(&fixture, fixture.tenant, &["bad", "d"]).await;
    consume_available(fixture.db(), &noting).await.unwrap();
    assert_eq!(taken(&fixture).await, ["b", "c", "bad", "bad", "bad", "d"]);
    assert!(in_order(&fixture).await);
    assert_eq!(fixture.count("select count(*) from spine.set_aside").await, 0);
}

#[tokio::test]
async fn what_is_retried_in_vain_has_all_its_attempts_again_and_is_dead_in_the_end() {
    let fixture = fixture().await;
    let noting = Noting::refusing("bad");
    emit(&fixture, fixture.tenant, &["bad", "bad"]).await;
    give_up(&fixture, &noting).await;
    let all = dead(&fixture).await;
    retry(&fixture, &all[0]).await;
    consume_available(fixture.db(), &noting).await.unwrap();
    assert!(dead(&fixture).await.is_empty(), "one attempt of many");
    give_up(&fixture, &noting).await;
    let again = dead(&fixture).await;
    assert_eq!(
        (again[0].id, again[0].attempts, again[0].behind),
        (all[0].id, ATTEMPTS, 1)
    );
}

#[tokio::test]
async fn another_event_of_the_resource_has_the_dead_one_tried_once_more() {
    let fixture = fixture().await;
    let noting = Noting::refusing("bad");
    emit(&fixture, fixture.tenant, &["bad", "bad"]).await;
    give_up(&fixture, &noting).await;
    emit(&fixture, fixture.tenant, &["bad", "b"]).await;
    consume_available(fixture.db(), &noting).await.unwrap();
    let all = dead(&fixture).await;
    assert_eq!((all.len(), all[0].behind), (1, 2), "in vain, and once only");
    assert_eq!(taken(&fixture).await, ["b"]);

    noting.is_mended();
    emit(&fixture, fixture.tenant, &["bad"]).await;
    consume_available(fixture.db(), &noting).await.unwrap();
    assert_eq!(taken(&fixture).await, ["b", "bad", "bad", "bad", "bad"]);
    assert!(in_order(&fixture).await && dead(&fixture).await.is_empty());
}

#[tokio::test]
async fn what_is_discarded_is_gone_and_those_behind_it_have_their_turn() {
    let fixture = fixture().await;
    let noting = Noting::refusing("bad");
    emit(&fixture, fixture.tenant, &["bad", "bad"]).await;
    give_up(&fixture, &noting).await;
    noting.is_mended();
    let event = dead(&fixture).await.remove(0);
    let mut tx = fixture.db().tenant(event.owner()).await.unwrap();
    discard_dead_event(&mut tx, event.id).await.unwrap();
    tx.commit().await.unwrap();
    consume_available(fixture.db(), &noting).await.unwrap();
    assert_eq!(taken(&fixture).await, ["bad"]);
    assert_eq!(fixture.count("select count(*) from spine.set_aside").await, 0);
}

#[tokio::test]
async fn a_tenants_transaction_decides_on_its_own_and_on_nothing_else() {
    let fixture = fixture().await;
    let noting = Noting::refusing("bad");
    let other = TenantId::generate();
    emit(&fixture, fixture.tenant, &["bad", "good"]).await;
    emit(&fixture, other, &["bad"]).await;
    give_up(&fixture, &noting).await;
    let all = dead(&fixture).await;
    let foreign = all.iter().find(|event| event.tenant == Some(other)).unwrap();
    let mut tx = fixture.db().tenant(fixture.tenant).await.unwrap();
    for error in [
        retry_dead_event(&mut tx, foreign.id).await.unwrap_err(),
        discard_dead_event(&mut tx, foreign.id).await.unwrap_err(),
    ] {
        assert_eq!(error.code(), "spine.dead_event.not_found");
    }
    assert_eq!(retry_dead_events(&mut tx, "test.other").await.unwrap(), 0);
    assert_eq!(retry_dead_events(&mut tx, "test.noting").await.unwrap(), 1);
    tx.commit().await.unwrap();
    assert_eq!(dead(&fixture).await.len(), 1);
}

#[tokio::test]
async fn dead_events_are_listed_and_counted_by_consumer_and_owner_in_parts() {
    let fixture = fixture().await;
    let noting = Noting::refusing("bad");
    let mut tenants: Vec<TenantId> = (0..3).map(|_| TenantId::generate()).collect();
    tenants.sort();
    for tenant in &tenants {
        emit(&fixture, *tenant, &["bad"]).await;
    }
    give_up(&fixture, &noting).await;
    let mut tx = fixture.db().platform(Reason::Administer("test")).await.unwrap();
    let two = PageRequest { limit: 2, after: None };
    let first = list_dead_events(&mut tx, None, Some("test.noting"), two).await.unwrap();
    assert_eq!(first.items.len(), 2);
    let next = PageRequest::parse(Some(2), first.next_cursor.as_deref()).unwrap();
    let second = list_dead_events(&mut tx, None, None, next).await.unwrap();
    assert_eq!((second.items.len(), second.next_cursor), (1, None));
    let of = Some(tenants[0]);
    assert_eq!(count_dead_events(&mut tx, None, None, None, 2).await.unwrap(), 2);
    assert_eq!(count_dead_events(&mut tx, of, None, None, 9).await.unwrap(), 1);
    assert_eq!(
        count_dead_events(&mut tx, None, Some("other"), None, 9).await.unwrap(),
        0
    );
    assert_eq!(count_dead_events(&mut tx, None, None, of, 9).await.unwrap(), 2);
    let owners = dead_event_owners(&mut tx, "test.noting", of, 9).await.unwrap();
    assert_eq!(owners, tenants[1..]);
    assert_eq!(
        dead_event_owners(&mut tx, "test.noting", None, 1).await.unwrap(),
        tenants[..1]
    );
    let foreign = get_dead_event(&mut tx, of, first.items[0].id).await;
    assert!(foreign.is_err() != (first.items[0].tenant == of));
}
