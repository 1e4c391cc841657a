use axum::Extension;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use http_body_util::BodyExt;
use mpanel_authz::Role;
use mpanel_jobs::OperationState;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::store::rows;
use super::support::{World, archive};

struct Answer {
    status: StatusCode,
    headers: axum::http::HeaderMap,
    body: Value,
}

async fn ask(world: &World, request: Request<Body>) -> Answer {
    let (router, _) = crate::module(world.sites.clone()).routes.split_for_parts();
    let router = router.layer(Extension(world.cx_of(world.tenant, Role::Owner)));
    let response = router.oneshot(request).await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    Answer {
        status,
        headers,
        body: serde_json::from_slice(&bytes).unwrap_or_default(),
    }
}

async fn send(world: &World, method: Method, path: &str, body: &Value) -> Answer {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("content-type", "application/json")
        .body(Body::from(body.to_string()))
        .unwrap();
    ask(world, request).await
}

#[tokio::test]
async fn bad_input_names_its_field_and_changes_nothing() {
    let world = World::new().await;
    let site = world.site("Shop", None).await.id;
    let before = rows(&world.db, world.tenant).await;
    let long = "a".repeat(101);
    let (sites, one) = ("/sites".to_owned(), format!("/sites/{site}"));
    let (domains, uploads, releases) = (
        format!("{one}/domains"),
        format!("{one}/uploads"),
        format!("{one}/releases"),
    );
    let table = [
        (Method::POST, &sites, json!({}), "/name", 422),
        (Method::POST, &sites, json!({"name": ""}), "/name", 422),
        (Method::POST, &sites, json!({"name": long}), "/name", 422),
        (Method::POST, &sites, json!({"name": 1}), "/name", 422),
        (Method::POST, &sites, json!({"name": "a", "slug": "A b"}), "/slug", 422),
        (
            Method::POST,
            &sites,
            json!({"name": "a", "domain": "nodot"}),
            "/domain",
            422,
        ),
        (
            Method::POST,
            &sites,
            json!({"name": "a", "domain": "192.0.2.1"}),
            "/domain",
            422,
        ),
        (Method::POST, &sites, json!({"name": "a", "x": 1}), "/x", 422),
        (Method::PATCH, &one, json!({"name": "\n"}), "/name", 422),
        (
            Method::PATCH,
            &one,
            json!({"settings": {"keep_releases": 0}}),
            "/settings/keep_releases",
            422,
        ),
        (
            Method::PATCH,
            &one,
            json!({"settings": {"keep_releases": 101}}),
            "/settings/keep_releases",
            422,
        ),
        (
            Method::PATCH,
            &one,
            json!({"settings": {"keep_releases": "5"}}),
            "/settings/keep_releases",
            422,
        ),
        (
            Method::PATCH,
            &one,
            json!({"settings": {"not_found_page": "../x"}}),
            "/settings/not_found_page",
            422,
        ),
        (
            Method::PATCH,
            &one,
            json!({"settings": {"not_found_page": "/etc/x"}}),
            "/settings/not_found_page",
            422,
        ),
        (
            Method::PATCH,
            &one,
            json!({"settings": {"spa_fallback": 1}}),
            "/settings/spa_fallback",
            422,
        ),
        (
            Method::POST,
            &domains,
            json!({"name": "a..b", "kind": "alias"}),
            "/name",
            422,
        ),
        (
            Method::POST,
            &domains,
            json!({"name": "example.com", "kind": "other"}),
            "/kind",
            422,
        ),
        (
            Method::POST,
            &domains,
            json!({"name": "example.com", "kind": "redirect", "target": "x"}),
            "/target",
            422,
        ),
        (
            Method::POST,
            &uploads,
            json!({"filename": "x.exe", "size": 1}),
            "/filename",
            422,
        ),
        (
            Method::POST,
            &uploads,
            json!({"filename": "x.zip", "size": "1"}),
            "/size",
            422,
        ),
        (Method::POST, &releases, json!({"upload_id": "x"}), "/upload_id", 422),
    ];
    for (method, path, body, pointer, status) in table {
        let answer = send(&world, method.clone(), path, &body).await;
        assert_eq!(answer.status, status, "{method} {path} {body}: {}", answer.body);
        let found = answer.body["errors"][0]["pointer"].as_str().unwrap();
        assert_eq!(found, pointer, "{method} {path} {body}");
    }
    assert_eq!(rows(&world.db, world.tenant).await, before);
    for path in [
        "/sites/site_x",
        "/sites/site_00000000000000000000000000",
        "/sites/nothing",
    ] {
        assert_eq!(send(&world, Method::GET, path, &Value::Null).await.status, 404);
    }
    let path = format!("{domains}/not_a_name");
    assert_eq!(send(&world, Method::DELETE, &path, &Value::Null).await.status, 404);
}

