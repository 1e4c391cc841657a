use http::{Method, StatusCode};
use jiff::SignedDuration;
use mpanel_authz::Role;
use mpanel_jobs::Reconciler as _;
use mpanel_kernel::ids::{TenantId, UserId};
use serde_json::{Value, json};

use super::support::{Answer, World};
use crate::audit_retention::AuditRetention;

async fn set(world: &World, tenant: TenantId, body: Value) -> Answer {
    let owner = world.cx(tenant, Role::Owner);
    world.ask(owner, Method::PUT, "/audit/retention", Some(body)).await
}

fn reconciler(world: &World) -> AuditRetention {
    AuditRetention {
        spine: world.spine.clone(),
        clock: world.clock.clone(),
        platform: world.platform,
    }
}

#[tokio::test]
async fn a_tenant_says_how_long_and_the_platform_how_long_at_least() {
    let world = World::new().await;
    let untold = world.get(world.one, "/audit/retention").await.json();
    assert_eq!(
        untold,
        json!({"days": null, "least_days": 90, "effective_days": 400, "held_for": null})
    );
    let demanded = set(&world, world.platform, json!({"days": 200, "least_days": 95})).await;
    assert_eq!(demanded.json()["effective_days"], 200);
    let below = world.get(world.one, "/audit/retention").await.json();
    assert_eq!(
        (&below["least_days"], &below["effective_days"]),
        (&json!(95), &json!(200))
    );
    let own = set(&world, world.one, json!({"days": 100})).await;
    assert_eq!(own.json()["effective_days"], 100);
    let log = world.get(world.one, "/audit").await.json();
    assert_eq!(log["items"][0]["action"], "spine.audit_retention.changed");
    assert_eq!(log["items"][0]["before"]["days"], Value::Null);
    assert_eq!(log["items"][0]["after"]["days"], 100);
}

