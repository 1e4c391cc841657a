//! Wrong bodies, made from the schemas of openapi.json: each is refused with a problem that names the field, and changes nothing.

use serde_json::{Map, Value, json};

use super::calls::Body;
use super::estate::{Estate, node};
use super::operations;
use crate::harness::accounts::unique;
use crate::harness::shared::owner;
use crate::harness::spec::Operation;
use crate::harness::{Answer, Api};

/// A change of a good body, and where the problem must point.
struct Spoiled {
    what: String,
    pointer: String,
    body: Value,
}

#[tokio::test]
async fn wrong_bodies_are_refused_by_field_and_change_nothing() {
    let platform = owner();
    let (node, plan) = (node(&platform).await, platform.plan(None).await);
    let tenant = platform.tenant_below("reseller", &plan).await;
    let mut estate = Estate::of(tenant, "reseller", &node, &plan).await;
    let brand = platform.tenant_below("reseller", &plan).await;
    let realm =
        json!({"name": "Brand", "tenant_id": brand.tenant, "hosts": [format!("panel.brand{}.example", unique())]});
    estate.set("realm_id", platform.api.post("/realms", realm).await.expect(201).id());
    let spec = platform.api.spec().await;
    let mut problems = Vec::new();
    let before = state(&estate).await;
    for (operation, how) in operations(&estate.owner.api).await {
        let Body::Json(make) = how.body else { continue };
        let of_the_platform = ["realms_", "dead_events_", "certificate_issuers_"];
        let api = match of_the_platform.iter().any(|start| operation.id.starts_with(start)) {
            true => &platform.api,
            false => &estate.owner.api,
        };
        let path = operation.path_with(|name| estate.id(name));
        let schema = &operation.value["requestBody"]["content"]["application/json"]["schema"];
        let mut schema = resolve(&spec.document, schema).clone();
        if operation.id == "sessions_step_up" {
            // Nobody here has a second factor, and a code that nobody asks for is not looked at.
            schema["properties"].as_object_mut().unwrap().remove("totp");
        }
        let sent = send_all(api, &spec.document, (&operation, &path), &schema, &make(&estate)).await;
        let wrong = sent.iter();
        problems.extend(wrong.filter_map(|(what, at, answer)| judge(&operation, what, at.as_deref(), answer)));
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    let after = state(&estate).await;
    for (before, after) in before.iter().zip(&after) {
        assert_eq!(before, after, "a refused request changed something");
    }
}

/// What is answered to every spoiled form of a good body, and to whatever is none: what was wrong, where, and the answer.
pub async fn send_all(
    api: &Api,
    document: &Value,
    (operation, path): (&Operation, &str),
    schema: &Value,
    good: &Value,
) -> Vec<(String, Option<String>, Answer)> {
    let mut sent = Vec::new();
    for spoiled in spoil(document, schema, good) {
        let answer = api.request(&operation.method, path).json(&spoiled.body).send().await;
        sent.push((spoiled.what, Some(spoiled.pointer), answer));
    }
    for (what, kind, bytes) in [
        ("no JSON", "application/json", &b"{\"name\": "[..]),
        ("an array", "application/json", b"[]"),
        ("a null", "application/json", b"null"),
        ("no UTF-8", "application/json", b"{\"name\": \"\xff\"}"),
        ("a form", "application/x-www-form-urlencoded", b"name=x"),
        ("nothing", "application/json", b""),
        ("deep nesting", "application/json", "[".repeat(20_000).as_bytes()),
        (
            "too much",
            "application/json",
            format!("{{\"name\": \"{}\"}}", "x".repeat(2 << 20)).as_bytes(),
        ),
    ] {
        // What is far too long may be cut off before it is sent to its end.
        // Its connection is then of no use to another request.
        let alone = Api::new(api.panel).with(api.credential.clone());
        let request = alone.request(&operation.method, path).body(kind, bytes);
        let Ok(answer) = request.send_unchecked().await else {
            assert_eq!(what, "too much", "{}: no answer", operation.id);
            continue;
        };
        sent.push((what.to_owned(), None, answer));
    }
    sent
}

/// Everything that a tenant has, as its owner sees it.
async fn state(estate: &Estate) -> Vec<(String, Value)> {
    let api = &estate.owner.api;
    let tenant = format!("/tenants/{}", estate.owner.tenant);
    let mut lists = [
        "/sites",
        "/zones",
        "/plans",
        "/tenants",
        "/api-tokens",
        "/operations",
        "/certificates",
    ]
    .map(str::to_owned)
    .to_vec();
    lists.extend(["/sessions".to_owned(), format!("{tenant}/members")]);
    let mut objects = vec![tenant, "/me".to_owned()];
    for site in api.list("/sites").await {
        let site = format!("/sites/{}", site["id"].as_str().unwrap());
        lists.extend(["domains", "releases"].map(|what| format!("{site}/{what}")));
        objects.push(site);
    }
    for zone in api.list("/zones").await {
        lists.push(format!("/zones/{}/records", zone["id"].as_str().unwrap()));
    }
    for upload in ["upload_id", "finished_upload"] {
        objects.push(format!("/sites/{}/uploads/{}", estate.id("site_id"), estate.id(upload)));
    }
    let mut all = Vec::new();
    for path in lists {
        all.push((path.clone(), Value::Array(api.list(&path).await)));
    }
    for path in objects {
        let object = api.get(&path).await.expect(200).body;
        all.push((path, object));
    }
    for (_, value) in &mut all {
        let items = match value {
            Value::Array(items) => items.iter_mut().collect(),
            object => vec![object],
        };
        for item in items.into_iter().filter_map(Value::as_object_mut) {
            // What changes by itself: whoever asks is seen, a zone or site is served a moment later.
            for own in [
                "last_used_at",
                "last_seen_at",
                "expires_at",
                "status",
                "serial",
                "updated_at",
            ] {
                item.remove(own);
            }
        }
    }
    all
}

pub fn judge(operation: &Operation, what: &str, pointer: Option<&str>, answer: &Answer) -> Option<String> {
    let refused = [400, 409, 413, 415, 422].contains(&answer.status);
    let is_problem = answer.header("content-type").starts_with("application/problem+json");
    if !refused || !is_problem {
        return Some(format!("{} with {what}: {answer}", operation.id));
    }
    let pointer = pointer?;
    let named = answer.body["errors"].as_array().into_iter().flatten();
    let mut named = named.filter_map(|error| error["pointer"].as_str());
    // An unknown field or a wrong element may be named by what it is in.
    let fits = named.any(|named| {
        named == pointer || pointer.starts_with(&format!("{named}/")) || named.starts_with(&format!("{pointer}/"))
    });
    (!fits).then(|| format!("{} with {what}: does not point at {pointer}: {answer}", operation.id))
}

pub fn resolve<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    match schema["$ref"].as_str().and_then(|path| path.strip_prefix('#')) {
        Some(pointer) => resolve(document, document.pointer(pointer).unwrap_or(schema)),
        None => schema,
    }
}