#[tokio::test]
async fn a_site_reads_as_the_contract_says() {
    let world = World::new().await;
    let created = send(
        &world,
        Method::POST,
        "/sites",
        &json!({"name": "Shop", "domain": "example.com"}),
    )
    .await;
    assert_eq!(created.status, 201);
    assert_eq!(created.headers["etag"], "\"1\"");
    let site = created.body;
    assert_eq!(site["url"], "https://example.com:8443");
    assert_eq!(site["preview_url"], "https://shop.preview.test:8443");
    assert_eq!(site["domains"][0]["name"], "example.com");
    assert_eq!(site["domains"][0]["kind"], "primary");
    assert_eq!(site["status"]["ready"], false);
    assert_eq!(site["status"]["conditions"][0]["type"], "release");
    assert_eq!(
        site["settings"],
        json!({"spa_fallback": false, "not_found_page": null, "https_redirect": true, "keep_releases": 3})
    );
    let list = send(&world, Method::GET, "/sites?limit=1", &Value::Null).await;
    assert_eq!(list.body["items"][0]["id"], site["id"]);
    assert_eq!(list.body["items"][0]["domains"], site["domains"]);
    let path = format!("/sites/{}", site["id"].as_str().unwrap());
    let patched = send(
        &world,
        Method::PATCH,
        &path,
        &json!({"settings": {"not_found_page": "e/404.html"}}),
    )
    .await;
    assert_eq!(patched.body["settings"]["not_found_page"], "e/404.html");
    let patched = send(
        &world,
        Method::PATCH,
        &path,
        &json!({"settings": {"not_found_page": null}}),
    )
    .await;
    assert_eq!(patched.body["settings"]["not_found_page"], Value::Null);
    let domain = format!("{path}/domains/example.com");
    assert_eq!(send(&world, Method::DELETE, &domain, &Value::Null).await.status, 204);
}

#[tokio::test]
async fn uploads_say_where_to_continue() {
    let world = World::new().await;
    let site = world.site("Shop", None).await.id;
    let path = format!("/sites/{site}/uploads");
    let created = send(&world, Method::POST, &path, &json!({"filename": "a.zip", "size": 5})).await;
    assert_eq!(
        (created.status, &created.headers["upload-offset"]),
        (StatusCode::CREATED, &"0".parse().unwrap())
    );
    let path = format!("{path}/{}", created.body["id"].as_str().unwrap());
    let patch = |offset: Option<&str>, body: &'static str| {
        let mut request = Request::patch(&path).header("content-type", "application/octet-stream");
        if let Some(offset) = offset {
            request = request.header("upload-offset", offset);
        }
        ask(&world, request.body(Body::from(body)).unwrap())
    };
    for offset in [None, Some("-1"), Some("x")] {
        let answer = patch(offset, "abc").await;
        assert_eq!(answer.status, 422);
        assert_eq!(answer.body["errors"][0]["pointer"], "#Upload-Offset");
    }
    let answer = patch(Some("0"), "abc").await;
    assert_eq!(
        (answer.status, &answer.headers["upload-offset"]),
        (StatusCode::NO_CONTENT, &"3".parse().unwrap())
    );
    let answer = patch(Some("0"), "abc").await;
    assert_eq!(
        (answer.status, &answer.headers["upload-offset"]),
        (StatusCode::CONFLICT, &"3".parse().unwrap())
    );
    assert_eq!(answer.body["code"], "sites.upload.offset");
    assert_eq!(patch(Some("3"), "abc").await.status, 413);
    assert_eq!(patch(Some("3"), "de").await.status, 204);
    let got = send(&world, Method::GET, &path, &Value::Null).await;
    assert_eq!(
        (&got.body["state"], &got.body["offset"]),
        (&json!("finished"), &json!(5))
    );
    assert_eq!(send(&world, Method::DELETE, &path, &Value::Null).await.status, 204);
    assert_eq!(send(&world, Method::GET, &path, &Value::Null).await.status, 404);
}

