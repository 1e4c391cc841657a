use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use mpanel_kernel::ids::TenantId;
use mpanel_pg::{PlatformTx, Reason, Tx};
use serde_json::{Value, json};

use super::support::{Fixture, created};
use crate::{ATTEMPTS, Consumer, ConsumerStand, Error, FeedRow, consume_available, consumer_stands, rebuild_consumer};

/// Counts events in a table of its own, and stumbles over one subject.
struct Counter {
    stumbles_over: &'static str,
}

#[async_trait]
impl Consumer for Counter {
    fn name(&self) -> &'static str {
        "test.counter"
    }

    fn wants(&self, event: &str) -> bool {
        event == "test.v1"
    }

    async fn handle(&self, tx: &mut PlatformTx, event: &FeedRow) -> Result<(), Error> {
        sqlx::query("update spine.test_counts set counted = counted + 1")
            .execute(tx.conn())
            .await?;
        if event.key == self.stumbles_over {
            Err(Error::Unrecorded)
        } else {
            Ok(())
        }
    }

    async fn rebuild(&self, tx: &mut PlatformTx, _from: Option<Value>) -> Result<Option<Value>, Error> {
        sqlx::query("update spine.test_counts set counted = 0, rebuilt = rebuilt + 1")
            .execute(tx.conn())
            .await?;
        Ok(None)
    }
}

const STEADY: Counter = Counter { stumbles_over: "" };

async fn fixture() -> Fixture {
    let fixture = Fixture::new().await;
    sqlx::raw_sql(
        "create table spine.test_counts (counted int not null, rebuilt int not null);
         insert into spine.test_counts values (-1, 0);
         grant select, update on spine.test_counts to mpanel_platform;
         grant select on spine.test_counts to mpanel_spine",
    )
    .execute(fixture.db().pool())
    .await
    .unwrap();
    fixture
}

async fn counts(fixture: &Fixture) -> (i32, i32) {
    let mut tx = fixture.db().spine().await.unwrap();
    sqlx::query_as("select counted, rebuilt from spine.test_counts")
        .fetch_one(tx.conn())
        .await
        .unwrap()
}

async fn emit(fixture: &Fixture, subjects: &[&str]) {
    for subject in subjects {
        fixture.emit(fixture.tenant, "test.v1", subject).await;
    }
    fixture.settle().await;
}

#[tokio::test]
async fn a_new_consumer_builds_itself_and_then_takes_each_event_once() {
    let fixture = fixture().await;
    emit(&fixture, &["before"]).await;
    consume_available(fixture.db(), &STEADY).await.unwrap();
    assert_eq!(counts(&fixture).await, (0, 1));
    emit(&fixture, &["a", "b"]).await;
    let mut change = fixture.spine.begin(&fixture.cx()).await.unwrap();
    change.record(created("not wanted")).await.unwrap();
    change.commit().await.unwrap();
    fixture.settle().await;
    for _ in 0..3 {
        consume_available(fixture.db(), &STEADY).await.unwrap();
    }
    assert_eq!(counts(&fixture).await, (2, 1));
}

/// How many events wait for another attempt, and how many are dead.
async fn aside(fixture: &Fixture) -> (i64, i64) {
    (
        fixture
            .count("select count(*) from spine.set_aside where not dead")
            .await,
        fixture.count("select count(*) from spine.set_aside where dead").await,
    )
}

/// As if so much time had gone by that everything is due.
async fn due(fixture: &Fixture) {
    sqlx::query("update spine.set_aside set due_at = now()")
        .execute(fixture.db().pool())
        .await
        .unwrap();
}

#[tokio::test]
async fn an_event_that_cannot_be_taken_holds_its_tenant_up_and_nobody_else_and_counts_once_in_the_end() {
    let fixture = fixture().await;
    consume_available(fixture.db(), &STEADY).await.unwrap();
    emit(&fixture, &["a", "bad", "c"]).await;
    let other = TenantId::generate();
    fixture.emit(other, "test.v1", "other").await;
    fixture.settle().await;
    let stumbling = Counter { stumbles_over: "bad" };
    for _ in 0..3 {
        consume_available(fixture.db(), &stumbling).await.unwrap();
        assert_eq!(counts(&fixture).await.0, 2, "what was done in vain is undone");
        assert_eq!(aside(&fixture).await, (2, 0), "what is behind it waits");
    }
    // Whoever comes later stands behind it or passes by.
    emit(&fixture, &["d"]).await;
    fixture.emit(other, "test.v1", "another").await;
    fixture.settle().await;
    consume_available(fixture.db(), &stumbling).await.unwrap();
    assert_eq!((counts(&fixture).await.0, aside(&fixture).await), (3, (3, 0)));
    due(&fixture).await;
    consume_available(fixture.db(), &STEADY).await.unwrap();
    assert_eq!((counts(&fixture).await.0, aside(&fixture).await), (6, (0, 0)));
}

