use serde_json::json;

use crate::harness::shared::{owner, shared};
use crate::harness::website;

#[tokio::test]
async fn a_customers_real_website_is_live_at_its_domain() {
    let owner = owner();
    let system = &shared().system;
    let plan = owner.plan(None).await;
    let customer = owner.tenant_below("customer", &plan).await;
    let manual = website::manual();
    let (domain, alias) = ("manual.example", "www.manual.example");

    let site = customer.site(domain).await;
    let body = json!({"name": alias, "kind": "alias"});
    customer
        .api
        .post(&format!("/sites/{site}/domains"), body)
        .await
        .expect(201);
    let archive = website::zip(&manual);
    let (operation, first) = customer.release(&site, "manual.zip", &archive).await;
    customer.succeeded(&operation).await;

    let browser = system.browser(&[domain, alias]).await;
    let index = std::fs::read(manual.join("index.html")).unwrap();
    let answer = browser.shows(domain, "/", "PostgreSQL").await;
    assert_eq!(answer.bytes, index);
    assert!(answer.header("content-type").starts_with("text/html"));
    assert_eq!(browser.shows(alias, "/index.html", "PostgreSQL").await.bytes, index);
    assert_eq!(first.split('_').next(), Some("rel"));
}
