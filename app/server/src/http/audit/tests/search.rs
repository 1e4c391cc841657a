use http::{Method, StatusCode};
use jiff::SignedDuration;
use mpanel_authz::Role;
use mpanel_http::COSTLY_WITH;
use mpanel_kernel::clock::Clock as _;
use mpanel_kernel::ids::UserId;
use serde_json::json;

use super::support::{ADDRESS, World};

#[tokio::test]
async fn lines_name_people_as_they_are_called_today() {
    let world = World::new().await;
    world.happens(world.one, "thing_1", json!({"name": "a"})).await;
    let list = world.get(world.one, "/audit").await.json();
    let line = &list["items"][0];
    assert_eq!(line["actor_name"], "Anna");
    assert_eq!(line["user_id"], UserId::from_uuid(world.one.uuid()).to_string());
    assert_eq!((&line["outcome"], &line["has_details"]), (&json!("done"), &json!(true)));
    let one = world
        .get(world.one, &format!("/audit/{}", line["id"].as_str().unwrap()))
        .await;
    assert_eq!(one.json(), *line);
}

#[tokio::test]
async fn details_are_for_those_who_may_read_them_until_the_person_is_erased() {
    let world = World::new().await;
    world.happens(world.one, "thing_1", json!({})).await;
    let id = world.get(world.one, "/audit").await.all("id").remove(0);
    let path = format!("/audit/{id}/details");
    let details = world.get(world.one, &path).await.json();
    assert_eq!(details["origin"]["address"], ADDRESS);
    assert_eq!(details["origin"]["user_agent"], "Firefox");
    assert_eq!(details["origin"]["erased"], false);
    for role in [Role::Developer, Role::Viewer] {
        let answer = world.ask(world.cx(world.one, role), Method::GET, &path, None).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{role:?}");
    }
    assert_eq!(world.get(world.two, &path).await.status, StatusCode::NOT_FOUND);
    assert_eq!(
        world.get(world.platform, &path).await.status,
        StatusCode::NOT_FOUND,
        "who wants to know from where acts for the tenant, which is told of it"
    );

    let erase = format!("/audit/people/{}", UserId::from_uuid(world.one.uuid()));
    let asked = async |tenant, role| {
        world
            .ask(world.cx(tenant, role), Method::DELETE, &erase, None)
            .await
            .status
    };
    assert_eq!(asked(world.one, Role::Admin).await, StatusCode::FORBIDDEN);
    assert_eq!(
        asked(world.two, Role::Owner).await,
        StatusCode::NOT_FOUND,
        "nothing is known there"
    );
    assert_eq!(asked(world.one, Role::Owner).await, StatusCode::NO_CONTENT);
    let details = world.get(world.one, &path).await.json();
    assert_eq!(
        details["origin"],
        json!({"erased": true, "address": null, "user_agent": null, "credential": null})
    );
    let log = world.get(world.one, "/audit?filter[action]=spine.person").await;
    assert_eq!(log.all("action"), ["spine.person.erased"]);
}

#[tokio::test]
async fn the_platform_erases_everywhere() {
    let world = World::new().await;
    world.happens(world.one, "thing_1", json!({})).await;
    let person = UserId::from_uuid(world.one.uuid());
    let owner = world.cx(world.platform, Role::Owner);
    let done = world
        .ask(owner, Method::DELETE, &format!("/audit/people/{person}"), None)
        .await;
    assert_eq!(done.status, StatusCode::NO_CONTENT);
    let id = world.get(world.one, "/audit").await.all("id").remove(0);
    let details = world.get(world.one, &format!("/audit/{id}/details")).await.json();
    assert_eq!(details["origin"]["erased"], true);
}

#[tokio::test]
async fn whoever_reaches_below_searches_there_too_and_nobody_else() {
    let world = World::new().await;
    world.happens(world.one, "thing_1", json!({})).await;
    world.happens(world.two, "thing_2", json!({})).await;
    world.happens(world.platform, "thing_0", json!({})).await;
    let own = world.get(world.platform, "/audit").await;
    assert_eq!(own.all("subject"), ["thing_0"]);
    let all = world.get(world.platform, "/audit?scope=subtree").await;
    assert_eq!(all.all("subject"), ["thing_0", "thing_2", "thing_1"]);
    assert_eq!(all.all("tenant_id")[1], world.two.to_string());
    let of_two = format!("/audit?filter[tenant]={}", world.two);
    assert_eq!(world.get(world.platform, &of_two).await.all("subject"), ["thing_2"]);
    assert_eq!(world.get(world.one, &of_two).await.status, StatusCode::NOT_FOUND);
    let below = world.get(world.one, "/audit?scope=subtree").await;
    assert_eq!(below.all("subject"), ["thing_1"]);
    for role in [Role::Developer, Role::Viewer] {
        let path = "/audit?scope=subtree";
        let answer = world.ask(world.cx(world.platform, role), Method::GET, path, None).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{role:?}");
    }
}

#[tokio::test]
async fn wrong_filters_are_named() {
    let world = World::new().await;
    let long = format!("filter[text]={}", "x".repeat(201));
    for (query, pointer) in [
        ("filter[since]=yesterday", "?filter[since]"),
        ("filter[request]=op_1", "?filter[request]"),
        ("filter[outcome]=maybe", "?filter[outcome]"),
        ("scope=world", "?scope"),
        (long.as_str(), "?filter[text]"),
    ] {
        let answer = world.get(world.one, &format!("/audit?{query}")).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{query}");
        assert_eq!(answer.json()["errors"][0]["pointer"], pointer);
    }
}

#[tokio::test]
async fn a_text_is_looked_for_in_many_logs_within_a_month() {
    let world = World::new().await;
    world.happens(world.one, "thing_1", json!({})).await;
    let now = world.clock.now();
    let day = |days: i64| now - SignedDuration::from_hours(24 * days);
    for (query, status) in [
        (String::new(), StatusCode::UNPROCESSABLE_ENTITY),
        (format!("&filter[since]={}", day(32)), StatusCode::UNPROCESSABLE_ENTITY),
        (format!("&filter[since]={}", day(31)), StatusCode::OK),
        (
            format!("&filter[since]={}&filter[until]={}", day(60), day(30)),
            StatusCode::OK,
        ),
    ] {
        for path in ["/audit", "/audit/export"] {
            let path = format!("{path}?scope=subtree&filter[text]=thing{query}");
            assert_eq!(world.get(world.platform, &path).await.status, status, "{path}");
        }
    }
    assert_eq!(
        world.get(world.one, "/audit?filter[text]=thing").await.status,
        StatusCode::OK
    );
}

#[test]
fn many_logs_and_a_text_that_no_index_finds_count_as_costly() {
    let api = serde_json::to_value(crate::http::audit::api().operations).unwrap();
    assert_eq!(
        api["paths"]["/audit"]["get"][COSTLY_WITH],
        json!(["scope", "filter[text]"])
    );
}
