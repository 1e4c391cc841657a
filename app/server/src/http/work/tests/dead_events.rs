//! Events that nothing more is tried with, and what is kept in step with them.

use http::{Method, StatusCode};
use mpanel_authz::Role;
use mpanel_testkit::dead;
use serde_json::{Value, json};

use super::{CONSUMER, World};

async fn retry_all(world: &World, body: Value) -> (StatusCode, Value) {
    let owner = (world.platform, Role::Owner);
    world.ask(owner, Method::POST, "/dead-events/retry", body).await
}

#[tokio::test]
async fn those_who_run_the_platform_see_dead_events_with_their_reason_and_nobody_else() {
    let world = World::new().await;
    let id = dead::event(world.spine.db(), Some(world.one), CONSUMER, "site_1").await;
    dead::event(world.spine.db(), None, "test.gone", "site_2").await;
    let path = "/dead-events?filter[consumer]=test.follower";
    let mut listed = world.listed(world.platform, Role::Admin, path).await;
    assert_eq!(listed.len(), 1);
    assert!(listed[0]["died_at"].take().is_string());
    assert_eq!(
        listed[0],
        json!({
            "id": id.to_string(), "tenant_id": world.one.to_string(), "consumer": CONSUMER, "event": "test.v1",
            "resource": "site_1", "attempts": 12, "error": "it was not to be", "behind": 0, "died_at": null,
        })
    );
    let (_, all) = world
        .ask(
            (world.platform, Role::Owner),
            Method::GET,
            "/dead-events?limit=1",
            json!({}),
        )
        .await;
    assert_eq!((&all["total"], all["next_cursor"].is_string()), (&json!(2), true));
    for who in [
        (world.one, Role::Owner),
        (world.platform, Role::Developer),
        (world.platform, Role::Viewer),
    ] {
        let path = format!("/dead-events/{id}");
        for (method, path) in [
            (Method::GET, "/dead-events".to_owned()),
            (Method::POST, format!("{path}/retry")),
            (Method::DELETE, path),
        ] {
            let (status, _) = world.ask(who, method, &path, json!({})).await;
            assert_eq!(status, StatusCode::FORBIDDEN, "{path}");
        }
    }
}

#[tokio::test]
async fn a_dead_event_is_retried_or_discarded_and_that_is_in_both_logs() {
    let world = World::new().await;
    let owner = (world.platform, Role::Owner);
    let own = dead::event(world.spine.db(), None, CONSUMER, "site_2").await;
    for (method, tail, action) in [
        (Method::POST, "/retry", "spine.dead_event.retried"),
        (Method::DELETE, "", "spine.dead_event.discarded"),
    ] {
        let id = dead::event(world.spine.db(), Some(world.one), CONSUMER, "site_1").await;
        let path = format!("/dead-events/{id}{tail}");
        let (status, answer) = world.ask(owner, method.clone(), &path, json!({})).await;
        assert_eq!(status, StatusCode::NO_CONTENT, "{answer}");
        let (again, _) = world.ask(owner, method, &path, json!({})).await;
        assert_eq!(again, StatusCode::NOT_FOUND, "it is no longer dead");
        let there = world.logged(world.one, action).await;
        assert_eq!(there, [(id.to_string(), Some(world.platform))]);
        assert_eq!(world.logged(world.platform, action).await, [(id.to_string(), None)]);
    }
    let path = format!("/dead-events/{own}/retry");
    let (status, _) = world.ask(owner, Method::POST, &path, json!({})).await;
    assert_eq!(status, StatusCode::NO_CONTENT, "the platform's own");
    assert!(
        world
            .listed(world.platform, Role::Owner, "/dead-events")
            .await
            .is_empty()
    );
    let waiting = world.listed(world.platform, Role::Viewer, "/event-consumers").await;
    assert_eq!(
        (&waiting[0]["name"], &waiting[0]["waiting"]),
        (&json!(CONSUMER), &json!(2))
    );
}

#[tokio::test]
async fn all_dead_events_of_a_consumer_are_retried_a_few_tenants_at_once_until_nothing_is_left() {
    let world = World::new().await;
    for tenant in [None, Some(world.one), Some(world.one), Some(world.two)] {
        dead::event(world.spine.db(), tenant, CONSUMER, "site_1").await;
    }
    dead::event(world.spine.db(), Some(world.two), "test.gone", "site_1").await;
    let (status, answer) = retry_all(&world, json!({"consumer": CONSUMER})).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let first = answer["retried"].as_u64().unwrap();
    assert_eq!(first + answer["left"].as_u64().unwrap(), 4);
    let body = json!({"consumer": CONSUMER, "cursor": answer["next_cursor"]});
    let (_, rest) = retry_all(&world, body).await;
    assert_eq!((&rest["retried"], &rest["left"]), (&answer["left"], &json!(0)));
    assert!(rest["next_cursor"].is_null());
    let left = world.listed(world.platform, Role::Owner, "/dead-events").await;
    assert_eq!(left.len(), 1, "of another consumer");
    for tenant in [world.one, world.two] {
        let said = world.logged(tenant, "spine.dead_event.all_retried").await;
        assert_eq!(said, [(CONSUMER.to_owned(), Some(world.platform))]);
    }
    for wrong in [
        json!({"consumer": "test.gone"}),
        json!({"consumer": CONSUMER, "cursor": "x"}),
    ] {
        assert_eq!(retry_all(&world, wrong).await.0, StatusCode::UNPROCESSABLE_ENTITY);
    }
}

#[tokio::test]
async fn a_consumer_is_built_anew_by_those_who_run_the_platform() {
    let world = World::new().await;
    let rebuild = async |who, name: &str| {
        let path = format!("/event-consumers/{name}/rebuild");
        world.ask(who, Method::POST, &path, json!({})).await.0
    };
    assert_eq!(
        rebuild((world.platform, Role::Viewer), CONSUMER).await,
        StatusCode::FORBIDDEN
    );
    assert_eq!(rebuild((world.one, Role::Owner), CONSUMER).await, StatusCode::FORBIDDEN);
    assert_eq!(
        rebuild((world.platform, Role::Owner), "test.gone").await,
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        rebuild((world.platform, Role::Admin), CONSUMER).await,
        StatusCode::ACCEPTED
    );
    let all = world.listed(world.platform, Role::Viewer, "/event-consumers").await;
    assert_eq!(all[0]["rebuilding"], true);
    assert_eq!(
        world.logged(world.platform, "spine.event_consumer.rebuild_asked").await,
        [(CONSUMER.to_owned(), None)]
    );
}
