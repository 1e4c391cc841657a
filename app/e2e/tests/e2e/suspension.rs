//! A customer who is suspended is off the web and changes nothing, until resumed.

use serde_json::json;

use crate::harness::accounts::unique;
use crate::harness::shared::{owner, shared};
use crate::harness::{eventually, website};

#[tokio::test]
async fn who_is_suspended_is_not_served_and_changes_nothing_until_resumed() {
    let owner = owner();
    let plan = owner.plan(None).await;
    let customer = owner.tenant_below("customer", &plan).await;
    let host = format!("closed{}.example", unique());
    let browser = shared().system.browser(&[&host]).await;
    let site = customer.site(&host).await;
    customer.publish(&site, &website::page("open for business")).await;
    browser.shows(&host, "/", "open for business").await;
    let token = customer.token().await;
    let path = format!("/sites/{site}");
    let put = async |state: &str| {
        let tenant = format!("/tenants/{}", customer.tenant);
        let request = owner.api.request("PATCH", &tenant).json(&json!({"state": state}));
        request.send().await.expect(200);
    };

    put("suspended").await;
    for api in [&customer.api, &token] {
        let rename = api.request("PATCH", &path).json(&json!({"name": "Another"}));
        for refused in [rename.send().await, api.post("/sites", json!({"name": "More"})).await] {
            assert_eq!(refused.status, 403, "{refused}");
            assert_eq!(refused.text("/code"), "tenancy.tenant.suspended", "{refused}");
        }
        api.get(&path).await.expect(200);
        api.get("/sites").await.expect(200);
    }
    let page = eventually("the site is not served", async || {
        let page = browser.get(&host, "/").await.ok()?;
        (page.status != 200).then_some(page)
    })
    .await;
    assert_eq!(page.status, 503, "{page}");
    let text = String::from_utf8_lossy(&page.bytes);
    assert!(text.contains("not available") && !text.contains("suspended"), "{text}");
    eventually("its status says so", async || {
        let shown = customer.api.get(&path).await.expect(200);
        shown
            .text("/status/summary")
            .contains("suspended by the provider")
            .then_some(())
    })
    .await;

    put("active").await;
    browser.shows(&host, "/", "open for business").await;
    let rename = customer.api.request("PATCH", &path).json(&json!({"name": "Another"}));
    rename.send().await.expect(200);
}