/// Each field missing, of each wrong type, too long, and one field too many.
fn spoil(document: &Value, schema: &Value, good: &Value) -> Vec<Spoiled> {
    let empty = Map::new();
    let properties = schema["properties"].as_object().unwrap_or(&empty);
    let required: Vec<&str> = schema["required"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let mut spoiled = Vec::new();
    let mut with = |what: String, pointer: &str, change: &dyn Fn(&mut Map<String, Value>)| {
        let mut body = good.as_object().cloned().unwrap_or_default();
        change(&mut body);
        let pointer = format!("/{pointer}");
        spoiled.push(Spoiled {
            what,
            pointer,
            body: Value::Object(body),
        });
    };
    for name in &required {
        with(format!("{name} missing"), name, &|body| {
            body.remove(*name);
        });
    }
    with("an unknown field".to_owned(), "surprise", &|body| {
        body.insert("surprise".to_owned(), json!(1));
    });
    for (name, property) in properties {
        let property = resolve(document, property);
        let types = types(document, property);
        for (kind, wrong) in [
            ("string", json!("\u{7}\u{0}wrong")),
            ("integer", json!(-1)),
            ("boolean", json!(true)),
            ("array", json!([[]])),
            ("object", json!({"a": {"b": 1}})),
        ] {
            if !types.iter().any(|known| known == kind) && !types.is_empty() {
                with(format!("{name} as {wrong}"), name, &|body| {
                    body.insert(name.clone(), wrong.clone());
                });
            }
        }
        if types.iter().any(|kind| kind == "string") {
            // A secret may be long, and a file name's control characters are refused like anybody's.
            with(format!("{name} of 15,000 characters"), name, &|body| {
                body.insert(name.clone(), json!("x".repeat(15_000)));
            });
            if name != "password" && name != "code" && name != "totp" {
                with(format!("{name} with control characters"), name, &|body| {
                    body.insert(name.clone(), json!("a\u{0}b\r\nc"));
                });
            }
        }
        if types.iter().any(|kind| kind == "integer") {
            for number in [json!(-5), json!(9.5), json!(1e300)] {
                with(format!("{name} as {number}"), name, &|body| {
                    body.insert(name.clone(), number.clone());
                });
            }
        }
    }
    spoiled
}

/// The JSON types that a schema admits; empty when it admits anything.
fn types(document: &Value, schema: &Value) -> Vec<String> {
    let schema = resolve(document, schema);
    let mut found: Vec<String> = match &schema["type"] {
        Value::String(kind) => vec![kind.clone()],
        Value::Array(kinds) => kinds
            .iter()
            .filter_map(|kind| kind.as_str().map(str::to_owned))
            .collect(),
        _ => Vec::new(),
    };
    for key in ["oneOf", "anyOf", "allOf"] {
        for part in schema[key].as_array().into_iter().flatten() {
            found.extend(types(document, part));
        }
    }
    found
}
