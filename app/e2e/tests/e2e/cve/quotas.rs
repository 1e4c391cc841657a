use serde_json::json;

use crate::harness::shared::owner;
use crate::harness::website;

/// Froxlor 2.2.4: the limit was the page's, and the interface below it knew none. Here it is counted with the row.
#[tokio::test]
async fn quotas_hold_against_the_api_and_against_haste() {
    let owner = owner();
    let limits = json!({"sites": 2, "domains": 1, "disk_bytes": 20_000, "traffic_bytes_month": null});
    let plan = owner.plan(Some(limits)).await;
    let customer = owner.tenant_below("customer", &plan).await;
    let api = &customer.api;
    let all = futures_util::future::join_all(
        (0..8).map(|number| api.post("/sites", json!({"name": format!("Site {number}")}))),
    )
    .await;
    let mut statuses: Vec<u16> = all.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 201, 409, 409, 409, 409, 409, 409]);
    let site = all.iter().find(|answer| answer.status == 201).unwrap().id();
    let domains = format!("/sites/{site}/domains");
    let add = (0..4).map(|number| {
        api.post(
            &domains,
            json!({"name": format!("quota{number}.example"), "kind": "alias"}),
        )
    });
    let mut statuses: Vec<u16> = futures_util::future::join_all(add)
        .await
        .iter()
        .map(|answer| answer.status)
        .collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409, 409, 409]);
    // Neither an upload nor what comes out of a small archive may pass the disk's limit.
    let uploads = format!("/sites/{site}/uploads");
    api.post(&uploads, json!({"filename": "big.zip", "size": 30_000}))
        .await
        .expect(409);
    let bomb = website::zip_of([("index.html".to_owned(), vec![b'a'; 500_000])]);
    assert!(bomb.len() < 10_000);
    let upload = customer.upload(&site, "bomb.zip", &bomb).await;
    let answer = api
        .post(&format!("/sites/{site}/releases"), json!({"upload_id": upload}))
        .await;
    if answer.status == 202 {
        let ended = customer.ended(&answer.text("/operation_id")).await;
        assert_eq!(ended["state"], "failed", "{ended:#}");
    }
    let usage = api
        .get(&format!("/tenants/{}/usage", customer.tenant))
        .await
        .expect(200);
    for item in usage.body["items"].as_array().unwrap() {
        let (used, limit) = (item["used"].as_i64().unwrap(), item["limit"].as_i64());
        assert!(limit.is_none_or(|limit| used <= limit), "{usage}");
    }
    // Nobody gives itself more.
    let path = format!("/tenants/{}/subscription", customer.tenant);
    let more = api
        .put(&path, json!({"plan_id": plan, "overrides": {"sites": 100}}))
        .await;
    assert!([403, 404, 409, 422].contains(&more.status), "{more}");
}
