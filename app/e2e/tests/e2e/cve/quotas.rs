use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::harness::shared::owner;
use crate::harness::{Account, Answer, website};

const EXCEEDED: &str = "tenancy.entitlement.exceeded";

/// Froxlor 2.2.4: the limit was the page's, and the interface below it knew none. Here it is counted with the row.
#[tokio::test]
async fn quotas_hold_against_the_api_and_against_haste() {
    let owner = owner();
    let limits = json!({"sites": 2, "domains": 2, "disk_bytes": 20_000, "traffic_bytes_month": null});
    let plan = owner.plan(Some(limits)).await;
    let customer = owner.tenant_below("customer", &plan).await;
    let api = &customer.api;
    let sites = join_all((0..8).map(|number| api.post("/sites", json!({"name": format!("Site {number}")})))).await;
    assert_eq!(made(&sites, 2).len(), 2);
    let site = made(&sites, 2)[0].clone();

    // Domains of sites and zones share one limit, whichever way they are made.
    let domains = format!("/sites/{site}/domains");
    let body = |number| json!({"name": format!("quota{number}.example"), "kind": "alias"});
    made(
        &join_all((0..4).map(|number| api.post(&domains, body(number)))).await,
        2,
    );
    refused(&api.post("/zones", json!({"apex": "quota9.example"})).await);
    for domain in api.list(&domains).await {
        let path = format!("{domains}/{}", domain["name"].as_str().unwrap());
        api.delete(&path).await.expect(204);
    }
    // A domain's zone stays, so it is still counted; without that nobody had to stop at two.
    assert_eq!(api.list("/zones").await.len(), 2);
    assert_eq!(used(&customer, "domains").await, 2);
    refused(&api.post(&domains, body(8)).await);
    for zone in api.list("/zones").await {
        let path = format!("/zones/{}", zone["id"].as_str().unwrap());
        api.delete(&path).await.expect(204);
    }
    assert_eq!(used(&customer, "domains").await, 0);
    let apex = |number| json!({"apex": format!("zone{number}.quota.example")});
    api.post("/zones", json!({"apex": "quota.example"})).await.expect(201);
    made(
        &join_all((0..4).map(|number| api.post("/zones", apex(number)))).await,
        1,
    );
    refused(&api.post(&domains, body(8)).await);

    // Neither an upload nor what comes out of a small archive may pass the disk's limit.
    let uploads = format!("/sites/{site}/uploads");
    refused(&api.post(&uploads, json!({"filename": "big.zip", "size": 30_000})).await);
    let bomb = website::zip_of([("index.html".to_owned(), vec![b'a'; 500_000])]);
    assert!(bomb.len() < 10_000);
    let upload = customer.upload(&site, "bomb.zip", &bomb).await;
    let release = json!({"upload_id": upload});
    let begun = api.post(&format!("/sites/{site}/releases"), release).await.expect(202);
    let ended = customer.ended(&begun.text("/operation_id")).await;
    assert_eq!(ended["state"], "failed", "{ended:#}");
    assert_eq!(ended["error"]["code"], "sites.release.quota", "{ended:#}");

    for (key, limit) in [("sites", 2), ("domains", 2), ("disk_bytes", 20_000)] {
        let used = used(&customer, key).await;
        assert!(used <= limit, "{used} of {limit} {key}");
    }
    // Nobody gives itself more.
    let path = format!("/tenants/{}/subscription", customer.tenant);
    let more = json!({"plan_id": plan, "overrides": {"sites": 100}});
    let more = api.put(&path, more).await.expect(409);
    assert_eq!(more.text("/code"), "tenancy.tenant.not_the_seller");
}

/// A customer whose plan has no domains, or who is suspended, takes no names.
#[tokio::test]
async fn who_may_not_grow_makes_no_zone() {
    let owner = owner();
    let plan = owner.plan(Some(json!({"sites": 1}))).await;
    let customer = owner.tenant_below("customer", &plan).await;
    refused(&customer.api.post("/zones", json!({"apex": "planless.example"})).await);

    let plan = owner.plan(None).await;
    let customer = owner.tenant_below("customer", &plan).await;
    let zones = |apex: &str| json!({"apex": apex});
    let zone = customer
        .api
        .post("/zones", zones("kept.example"))
        .await
        .expect(201)
        .id();
    let tenant = format!("/tenants/{}", customer.tenant);
    let suspend = owner.api.request("PATCH", &tenant).json(&json!({"state": "suspended"}));
    suspend.send().await.expect(200);
    // Neither itself nor by whoever acts for it; that one may clear away.
    let provider = owner.acting_below(&customer.tenant).await;
    for api in [&customer.api, &provider] {
        let answer = api.post("/zones", zones("late.example")).await.expect(403);
        assert_eq!(answer.text("/code"), "tenancy.tenant.suspended");
    }
    assert_eq!(used(&customer, "domains").await, 1);
    provider.delete(&format!("/zones/{zone}")).await.expect(204);
    assert_eq!(used(&customer, "domains").await, 0);
}

/// The ids of those that were made; so many, and the others for the limit alone.
fn made(answers: &[Answer], expected: usize) -> Vec<String> {
    let (made, others): (Vec<&Answer>, Vec<&Answer>) = answers.iter().partition(|answer| answer.status == 201);
    assert_eq!(made.len(), expected, "{answers:#?}");
    others.into_iter().for_each(refused);
    made.into_iter()
        .map(|answer| answer.body["id"].as_str().unwrap_or_default().to_owned())
        .collect()
}

fn refused(answer: &Answer) {
    assert_eq!(
        (answer.status, answer.text("/code").as_str()),
        (409, EXCEEDED),
        "{answer}"
    );
    let text = answer.text("/detail");
    assert!(text.starts_with("the plan's limit for "), "{text}");
}

async fn used(customer: &Account, key: &str) -> i64 {
    let path = format!("/tenants/{}/usage", customer.tenant);
    let usage = customer.api.get(&path).await.expect(200);
    let items: &Vec<Value> = usage.body["items"].as_array().unwrap();
    let item = items.iter().find(|item| item["key"] == key);
    item.and_then(|item| item["used"].as_i64())
        .unwrap_or_else(|| panic!("no {key} in {usage}"))
}