#[tokio::test]
async fn an_event_that_is_poison_is_dead_in_the_end_and_those_behind_it_have_their_turn() {
    let fixture = fixture().await;
    consume_available(fixture.db(), &STEADY).await.unwrap();
    emit(&fixture, &["bad", "b", "c"]).await;
    let stumbling = Counter { stumbles_over: "bad" };
    for attempt in 1..ATTEMPTS {
        consume_available(fixture.db(), &stumbling).await.unwrap();
        assert_eq!(aside(&fixture).await, (3, 0), "after attempt {attempt}");
        due(&fixture).await;
    }
    consume_available(fixture.db(), &stumbling).await.unwrap();
    assert_eq!((counts(&fixture).await.0, aside(&fixture).await), (2, (0, 1)));
    // Built anew, nothing is left of it.
    fixture.new_epoch().await;
    consume_available(fixture.db(), &stumbling).await.unwrap();
    assert_eq!(aside(&fixture).await, (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_servers_that_consume_at_once_count_each_event_once() {
    let fixture = fixture().await;
    let (first, second) = tokio::join!(
        consume_available(fixture.db(), &STEADY),
        consume_available(fixture.db(), &STEADY)
    );
    first.and(second).unwrap();
    assert_eq!(counts(&fixture).await, (0, 1), "and one of them builds");
    let subjects: Vec<String> = (0..30).map(|n| n.to_string()).collect();
    emit(&fixture, &subjects.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let consume = || consume_available(fixture.db(), &STEADY);
    let (a, b, c) = tokio::join!(consume(), consume(), consume());
    a.and(b).and(c).unwrap();
    assert_eq!(counts(&fixture).await.0, 30);
}

#[tokio::test]
async fn a_consumer_that_was_away_too_long_or_knows_another_history_builds_itself_anew() {
    let fixture = fixture().await;
    consume_available(fixture.db(), &STEADY).await.unwrap();
    emit(&fixture, &["a", "b", "c"]).await;
    let mut tx = fixture.db().spine().await.unwrap();
    crate::leader::prune(&mut tx, 2).await.unwrap();
    tx.commit().await.unwrap();
    consume_available(fixture.db(), &STEADY).await.unwrap();
    assert_eq!(counts(&fixture).await, (0, 2));
    fixture.new_epoch().await;
    consume_available(fixture.db(), &STEADY).await.unwrap();
    assert_eq!(counts(&fixture).await, (0, 3));
    fixture.emit(TenantId::generate(), "test.v1", "d").await;
    fixture.settle().await;
    consume_available(fixture.db(), &STEADY).await.unwrap();
    assert_eq!(counts(&fixture).await, (1, 3));
}

/// Builds itself in three parts, and in the first attempt comes no further than the second.
struct InParts {
    fails: AtomicBool,
}

#[async_trait]
impl Consumer for InParts {
    fn name(&self) -> &'static str {
        "test.parts"
    }

    fn wants(&self, event: &str) -> bool {
        event == "test.v1"
    }

    async fn handle(&self, tx: &mut PlatformTx, event: &FeedRow) -> Result<(), Error> {
        STEADY.handle(tx, event).await
    }

    async fn rebuild(&self, tx: &mut PlatformTx, from: Option<Value>) -> Result<Option<Value>, Error> {
        let part = from.map_or(0, |from| from["part"].as_i64().unwrap());
        sqlx::query("update spine.test_counts set counted = 0, rebuilt = rebuilt + 1")
            .execute(tx.conn())
            .await?;
        if part == 1 && self.fails.swap(false, Ordering::Relaxed) {
            return Err(Error::Unrecorded);
        }
        Ok((part < 2).then(|| json!({"part": part + 1})))
    }
}

#[tokio::test]
async fn what_is_built_in_parts_goes_on_behind_the_last_that_was_done_and_takes_on_what_happened_meanwhile() {
    let fixture = fixture().await;
    emit(&fixture, &["before"]).await;
    let parts = InParts {
        fails: AtomicBool::new(true),
    };
    consume_available(fixture.db(), &parts).await.unwrap_err();
    assert_eq!(counts(&fixture).await, (0, 1), "the first part is kept");
    emit(&fixture, &["meanwhile", "as well"]).await;
    consume_available(fixture.db(), &parts).await.unwrap();
    assert_eq!(counts(&fixture).await, (2, 3));
    assert_eq!(
        fixture
            .count("select count(*) from spine.consumers where name = 'test.parts'")
            .await,
        1
    );

    // Of another history it begins again.
    fixture.new_epoch().await;
    parts.fails.store(true, Ordering::Relaxed);
    consume_available(fixture.db(), &parts).await.unwrap_err();
    fixture.new_epoch().await;
    consume_available(fixture.db(), &parts).await.unwrap();
    assert_eq!(counts(&fixture).await.1, 3 + 1 + 3);
}

async fn ask(fixture: &Fixture, name: &str) {
    let mut tx = fixture.db().tenant(fixture.tenant).await.unwrap();
    rebuild_consumer(&mut tx, name).await.unwrap();
    tx.commit().await.unwrap();
}

async fn standing(fixture: &Fixture, name: &str) -> ConsumerStand {
    let mut tx = fixture.db().platform(Reason::Administer("test")).await.unwrap();
    consumer_stands(&mut tx, &[name]).await.unwrap().remove(0)
}

#[tokio::test]
async fn a_consumer_is_built_anew_when_somebody_wants_it_and_forgets_what_was_set_aside() {
    let fixture = fixture().await;
    consume_available(fixture.db(), &STEADY).await.unwrap();
    let stumbling = Counter { stumbles_over: "bad" };
    emit(&fixture, &["bad", "b"]).await;
    consume_available(fixture.db(), &stumbling).await.unwrap();
    let before = standing(&fixture, "test.counter").await;
    assert_eq!(
        (before.lag, before.waiting, before.dead, before.rebuilding),
        (0, 2, 0, false)
    );
    ask(&fixture, "test.counter").await;
    emit(&fixture, &["meanwhile"]).await;
    let asked = standing(&fixture, "test.counter").await;
    assert_eq!((asked.lag, asked.rebuilding), (1, true));
    consume_available(fixture.db(), &stumbling).await.unwrap();
    assert_eq!(
        counts(&fixture).await,
        (1, 2),
        "what happened meanwhile is taken on after it"
    );
    let after = standing(&fixture, "test.counter").await;
    assert_eq!((after.lag, after.waiting, after.rebuilding), (0, 0, false));
    consume_available(fixture.db(), &stumbling).await.unwrap();
    assert_eq!(counts(&fixture).await.1, 2, "and once");
}

#[tokio::test]
async fn building_anew_goes_on_after_a_crash_and_begins_again_when_it_is_wanted_again() {
    let fixture = fixture().await;
    let failing = || InParts {
        fails: AtomicBool::new(true),
    };
    let steady = InParts {
        fails: AtomicBool::new(false),
    };
    consume_available(fixture.db(), &steady).await.unwrap();
    assert_eq!(counts(&fixture).await.1, 3);
    ask(&fixture, "test.parts").await;
    consume_available(fixture.db(), &failing()).await.unwrap_err();
    assert_eq!(counts(&fixture).await.1, 4, "one part, and the server is gone");
    assert!(standing(&fixture, "test.parts").await.rebuilding);
    consume_available(fixture.db(), &steady).await.unwrap();
    assert_eq!(counts(&fixture).await.1, 6, "the others");

    ask(&fixture, "test.parts").await;
    consume_available(fixture.db(), &failing()).await.unwrap_err();
    ask(&fixture, "test.parts").await;
    consume_available(fixture.db(), &steady).await.unwrap();
    assert_eq!(counts(&fixture).await.1, 6 + 1 + 3);
    assert!(!standing(&fixture, "test.parts").await.rebuilding);
}
