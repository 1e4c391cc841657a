//! Tenants that are found by what they have, go to another seller, and end.

use serde_json::{Value, json};

use crate::harness::accounts::unique;
use crate::harness::shared::{owner, shared};
use crate::harness::{Account, eventually, website};

/// What is found by a text, with whose it is.
async fn found(who: &Account, text: &str) -> Vec<(String, String)> {
    let list = who.api.get(&format!("/subtree?q={text}")).await.expect(200);
    let items = list.body["items"].as_array().unwrap().iter();
    let text = |item: &Value, at: &str| item.pointer(at).and_then(Value::as_str).unwrap().to_owned();
    items
        .map(|item| (text(item, "/kind"), text(item, "/tenant/id")))
        .collect()
}

#[tokio::test]
async fn a_domain_is_found_by_those_above_also_after_its_tenant_has_moved() {
    let owner = owner();
    let plan = owner.plan(None).await;
    let (old, new) = tokio::join!(
        owner.tenant_below("reseller", &plan),
        owner.tenant_below("reseller", &plan)
    );
    let sold = old
        .plan(Some(json!({"sites": 2, "domains": 4, "disk_bytes": 1_000_000})))
        .await;
    let customer = old.tenant_below("customer", &sold).await;
    let host = format!("whose{}.example", unique());
    let site = customer.site(&host).await;
    customer.publish(&site, &website::page("mine")).await;
    let whose = |kind: &str| (kind.to_owned(), customer.tenant.clone());
    eventually("its host and the zone of it are found", async || {
        let mut all = found(&old, &host).await;
        all.sort();
        (all == [whose("domain"), whose("zone")]).then_some(())
    })
    .await;
    assert!(found(&new, &host).await.is_empty());

    let offered = new
        .plan(Some(json!({"sites": 1, "domains": 4, "disk_bytes": 1_000_000})))
        .await;
    let place = format!("/tenants/{}/place", customer.tenant);
    let to = json!({"parent_id": new.tenant, "plan_id": offered});
    for wrong in [&old, &new, &customer] {
        let refused = wrong.api.put(&place, to.clone()).await;
        assert!([404, 409, 422].contains(&refused.status), "{refused}");
    }
    owner.api.put(&place, to).await.expect(200);
    assert!(found(&old, &host).await.is_empty());
    assert_eq!(found(&new, &host).await.len(), 2);
    // All that it has is as it was, and counts there.
    let browser = shared().system.browser(&[&host]).await;
    browser.shows(&host, "/", "mine").await;
    let usage = new.api.get(&format!("/tenants/{}/usage", new.tenant)).await.expect(200);
    let sites = usage.body["items"]
        .as_array()
        .unwrap()
        .iter()
        .find(|item| item["key"] == "sites");
    assert_eq!(sites.unwrap()["used"], 1);
    let refused = customer
        .api
        .post("/sites", json!({"name": "One too many"}))
        .await
        .expect(409);
    assert_eq!(refused.text("/code"), "tenancy.entitlement.exceeded");
}

#[tokio::test]
async fn who_ends_is_off_the_web_at_once_and_gone_with_everything_in_the_end() {
    let owner = owner();
    let plan = owner.plan(None).await;
    let (reseller, sibling) = tokio::join!(
        owner.tenant_below("reseller", &plan),
        owner.tenant_below("customer", &plan)
    );
    let sold = reseller.plan(None).await;
    let customer = reseller.tenant_below("customer", &sold).await;
    let (host, beside) = (
        format!("ends{}.example", unique()),
        format!("stays{}.example", unique()),
    );
    let mut sites = Vec::new();
    for (tenant, host) in [(&customer, &host), (&sibling, &beside)] {
        let site = tenant.site(host).await;
        tenant.publish(&site, &website::page("open")).await;
        sites.push(site);
    }
    let system = &shared().system;
    let browser = system.browser(&[&host, &beside]).await;
    browser.shows(&host, "/", "open").await;
    let token = customer.token().await;
    let name = owner
        .api
        .get(&format!("/tenants/{}", reseller.tenant))
        .await
        .expect(200)
        .text("/name");
    let path = format!("/tenants/{}", reseller.tenant);
    let end = async |grace: u32, below: u32| {
        let body = json!({"name": name, "grace_days": grace, "tenants_below": below});
        owner.api.request("DELETE", &path).json(&body).send().await
    };

    let refused = end(30, 0).await.expect(422);
    assert_eq!(refused.text("/errors/0/pointer"), "/tenants_below");
    end(30, 1).await.expect(200);
    eventually("the site shows the provider's page", async || {
        let page = browser.get(&host, "/").await.ok()?;
        (page.status == 503).then_some(())
    })
    .await;
    let refused = token.post("/sites", json!({"name": "More"})).await.expect(403);
    assert_eq!(refused.text("/code"), "tenancy.tenant.suspended");
    token.get("/sites").await.expect(200);
    owner
        .api
        .request("POST", &format!("{path}/restore"))
        .send()
        .await
        .expect(200);
    browser.shows(&host, "/", "open").await;

    end(0, 1).await.expect(200);
    eventually("both tenants are gone", async || {
        let answer = owner.api.get(&path).await;
        (answer.status == 404).then_some(())
    })
    .await;
    token.get("/sites").await.expect(401);
    let folders = crate::harness::system::tree(&system.data().join("sites")).join("\n");
    assert!(!folders.contains(&sites[0]), "its files are gone");
    assert!(folders.contains(&sites[1]), "and nobody else's");
    browser.shows(&beside, "/", "open").await;
    // Its names are free again.
    sibling.site(&host).await;
    let audit = owner
        .api
        .get("/audit?filter[action]=tenancy.tenant.ended")
        .await
        .expect(200);
    assert!(
        audit.body["items"]
            .as_array()
            .unwrap()
            .iter()
            .any(|entry| entry["subject"] == reseller.tenant)
    );
}

