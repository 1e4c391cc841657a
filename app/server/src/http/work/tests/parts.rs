//! All dead jobs of a kind are tried again in parts: what was done stays done, whatever becomes of the rest.

use std::time::Duration;

use http::{Method, StatusCode};
use mpanel_authz::Role;
use mpanel_jobs::Reach;
use mpanel_kernel::ids::TenantId;
use mpanel_pg::Reason;
use mpanel_testkit::dead;
use serde_json::{Value, json};

use super::World;

const KIND: &str = "test.parts";

async fn retry(world: &World, cursor: Value) -> (StatusCode, Value) {
    let mut body = json!({"kind": KIND});
    if !cursor.is_null() {
        body["cursor"] = cursor;
    }
    let owner = (world.platform, Role::Owner);
    world.ask(owner, Method::POST, "/dead-jobs/retry", body).await
}

async fn left(world: &World) -> usize {
    let path = format!("/dead-jobs?filter[kind]={KIND}");
    world.listed(world.platform, Role::Owner, &path).await.len()
}

#[tokio::test]
async fn a_request_says_how_many_it_tried_and_what_is_left_and_the_next_goes_on_there() {
    let world = World::new().await;
    let mut tenants: Vec<TenantId> = (0..5).map(|_| TenantId::generate()).collect();
    tenants.sort();
    for tenant in &tenants {
        dead::job(world.spine.db(), *tenant, KIND).await;
        dead::job(world.spine.db(), *tenant, KIND).await;
    }
    let (status, first) = retry(&world, Value::Null).await;
    assert_eq!(status, StatusCode::OK, "{first}");
    assert_eq!(
        (&first["retried"], &first["left"], left(&world).await),
        (&json!(6), &json!(4), 4)
    );
    let (_, second) = retry(&world, first["next_cursor"].clone()).await;
    assert_eq!(
        (&second["retried"], &second["left"], left(&world).await),
        (&json!(4), &json!(0), 0)
    );
    assert!(second["next_cursor"].is_null());
    for tenant in tenants {
        assert_eq!(world.logged(tenant, "jobs.job.all_retried").await.len(), 1);
    }
    // One line for each part: two tenants and one, and then two.
    let here = world.logged(world.platform, "jobs.job.all_retried").await;
    assert_eq!(here.len(), 3);
    assert_eq!(retry(&world, json!("x")).await.0, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn what_a_request_has_done_stays_when_it_is_cut_off() {
    let world = World::new().await;
    let mut tenants: Vec<TenantId> = (0..3).map(|_| TenantId::generate()).collect();
    tenants.sort();
    let mut last = None;
    for tenant in &tenants {
        last = Some(dead::job(world.spine.db(), *tenant, KIND).await);
    }
    // Somebody holds the last one, so that the second part of the request waits.
    let mut held = world.spine.db().platform(Reason::Administer("test")).await.unwrap();
    mpanel_jobs::retry_dead(&mut held, Reach::Everyone, last.unwrap())
        .await
        .unwrap();
    let first_part = async {
        while left(&world).await > 1 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::select! {
        answer = retry(&world, Value::Null) => panic!("it does not wait: {answer:?}"),
        () = first_part => {}
    }
    drop(held);
    assert_eq!(
        left(&world).await,
        1,
        "what was committed stays, and the rest is as it was"
    );
    assert_eq!(world.logged(tenants[0], "jobs.job.all_retried").await.len(), 1);
    assert_eq!(retry(&world, Value::Null).await.1["retried"], 1);
}
