//! Traffic is metered: every byte once, whoever is killed meanwhile, and who has used up the plan's gets a calm page.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::accounts::{claim, unique};
use crate::harness::system::System;
use crate::harness::website::{self, Browser};
use crate::harness::{Account, eventually};

/// A month's figures of a site as its owner sees them: requests and bytes sent.
async fn this_month(owner: &Account, site: &str) -> Option<(u64, u64)> {
    let path = format!("/sites/{site}/traffic");
    // The panel may be away.
    let answer = owner.api.request("GET", &path).send_unchecked().await.ok()?;
    let figure = |name: &str| answer.body["this_month"][name].as_u64();
    Some((figure("requests")?, figure("bytes_out")?))
}

async fn used(owner: &Account, tenant: &str) -> u64 {
    let usage = owner.api.get(&format!("/tenants/{tenant}/usage")).await.expect(200);
    let items = usage.body["items"].as_array().unwrap();
    let traffic: &Value = items.iter().find(|item| item["key"] == "traffic_bytes_month").unwrap();
    assert!(traffic["resets_at"].is_string(), "{traffic}");
    traffic["used"].as_u64().unwrap()
}

/// Waits until the books say exactly this many requests, and never more.
async fn booked(owner: &Account, site: &str, requests: u64) -> u64 {
    eventually(&format!("{requests} requests are booked"), async || {
        let (seen, bytes) = this_month(owner, site).await?;
        assert!(
            seen <= requests,
            "{seen} of {requests} requests: something is counted twice"
        );
        (seen == requests).then_some(bytes)
    })
    .await
}

/// The requests that are booked once nothing is on its way any more: a node reports every second.
async fn settled(owner: &Account, site: &str) -> u64 {
    let mut last = 0;
    eventually("nothing is on its way", async || {
        tokio::time::sleep(Duration::from_secs(3)).await;
        let (now, _) = this_month(owner, site).await?;
        (std::mem::replace(&mut last, now) == now && now > 0).then_some(now)
    })
    .await
}

async fn site_of(customer: &Account, browser: &Browser, host: &str) -> String {
    let site = customer.site(host).await;
    customer.publish(&site, &website::page("much visited")).await;
    browser.shows(host, "/", "much visited").await;
    site
}

#[tokio::test]
async fn visits_are_booked_once_whoever_is_killed_meanwhile() {
    let mut system = System::start().await;
    let owner = claim(&system).await;
    let plan = owner.plan(None).await;
    let (customer, stranger) = tokio::join!(
        owner.tenant_below("customer", &plan),
        owner.tenant_below("customer", &plan)
    );
    let host = format!("traffic{}.example", unique());
    let browser = system.browser(&[&host]).await;
    let site = site_of(&customer, &browser, &host).await;
    // What came until the page was there is counted too.
    let mut requests = settled(&customer, &site).await;
    let visit = async |count: u64| {
        for _ in 0..count {
            assert_eq!(browser.get(&host, "/").await.unwrap().status, 200);
        }
    };

    // The server is away: the node keeps what it counts.
    let serve = system.kill("serve").await;
    visit(20).await;
    requests += 20;
    system.wait_restarted("serve", serve).await;
    booked(&customer, &site, requests).await;

    // The edge is killed a moment after the last visit: the spool is written once a second.
    visit(20).await;
    requests += 20;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let edge = system.kill("edge").await;
    system.wait_restarted("edge", edge).await;
    let before = booked(&customer, &site, requests).await;

    // In the middle of traffic: at most what came in the last second is missing, and nothing is there twice.
    let load = async {
        let (mut answered, mut failed) = (0_u64, 0_u64);
        for _ in 0..400 {
            match browser.get(&host, "/").await {
                Ok(_) => answered += 1,
                Err(_) => failed += 1,
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        (answered, failed)
    };
    let kill = async {
        tokio::time::sleep(Duration::from_millis(2500)).await;
        let edge = system.kill("edge").await;
        system.wait_restarted("edge", edge).await;
    };
    let begin = Instant::now();
    let ((answered, failed), ()) = tokio::join!(load, kill);
    let pace = answered / begin.elapsed().as_secs().max(1);
    let total = settled(&customer, &site).await;
    let booked_now = total - requests;
    // Whoever got no answer may have been counted.
    assert!(
        booked_now <= answered + failed,
        "{booked_now} of {answered} answered, {failed} failed"
    );
    // What is written once a second may be a moment late on a busy machine.
    assert!(
        booked_now + 2 * pace >= answered,
        "{booked_now} of {answered} answered at {pace} a second, {failed} failed"
    );

    // Everything starts anew: nothing comes twice.
    system.power_cut().await;
    system.up().await;
    let back = |account: &Account| Account {
        api: system.api().with(account.api.credential.clone()),
        ..account.clone()
    };
    let (owner, customer) = (back(&owner), back(&customer));
    assert_eq!(settled(&customer, &site).await, total);
    let (_, bytes) = this_month(&customer, &site).await.unwrap();
    assert!(bytes > before);
    assert_eq!(used(&owner, &customer.tenant).await, bytes);
    assert_eq!(used(&owner, &stranger.tenant).await, 0);
    assert!(used(&owner, &owner.tenant).await >= bytes);
}

#[tokio::test]
async fn who_has_used_up_the_traffic_gets_a_calm_page_until_the_plan_is_larger() {
    let system = System::start().await;
    let owner = claim(&system).await;
    let limits =
        |traffic: Value| json!({"sites": 5, "domains": 5, "disk_bytes": 1_000_000, "traffic_bytes_month": traffic});
    let small = owner.plan(Some(limits(json!(50_000)))).await;
    let large = owner.plan(Some(limits(Value::Null))).await;
    let customer = owner.tenant_below("customer", &small).await;
    let host = format!("traffic{}.example", unique());
    let browser = system.browser(&[&host]).await;
    let site = site_of(&customer, &browser, &host).await;
    let answer = eventually("the page says so", async || {
        let answer = browser.get(&host, "/").await.ok()?;
        (answer.status != 200).then_some(answer)
    })
    .await;
    assert_eq!(answer.status, 503, "{answer}");
    assert!(
        String::from_utf8_lossy(&answer.bytes).contains("taking a break"),
        "{answer}"
    );
    assert!(answer.header("retry-after").ends_with(" 00:00:00 GMT"), "{answer}");
    assert!(used(&owner, &customer.tenant).await > 50_000);
    let status = customer.api.get(&format!("/sites/{site}")).await.expect(200);
    assert!(status.text("/status/summary").contains("used up"), "{status}");
    let log = customer
        .api
        .get(&format!("/audit?filter[subject]={site}"))
        .await
        .expect(200);
    let paused = |items: &Vec<Value>| items.iter().any(|item| item["action"] == "sites.site.paused");
    assert!(log.body["items"].as_array().is_some_and(paused), "{log}");

    let path = format!("/tenants/{}/subscription", customer.tenant);
    owner.api.put(&path, json!({"plan_id": large})).await.expect(200);
    browser.shows(&host, "/", "much visited").await;
    let status = customer.api.get(&format!("/sites/{site}")).await.expect(200);
    assert!(!status.text("/status/summary").contains("used up"), "{status}");
}
