//! Over HTTP: shapes, status codes and entity tags.

use axum::http::StatusCode;
use mpanel_authz::OpCx;
use mpanel_http::testing::{Answer, call};
use serde_json::{Value, json};

use crate::http::routes;
use crate::tests::support::World;

impl World {
    async fn call(&self, cx: &OpCx, method: &str, path: &str, if_match: Option<&str>, body: Option<Value>) -> Answer {
        call(routes(self.dns.clone()), cx, (method, path), if_match, body).await
    }
}

#[tokio::test]
async fn a_zone_and_a_record_from_birth_to_end() {
    let world = World::new().await;
    let cx = world.cx();
    let made = world
        .call(&cx, "POST", "/zones", None, Some(json!({"apex": "Example.COM."})))
        .await;
    assert_eq!(
        (made.status, &made.body["apex"]),
        (StatusCode::CREATED, &json!("example.com"))
    );
    assert_eq!(
        made.body["nameservers"],
        json!(["ns1.provider.net", "ns2.provider.net"])
    );
    assert_eq!(
        (&made.body["record_count"], &made.body["status"]["served"]),
        (&json!(2), &json!(false))
    );
    let zone = format!("/zones/{}", made.body["id"].as_str().unwrap());
    let records = format!("{zone}/records");

    let body = json!({"name": "www", "type": "A", "data": "192.0.2.1"});
    let www = world.call(&cx, "POST", &records, None, Some(body)).await;
    assert_eq!((www.status, www.etag.as_deref()), (StatusCode::CREATED, Some("\"1\"")));
    assert_eq!((&www.body["ttl"], &www.body["managed"]), (&json!(3600), &json!(false)));
    let path = format!("{records}/{}", www.body["id"].as_str().unwrap());
    let changed = world
        .call(&cx, "PATCH", &path, Some("\"1\""), Some(json!({"ttl": 60})))
        .await;
    assert_eq!(
        (changed.status, changed.etag.as_deref()),
        (StatusCode::OK, Some("\"2\""))
    );
    let stale = world
        .call(&cx, "PATCH", &path, Some("\"1\""), Some(json!({"ttl": 61})))
        .await;
    assert_eq!(stale.status, StatusCode::PRECONDITION_FAILED);
    let list = world.call(&cx, "GET", &format!("{records}?limit=3"), None, None).await;
    assert_eq!(list.body["items"].as_array().unwrap().len(), 3);
    assert_eq!(
        world.call(&cx, "DELETE", &path, None, None).await.status,
        StatusCode::NO_CONTENT
    );
    assert_eq!(
        world.call(&cx, "DELETE", &path, None, None).await.status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        world.call(&cx, "DELETE", &zone, None, None).await.status,
        StatusCode::NO_CONTENT
    );
    assert_eq!(
        world.call(&cx, "GET", &zone, None, None).await.status,
        StatusCode::NOT_FOUND
    );
    let zones = world.call(&cx, "GET", "/zones", None, None).await;
    assert_eq!(zones.body, json!({"items": [], "next_cursor": null}));
}

#[tokio::test]
async fn a_bad_request_answers_422_and_names_the_field() {
    let world = World::new().await;
    let cx = world.cx();
    for apex in [
        "example",
        "",
        "a b.com",
        "-a.com",
        "192.0.2.1",
        "*.example.com",
        "exa_mple.com",
    ] {
        let answer = world
            .call(&cx, "POST", "/zones", None, Some(json!({"apex": apex})))
            .await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{apex:?}");
        assert_eq!(answer.body["errors"][0]["pointer"], "/apex", "{apex:?}");
    }
    let records = format!("/zones/{}/records", world.zone("example.com").await.id);
    for (body, pointer) in [
        (json!({"name": "www", "type": "A", "data": "x"}), "/data"),
        (json!({"name": "www", "type": "A", "data": 1}), "/data"),
        (
            json!({"name": "www", "type": "A", "data": "192.0.2.1", "ttl": 0}),
            "/ttl",
        ),
        (
            json!({"name": "www", "type": "A", "data": "192.0.2.1", "ttl": 1.5}),
            "/ttl",
        ),
        (json!({"name": "www", "type": "WKS", "data": "x"}), "/type"),
        (json!({"name": null, "type": "A", "data": "192.0.2.1"}), "/name"),
    ] {
        let answer = world.call(&cx, "POST", &records, None, Some(body.clone())).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{body}");
        assert_eq!(answer.body["errors"][0]["pointer"], pointer, "{body}");
    }
    let taken = world
        .call(
            &world.cx_of(world.other, mpanel_authz::Role::Owner, None),
            "POST",
            "/zones",
            None,
            Some(json!({"apex": "example.com"})),
        )
        .await;
    assert_eq!(
        (taken.status, &taken.body["code"]),
        (StatusCode::CONFLICT, &json!("tenancy.name.taken"))
    );
}
