//! Over HTTP: shapes, status codes, entity tags and the fields that problems name.

use axum::http::StatusCode;
use mpanel_authz::OpCx;
use mpanel_http::testing::{Answer, call};
use serde_json::{Value, json};

use crate::http::routes;
use crate::tests::support::{World, unlimited};

impl World {
    async fn call(&self, cx: &OpCx, method: &str, path: &str, if_match: Option<&str>, body: Option<Value>) -> Answer {
        call(routes(self.service.clone()), cx, (method, path), if_match, body).await
    }
}

#[tokio::test]
async fn a_bad_field_answers_422_and_names_it() {
    let world = World::new().await;
    let root = world.root();
    let plan = world.plan(&root, "P", json!({}), false).await;
    let member = format!("/tenants/{}/members", root.tenant());
    let version = format!("/plans/{plan}/versions");
    let subscription = format!("/tenants/{}/subscription", root.tenant());
    let own = format!("/tenants/{}", root.tenant());
    let cases = [
        ("POST", "/tenants", json!({"kind": "customer", "name": ""}), "/name"),
        ("POST", "/tenants", json!({"kind": "king", "name": "x"}), "/kind"),
        ("POST", "/tenants", json!({"kind": "platform", "name": "x"}), "/kind"),
        ("POST", "/tenants", json!({"kind": "customer", "name": 1}), "/name"),
        (
            "POST",
            "/tenants",
            json!({"kind": "customer", "name": "x", "slug": "Not a slug"}),
            "/slug",
        ),
        (
            "POST",
            "/tenants",
            json!({"kind": "customer", "name": "x", "slug": "a".repeat(41)}),
            "/slug",
        ),
        (
            "POST",
            "/tenants",
            json!({"kind": "customer", "name": "x", "plan_id": "plan_x"}),
            "/plan_id",
        ),
        (
            "POST",
            "/tenants",
            json!({"kind": "customer", "name": "x", "owner": {"email": "nobody", "name": "N"}}),
            "/owner/email",
        ),
        (
            "POST",
            "/tenants",
            json!({"kind": "customer", "name": "x", "owner": {"email": "a@example.com", "name": ""}}),
            "/owner/name",
        ),
        (
            "POST",
            "/plans",
            json!({"name": "x", "entitlements": {"sites": -1}}),
            "/entitlements/sites",
        ),
        (
            "POST",
            "/plans",
            json!({"name": "x", "entitlements": {"planes": 1}}),
            "/entitlements/planes",
        ),
        (
            "POST",
            "/plans",
            json!({"name": "x", "entitlements": []}),
            "/entitlements",
        ),
        (
            "POST",
            &version,
            json!({"entitlements": {"sites": "many"}}),
            "/entitlements/sites",
        ),
        (
            "PUT",
            &subscription,
            json!({"plan_id": plan, "overrides": {"sites": 1.5}}),
            "/overrides/sites",
        ),
        ("PATCH", &own, json!({"state": "gone"}), "/state"),
        ("PATCH", &own, json!({"name": "a\u{0007}b"}), "/name"),
        (
            "POST",
            &member,
            json!({"email": "a@example.com", "name": "N", "role": "king"}),
            "/role",
        ),
        (
            "POST",
            &member,
            json!({"email": "a@", "name": "N", "role": "viewer"}),
            "/email",
        ),
        (
            "POST",
            &member,
            json!({"email": "a@example.com", "name": " ", "role": "viewer"}),
            "/name",
        ),
    ];
    for (method, path, body, pointer) in cases {
        let answer = world.call(&root, method, path, None, Some(body.clone())).await;
        assert_eq!(
            answer.status,
            StatusCode::UNPROCESSABLE_ENTITY,
            "{method} {path} {body}: {}",
            answer.body
        );
        assert_eq!(
            answer.body["errors"][0]["pointer"], pointer,
            "{method} {path} {body}: {}",
            answer.body
        );
    }
    let answer = world.call(&root, "GET", "/tenants?filter[parent]=x", None, None).await;
    assert_eq!(
        answer.body["errors"][0]["pointer"], "?filter[parent]",
        "{}",
        answer.body
    );
    let answer = world.call(&root, "GET", "/plans?limit=201", None, None).await;
    assert_eq!(answer.body["errors"][0]["pointer"], "?limit");
    assert_eq!(world.count("select count(*) from tenancy.tenants").await, 1);
    assert_eq!(world.count("select count(*) from tenancy.plans").await, 1);
    assert_eq!(world.count("select count(*) from tenancy.members").await, 0);
}