#[tokio::test]
async fn wrong_terms_are_refused_by_name() {
    let world = World::new().await;
    let nobody = set(&world, world.platform, json!({"days": 89})).await;
    assert_eq!(
        nobody.json()["errors"][0]["pointer"],
        "/days",
        "90 days, unless it says otherwise"
    );
    for (body, pointer) in [
        (json!({"days": 0}), "/days"),
        (json!({"days": 36501}), "/days"),
        (json!({"days": 89}), "/days"),
        (json!({"least_days": 1}), "/least_days"),
        (json!({"held_for": " "}), "/held_for"),
        (json!({"held_for": "two\nlines"}), "/held_for"),
        (json!({"held": "x"}), "/held"),
        (json!({"held_for": "x", "release_hold": true}), "/release_hold"),
    ] {
        let answer = set(&world, world.one, body.clone()).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{body}");
        assert_eq!(answer.json()["errors"][0]["pointer"], pointer, "{body}");
    }
    let admin = world.cx(world.one, Role::Admin);
    let refused = world
        .ask(admin, Method::PUT, "/audit/retention", Some(json!({"days": 100})))
        .await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn what_is_too_old_is_removed_by_the_reconciler_unless_it_is_held() {
    let world = World::new().await;
    let reconciler = reconciler(&world);
    world.happens(world.one, "old", json!({})).await;
    world.happens(world.two, "evidence", json!({})).await;
    set(&world, world.two, json!({"held_for": "case 12"})).await;
    world.clock.advance(SignedDuration::from_hours(24 * 402));
    world.happens(world.one, "new", json!({})).await;
    assert_eq!(reconciler.pass().await.unwrap().deleted, 1);
    let left = world.get(world.one, "/audit?filter[text]=test").await;
    assert_eq!(left.all("subject"), ["new"]);
    let held = world.get(world.two, "/audit?filter[text]=test").await;
    assert_eq!(held.all("subject"), ["evidence"]);
    set(&world, world.two, json!({"release_hold": true})).await;
    assert!(reconciler.wakes_on("spine.audit_retention.changed.v1"));
    assert_eq!(
        reconciler.pass().await.unwrap().deleted,
        2,
        "and the line that said it was held"
    );
}

#[tokio::test]
async fn a_hold_ends_only_when_somebody_says_so() {
    let world = World::new().await;
    set(&world, world.one, json!({"held_for": "case 12"})).await;
    for body in [json!({"days": 100}), json!({"days": 100, "held_for": null})] {
        let kept = set(&world, world.one, body).await.json();
        assert_eq!((&kept["held_for"], &kept["days"]), (&json!("case 12"), &json!(100)));
    }
    let released = set(&world, world.one, json!({"days": 100, "release_hold": true})).await;
    assert_eq!(released.json()["held_for"], Value::Null);
    let log = world.get(world.one, "/audit").await.json();
    assert_eq!(log["items"][0]["before"]["held_for"], "case 12");
}

/// A reseller's owner with an assumption, and a program that may act below.
#[tokio::test]
async fn nobody_who_acts_from_above_shortens_a_log_lifts_a_hold_or_erases() {
    let world = World::new().await;
    world.happens(world.one, "evidence", json!({})).await;
    set(&world, world.one, json!({"days": 300, "held_for": "case 12"})).await;
    let person = UserId::from_uuid(world.one.uuid());
    let erase = format!("/audit/people/{person}");
    for (method, path, body) in [
        (
            Method::PUT,
            "/audit/retention",
            Some(json!({"days": 90, "release_hold": true})),
        ),
        (
            Method::PUT,
            "/audit/retention",
            Some(json!({"days": 900, "held_for": "mine"})),
        ),
        (Method::DELETE, erase.as_str(), None),
    ] {
        let above = world.cx_above(world.one);
        let refused = world.ask(above, method, path, body).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{path}");
        assert_eq!(refused.json()["code"], "spine.audit.own_log");
    }
    let kept = world.get(world.one, "/audit/retention").await.json();
    assert_eq!((&kept["days"], &kept["held_for"]), (&json!(300), &json!("case 12")));
    let evidence = world
        .get(world.one, "/audit?filter[subject]=evidence")
        .await
        .all("id")
        .remove(0);
    let details = world.get(world.one, &format!("/audit/{evidence}/details")).await.json();
    assert_eq!(details["origin"]["erased"], false);
}

#[tokio::test]
async fn nobody_is_erased_under_a_legal_hold_and_the_refusal_says_what_to_do() {
    let world = World::new().await;
    world.happens(world.one, "thing_1", json!({})).await;
    set(&world, world.one, json!({"held_for": "case 12"})).await;
    let person = UserId::from_uuid(world.one.uuid());
    let erase = async |tenant| {
        let path = format!("/audit/people/{person}");
        world
            .ask(world.cx(tenant, Role::Owner), Method::DELETE, &path, None)
            .await
    };
    let refused = erase(world.one).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    assert_eq!(refused.json()["code"], "spine.audit.held");
    assert!(refused.json()["detail"].as_str().unwrap().contains("release_hold"));
    assert_eq!(
        erase(world.platform).await.status,
        StatusCode::NO_CONTENT,
        "the platform's follows there when the hold is released"
    );
    let line = world
        .get(world.one, "/audit?filter[subject]=thing_1")
        .await
        .all("id")
        .remove(0);
    let erased = async || {
        let details = world.get(world.one, &format!("/audit/{line}/details")).await.json();
        details["origin"]["erased"].clone()
    };
    assert_eq!(erased().await, false);
    // What is no log is under no hold.
    assert_eq!(*world.blanked.1.lock().unwrap(), [person]);
    set(&world, world.one, json!({"release_hold": true})).await;
    reconciler(&world).pass().await.unwrap();
    assert_eq!(erased().await, true);
}

#[tokio::test]
async fn the_history_of_sign_ins_is_erased_by_the_home_and_by_the_platform_and_by_nobody_else() {
    let world = World::new().await;
    let person = UserId::generate();
    for (tenant, reaches) in [(world.two, false), (world.one, true), (world.platform, true)] {
        world.blanked.1.lock().unwrap().clear();
        let path = format!("/audit/people/{person}");
        world
            .ask(world.cx(tenant, Role::Owner), Method::DELETE, &path, None)
            .await;
        let blanked = world.blanked.1.lock().unwrap().clone();
        assert_eq!(blanked, if reaches { vec![person] } else { Vec::new() });
    }
}