#[tokio::test]
async fn an_archive_may_be_the_body_itself() {
    let world = World::new().await;
    let _server = world.serve();
    let site = world.site("Shop", None).await.id;
    let bytes = archive(&[("index.html", "hello")]);
    let post = |query: &str, length: bool| {
        let mut request = Request::post(format!("/sites/{site}/releases{query}"))
            .header("content-type", "application/gzip")
            .header("content-disposition", "attachment; filename=\"C:\\x\\shop.tgz\"");
        if length {
            request = request.header("content-length", bytes.len());
        }
        ask(&world, request.body(Body::from(bytes.clone())).unwrap())
    };
    assert_eq!(post("", false).await.body["errors"][0]["pointer"], "#Content-Length");
    assert_eq!(post("?activate=perhaps", true).await.status, 422);
    let answer = post("?activate=false&note=first", true).await;
    assert_eq!(answer.status, 202, "{}", answer.body);
    let operation = answer.body["operation_id"].as_str().unwrap();
    assert_eq!(answer.headers["location"], format!("/api/v1/operations/{operation}"));
    let ended = world.ended(operation.parse().unwrap()).await;
    assert_eq!(ended.state, OperationState::Succeeded, "{:?}", ended.error);
    let path = format!("/sites/{site}/releases/{}", answer.body["release_id"].as_str().unwrap());
    let release = send(&world, Method::GET, &path, &Value::Null).await.body;
    assert_eq!(
        (&release["state"], &release["note"]),
        (&json!("ready"), &json!("first"))
    );
    assert_eq!(release["source"]["filename"], "shop.tgz");
    let answer = send(&world, Method::POST, &format!("{path}/activate"), &Value::Null).await;
    assert_eq!(answer.status, 202);
    world
        .ended(answer.body["operation_id"].as_str().unwrap().parse().unwrap())
        .await;
    assert_eq!(
        send(&world, Method::DELETE, &path, &Value::Null).await.body["code"],
        "sites.release.active"
    );
    let list = send(&world, Method::GET, &format!("/sites/{site}/releases"), &Value::Null).await;
    assert_eq!(list.body["items"][0]["state"], "active");
}

#[tokio::test]
async fn what_a_json_body_says_is_not_said_beside_it() {
    let world = World::new().await;
    let site = world.site("Shop", None).await.id;
    let body = json!({"upload_id": mpanel_kernel::ids::UploadId::generate()});
    for (query, pointer) in [("?activate=false", "?activate"), ("?note=x", "?note")] {
        let path = format!("/sites/{site}/releases{query}");
        let answer = send(&world, Method::POST, &path, &body).await;
        assert_eq!(
            (answer.status.as_u16(), &answer.body["errors"][0]["pointer"]),
            (422, &json!(pointer))
        );
    }
}

#[tokio::test]
async fn every_operation_is_documented() {
    let world = World::new().await;
    let (_, document) = crate::module(world.sites.clone()).routes.split_for_parts();
    let document = serde_json::to_value(document).unwrap();
    let mut ids: Vec<&str> = document["paths"]
        .as_object()
        .unwrap()
        .values()
        .flat_map(|path| path.as_object().unwrap().values())
        .map(|operation| operation["operationId"].as_str().unwrap())
        .collect();
    ids.sort_unstable();
    let expected = "delivery_get delivery_set domains_create domains_delete domains_list releases_activate releases_create releases_delete \
                    releases_get releases_list sites_create sites_delete sites_get sites_list sites_purge sites_traffic sites_update \
                    uploads_append uploads_create uploads_delete uploads_get";
    assert_eq!(ids.join(" "), expected);
    let create = &document["paths"]["/sites/{site_id}/releases"]["post"]["requestBody"]["content"];
    let kinds: Vec<&String> = create.as_object().unwrap().keys().collect();
    assert_eq!(kinds, ["application/gzip", "application/json", "application/zip"]);
    let append = &document["paths"]["/sites/{site_id}/uploads/{upload_id}"]["patch"]["requestBody"]["content"];
    assert_eq!(append["application/octet-stream"]["schema"]["type"], "string");
    for name in [
        "sites.Site",
        "sites.Condition",
        "sites.Domain",
        "sites.Release",
        "sites.Upload",
    ] {
        assert!(document["components"]["schemas"][name].is_object(), "{name}");
    }
}