#[tokio::test]
async fn a_stale_tag_answers_412_and_the_new_one_comes_with_the_answer() {
    let world = World::new().await;
    let root = world.root();
    let customer = world.customer("C").await;
    let path = format!("/tenants/{}", customer.id);
    let shown = world.call(&root, "GET", &path, None, None).await;
    assert_eq!((shown.status, shown.etag.as_deref()), (StatusCode::OK, Some("\"1\"")));
    let changed = world
        .call(&root, "PATCH", &path, Some("\"1\""), Some(json!({"name": "D"})))
        .await;
    assert_eq!(
        (changed.status, changed.etag.as_deref()),
        (StatusCode::OK, Some("\"2\""))
    );
    for tag in ["\"1\"", "\"x\"", "7"] {
        let stale = world
            .call(&root, "PATCH", &path, Some(tag), Some(json!({"name": "E"})))
            .await;
        assert_eq!(stale.status, StatusCode::PRECONDITION_FAILED, "{tag}");
        assert_eq!(stale.body["code"], "request.stale");
    }
    for tag in [Some("*"), Some("\"2\"")] {
        let version = world.call(&root, "GET", &path, None, None).await.body["version"].clone();
        let tag = tag
            .filter(|tag| *tag == "*")
            .map_or(format!("\"{version}\""), str::to_owned);
        let fresh = world
            .call(&root, "PATCH", &path, Some(&tag), Some(json!({"state": "suspended"})))
            .await;
        assert_eq!(
            (fresh.status, &fresh.body["state"]),
            (StatusCode::OK, &json!("suspended"))
        );
    }
}

#[tokio::test]
async fn a_created_tenant_comes_with_its_owners_link() {
    let world = World::new().await;
    let root = world.root();
    let plan = world.plan(&root, "All", unlimited(), false).await;
    let body = json!({"kind": "customer", "name": "Shop", "plan_id": plan, "owner": {"email": "ada@example.com", "name": "Ada"}});
    let answer = world.call(&root, "POST", "/tenants", None, Some(body)).await;
    assert_eq!(answer.status, StatusCode::CREATED);
    let tenant = &answer.body["tenant"];
    assert!(tenant["id"].as_str().unwrap().starts_with("tnt_"));
    assert_eq!(tenant["plan"], json!({"id": plan, "name": "All", "version": 1}));
    assert_eq!(
        (&tenant["slug"], &tenant["parent_id"]),
        (&json!("shop"), &json!(root.tenant()))
    );
    assert!(
        answer.body["activation"]["url_path"]
            .as_str()
            .unwrap()
            .starts_with("/activate#")
    );

    let id = tenant["id"].as_str().unwrap().to_owned();
    let usage = world
        .call(&root, "GET", &format!("/tenants/{id}/usage"), None, None)
        .await;
    assert_eq!(
        usage.body["items"][2],
        json!({"key": "disk_bytes", "unit": "bytes", "used": 0, "limit": null, "resets_at": null})
    );
    let members = world
        .call(&root, "GET", &format!("/tenants/{id}/members"), None, None)
        .await;
    assert_eq!(members.body["items"][0]["role"], "owner");
    assert_eq!(members.body["items"][0]["active"], false);
    let user = members.body["items"][0]["user_id"].as_str().unwrap();
    let removed = world
        .call(&root, "DELETE", &format!("/tenants/{id}/members/{user}"), None, None)
        .await;
    assert_eq!(
        (removed.status, &removed.body["code"]),
        (StatusCode::CONFLICT, &json!("tenancy.member.owner_stays"))
    );
    let list = world.call(&root, "GET", "/tenants?limit=1", None, None).await;
    assert_eq!(
        (&list.body["items"][0]["id"], &list.body["next_cursor"]),
        (&json!(id), &Value::Null)
    );
}

#[tokio::test]
async fn an_id_that_is_none_or_anothers_answers_404() {
    let world = World::new().await;
    let customer = world.customer("C").await;
    let other = world.customer("Other").await;
    let cx = world.owner(&customer);
    for path in [
        "/tenants/tnt_nonsense".to_owned(),
        format!("/tenants/{}", other.id),
        format!("/tenants/{}/usage", other.id),
        format!("/tenants/{}/members", other.id),
        "/plans/plan_x".to_owned(),
    ] {
        let answer = world.call(&cx, "GET", &path, None, None).await;
        assert_eq!(
            (answer.status, &answer.body["code"]),
            (StatusCode::NOT_FOUND, &json!("request.not_found")),
            "{path}"
        );
    }
}
