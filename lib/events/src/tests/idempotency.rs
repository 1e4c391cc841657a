use jiff::SignedDuration;
use mpanel_authz::OpCx;
use mpanel_kernel::ids::UserId;
use serde_json::{Value, json};

use super::support::{Fixture, created, key};
use crate::{Begin, Error, purge_expired};

/// Does the work under the key, or tells what the first one answered.
async fn once(fixture: &Fixture, cx: &OpCx, operation: &'static str, answer: Value) -> Result<Value, Error> {
    match fixture.spine.begin_once::<Value>(cx, operation).await? {
        Begin::Replay(answer) => Ok(answer),
        Begin::Run(mut change) => {
            change.record(created("thing_1")).await?;
            change.commit_with(&answer).await?;
            Ok(answer)
        }
    }
}

async fn events(fixture: &Fixture) -> i64 {
    fixture.count("select count(*) from spine.outbox").await
}

#[tokio::test]
async fn a_second_request_with_the_key_gets_the_first_ones_answer() {
    let fixture = Fixture::new().await;
    let body = json!({"name": "a"});
    let cx = || fixture.cx_with(Some(key("k", &body)));
    let first = once(&fixture, &cx(), "things_create", json!({"id": 1})).await.unwrap();
    let second = once(&fixture, &cx(), "things_create", json!({"id": 2})).await.unwrap();
    assert_eq!((first, second), (json!({"id": 1}), json!({"id": 1})));
    assert_eq!(events(&fixture).await, 1, "it happened once");
}

#[tokio::test]
async fn a_key_used_for_something_else_is_refused() {
    let fixture = Fixture::new().await;
    let cx = |body: Value| fixture.cx_with(Some(key("k", &body)));
    once(&fixture, &cx(json!(1)), "things_create", json!({})).await.unwrap();
    let other_body = once(&fixture, &cx(json!(2)), "things_create", json!({})).await;
    assert!(matches!(other_body, Err(Error::KeyReused)), "{other_body:?}");
    let other_operation = once(&fixture, &cx(json!(1)), "sites_create", json!({})).await;
    assert!(matches!(other_operation, Err(Error::KeyReused)), "{other_operation:?}");
    assert_eq!(events(&fixture).await, 1);
}

#[tokio::test]
async fn keys_of_different_people_have_nothing_to_do_with_each_other() {
    let fixture = Fixture::new().await;
    for n in 0..2 {
        let cx = fixture.cx_of(UserId::generate(), Some(key("k", &json!(n))));
        assert_eq!(once(&fixture, &cx, "things_create", json!(n)).await.unwrap(), json!(n));
    }
}

#[tokio::test]
async fn while_the_first_is_at_work_the_second_is_told_to_wait() {
    let fixture = Fixture::new().await;
    let cx = fixture.cx_with(Some(key("k", &json!(1))));
    let Begin::Run(mut first) = fixture.spine.begin_once::<Value>(&cx, "things_create").await.unwrap() else {
        panic!("nothing to replay yet")
    };
    let second = once(&fixture, &cx, "things_create", json!(2)).await;
    assert!(matches!(second, Err(Error::StillRunning)), "{second:?}");
    first.record(created("thing_1")).await.unwrap();
    first.commit_with(&json!(1)).await.unwrap();
    assert_eq!(once(&fixture, &cx, "things_create", json!(2)).await.unwrap(), json!(1));
}

#[tokio::test]
async fn a_first_request_that_failed_leaves_the_key_free() {
    let fixture = Fixture::new().await;
    let cx = fixture.cx_with(Some(key("k", &json!(1))));
    let begun = fixture.spine.begin_once::<Value>(&cx, "things_create").await.unwrap();
    assert!(matches!(begun, Begin::Run(_)));
    drop(begun);
    assert_eq!(once(&fixture, &cx, "things_create", json!(2)).await.unwrap(), json!(2));
}

#[tokio::test]
async fn after_a_day_the_key_is_free_again_and_its_record_goes() {
    let fixture = Fixture::new().await;
    let cx = fixture.cx_with(Some(key("k", &json!(1))));
    once(&fixture, &cx, "things_create", json!(1)).await.unwrap();
    assert_eq!(
        purge_expired(fixture.db(), fixture.clock.as_ref(), 100).await.unwrap(),
        0
    );
    fixture.clock.advance(SignedDuration::from_hours(25));
    let other = fixture.cx_with(Some(key("k", &json!("another request"))));
    assert_eq!(
        once(&fixture, &other, "things_create", json!(2)).await.unwrap(),
        json!(2)
    );
    assert_eq!(
        purge_expired(fixture.db(), fixture.clock.as_ref(), 100).await.unwrap(),
        0,
        "it was renewed"
    );
    fixture.clock.advance(SignedDuration::from_hours(25));
    assert_eq!(
        purge_expired(fixture.db(), fixture.clock.as_ref(), 100).await.unwrap(),
        1
    );
}

#[tokio::test]
async fn the_answer_is_stored_sealed() {
    let fixture = Fixture::new().await;
    let cx = fixture.cx_with(Some(key("k", &json!(1))));
    once(&fixture, &cx, "things_create", json!("confidential"))
        .await
        .unwrap();
    let readable = "select count(*) from spine.idempotency where position('confidential'::bytea in response) > 0";
    assert_eq!(fixture.count(readable).await, 0);
}

#[tokio::test]
async fn without_a_key_it_happens_each_time() {
    let fixture = Fixture::new().await;
    for n in 0..2 {
        assert_eq!(
            once(&fixture, &fixture.cx(), "things_create", json!(n)).await.unwrap(),
            json!(n)
        );
    }
    assert_eq!(events(&fixture).await, 2);
}