#[tokio::test]
async fn a_seller_is_taken_over_with_its_customers_whose_sites_never_go_dark() {
    let owner = owner();
    let plan = owner.plan(None).await;
    let (old, new) = tokio::join!(
        owner.tenant_below("reseller", &plan),
        owner.tenant_below("reseller", &plan)
    );
    let terms = json!({"sites": 2, "domains": 4, "disk_bytes": 1_000_000, "traffic_bytes_month": null});
    let sold = old.plan(Some(terms.clone())).await;
    let customer = old.tenant_below("customer", &sold).await;
    let (host, own) = (format!("taken{}.example", unique()), format!("own{}.example", unique()));
    let site = customer.site(&host).await;
    customer.publish(&site, &website::page("mine")).await;
    let browser = shared().system.browser(&[&host]).await;
    browser.shows(&host, "/", "mine").await;

    // What the seller has of its own stands in the way, one by one.
    let first = old.site(&own).await;
    let program = json!({"name": "Deploys", "role": "developer"});
    let program = old.api.post("/service-accounts", program).await.expect(201).id();
    let path = format!("/tenants/{}/merge", old.tenant);
    let preview = async || {
        let shown = owner.api.get(&format!("{path}?into={}", new.tenant)).await.expect(200);
        let found = shown.body["in_the_way"].as_array().unwrap().clone();
        let codes = found.iter().map(|one| one["code"].as_str().unwrap().to_owned());
        (codes.collect::<Vec<_>>(), shown)
    };
    let (found, shown) = preview().await;
    for code in ["sites.site.own", "dns.zone.own", "identity.service_account.own"] {
        assert!(found.iter().any(|one| one == code), "{found:?}");
    }
    assert_eq!(
        (&shown.body["children"], &shown.body["tenants_below"]),
        (&json!(1), &json!(1))
    );
    let name = shown.text("/tenant/name");
    let body = json!({"into": new.tenant, "name": name, "tenants_below": 1});
    let refused = owner.api.post(&path, body.clone()).await.expect(409);
    assert_eq!(refused.text("/code"), "tenancy.tenant.merge_in_the_way");
    assert_eq!(refused.body["errors"].as_array().unwrap().len(), found.len());
    old.api.delete(&format!("/sites/{first}")).await.expect(202);
    old.api
        .delete(&format!("/service-accounts/{program}"))
        .await
        .expect(204);
    eventually("nothing of its own is left", async || {
        for zone in old.api.list("/zones").await {
            let zone = format!("/zones/{}", zone["id"].as_str().unwrap());
            assert!([204, 404, 409].contains(&old.api.delete(&zone).await.status));
        }
        preview().await.0.is_empty().then_some(())
    })
    .await;

    // Somebody who has not come yet.
    let waits = format!("waits{}@member.example", unique());
    let invited = json!({"email": waits, "name": "Waits", "role": "viewer"});
    let members = format!("/tenants/{}/members", old.tenant);
    old.api.post(&members, invited).await.expect(201);
    for wrong in [&old, &new, &customer] {
        let refused = wrong.api.post(&path, body.clone()).await;
        assert!([404, 422].contains(&refused.status), "{refused}");
    }
    let merged = owner.api.post(&path, body).await.expect(200);
    assert_eq!(merged.text("/state"), "terminating");
    // The customer is where it was for visitors, has what it had, and is another's.
    browser.shows(&host, "/", "mine").await;
    let now = new.api.get(&format!("/tenants/{}", customer.tenant)).await.expect(200);
    assert_eq!(now.text("/parent_id"), new.tenant);
    assert_ne!(now.text("/plan/id"), sold);
    let usage = new
        .api
        .get(&format!("/tenants/{}/usage", customer.tenant))
        .await
        .expect(200);
    let sites = usage.body["items"]
        .as_array()
        .unwrap()
        .iter()
        .find(|item| item["key"] == "sites")
        .unwrap();
    assert_eq!((&sites["used"], &sites["limit"]), (&json!(1), &json!(2)));
    old.api.get(&format!("/tenants/{}", customer.tenant)).await.expect(404);
    assert_eq!(found_by(&new, &host).await, 2);
    customer
        .api
        .post("/sites", json!({"name": "Another"}))
        .await
        .expect(201);
    // Who sold before is a member of the new seller, and may do there what the role gives.
    let there = old.api.acting_for(&new.tenant);
    there.get("/plans").await.expect(200);
    let invitations = new.api.list("/invitations").await;
    assert!(
        invitations
            .iter()
            .any(|one| one["email"] == waits.as_str() && one["role"] == "viewer"),
        "{invitations:?}"
    );
    let restored = owner
        .api
        .request("POST", &format!("/tenants/{}/restore", old.tenant))
        .send()
        .await;
    assert_eq!(restored.expect(200).text("/state"), "active");
    assert!(old.api.list("/tenants").await.is_empty());
}

async fn found_by(who: &Account, text: &str) -> usize {
    found(who, text).await.len()
}
