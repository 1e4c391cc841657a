//! Traffic is metered: every byte once, whoever is killed meanwhile, and who has used up the plan's gets a calm page.

use std::cell::Cell;
use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::harness::accounts::{claim, unique};
use crate::harness::system::System;
use crate::harness::website::{self, Browser};
use crate::harness::{Account, eventually};

/// A site's traffic as its owner sees it. The panel may be away.
async fn traffic(owner: &Account, site: &str) -> Option<Value> {
    let path = format!("/sites/{site}/traffic");
    let answer = owner.api.request("GET", &path).send_unchecked().await.ok()?;
    (answer.status == 200).then_some(answer.body)
}

/// Requests and bytes sent that are booked for a site, of all days: a month may end meanwhile.
async fn all(owner: &Account, site: &str) -> Option<(u64, u64)> {
    let traffic = traffic(owner, site).await?;
    let days = traffic["days"].as_array()?;
    let sum = |name: &str| days.iter().filter_map(|day| day[name].as_u64()).sum();
    Some((sum("requests"), sum("bytes_out")))
}

async fn used(owner: &Account, tenant: &str) -> u64 {
    let usage = owner.api.get(&format!("/tenants/{tenant}/usage")).await.expect(200);
    let items = usage.body["items"].as_array().unwrap();
    let traffic: &Value = items.iter().find(|item| item["key"] == "traffic_bytes_month").unwrap();
    assert!(traffic["resets_at"].is_string(), "{traffic}");
    traffic["used"].as_u64().unwrap()
}

/// Waits until the books say exactly this many requests, and never more; gives the bytes.
async fn booked(owner: &Account, site: &str, requests: u64) -> u64 {
    eventually(&format!("{requests} requests are booked"), async || {
        let (seen, bytes) = all(owner, site).await?;
        assert!(
            seen <= requests,
            "{seen} of {requests} requests: something is counted twice"
        );
        (seen == requests).then_some(bytes)
    })
    .await
}

/// What the node's disk holds of a site: requests by series, each of which is a process's count of one day. The file of
/// one that is reported is removed.
fn spooled(system: &System, site: &str) -> BTreeMap<String, u64> {
    let mut series = BTreeMap::new();
    let folder = std::fs::read_dir(system.data().join("edge/usage"));
    for file in folder.into_iter().flatten().flatten() {
        // It may just be replaced or removed.
        let Ok(text) = std::fs::read(file.path()) else { continue };
        let Ok(usage) = serde_json::from_slice::<Value>(&text) else {
            continue;
        };
        let sites = usage["sites"].as_array().into_iter().flatten();
        for counted in sites.filter(|counted| counted["site"] == site) {
            let boot = usage["boot"].as_str().unwrap().to_owned();
            series.insert(boot, counted["requests"].as_u64().unwrap());
        }
    }
    series
}

/// Waits until the edge answers, which it does once; who finds nobody listening is not counted.
async fn answered_once(browser: &Browser, host: &str) -> u64 {
    eventually("the edge answers", async || browser.get(host, "/").await.ok()).await;
    1
}

/// A site that shows its page, and how often it was asked until then: an answer over TLS comes from the site, even if it
/// is not the page yet.
async fn site_of(customer: &Account, browser: &Browser, host: &str) -> (String, u64) {
    let site = customer.site(host).await;
    customer.publish(&site, &website::page("much visited")).await;
    let mut answers = 0;
    eventually("the page is there", async || {
        let answer = browser.get(host, "/").await.ok()?;
        answers += 1;
        (answer.status == 200 && String::from_utf8_lossy(&answer.bytes).contains("much visited")).then_some(())
    })
    .await;
    (site, answers)
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
    let (site, mut requests) = site_of(&customer, &browser, &host).await;
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

    // Both are killed, with the last visits on the node's disk, or in the books if the server was faster than the kill.
    let serve = system.kill("serve").await;
    visit(20).await;
    requests += 20;
    eventually("all visits are kept", async || {
        let kept = spooled(&system, &site).values().sum::<u64>() == requests;
        let booked = all(&customer, &site)
            .await
            .is_some_and(|(booked, _)| booked == requests);
        (kept || booked).then_some(())
    })
    .await;
    let edge = system.kill("edge").await;
    let earlier = spooled(&system, &site);
    system.wait_restarted("edge", edge).await;
    system.wait_restarted("serve", serve).await;
    let before = booked(&customer, &site, requests).await;

    // In the middle of traffic: nothing that was kept is missing, and nothing is there twice.
    let first = answered_once(&browser, &host).await;
    let over = Cell::new(false);
    let load = async {
        let (mut answered, mut failed) = (first, 0_u64);
        while !over.get() {
            match browser.get(&host, "/").await {
                Ok(_) => answered += 1,
                Err(_) => failed += 1,
            }
        }
        (answered, failed)
    };
    let kill = async {
        let kept = eventually("some visits are kept", async || {
            let mut new = spooled(&system, &site);
            new.retain(|boot, _| !earlier.contains_key(boot));
            let booked = all(&customer, &site).await?.0.saturating_sub(requests);
            let kept = booked.max(new.values().sum());
            (kept >= 20).then_some(kept)
        })
        .await;
        // No request begins after the kill, so that the next process counts none of these.
        over.set(true);
        (kept, system.kill("edge").await)
    };
    let ((answered, failed), (kept, edge)) = tokio::join!(load, kill);
    system.wait_restarted("edge", edge).await;
    let total = eventually("what was kept is reported", async || {
        let left = spooled(&system, &site);
        let (booked, _) = all(&customer, &site).await?;
        left.is_empty().then_some(booked)
    })
    .await;
    let new = total - requests;
    // Whoever got no answer may have been counted.
    assert!(
        (kept..=answered + failed).contains(&new),
        "{new} booked of {answered} answered and {failed} failed; {kept} were kept"
    );
    requests = total;

    // Everything starts anew: nothing comes twice.
    system.power_cut().await;
    system.up().await;
    let back = |account: &Account| Account {
        api: system.api().with(account.api.credential.clone()),
        ..account.clone()
    };
    let (owner, customer) = (back(&owner), back(&customer));
    let browser = system.browser(&[&host]).await;
    // What was left over is reported before anything new.
    requests += answered_once(&browser, &host).await;
    let bytes = booked(&customer, &site, requests).await;
    assert!(bytes > before);
    // The books of the plan say the same. They begin anew with each month, which may be now.
    eventually("the plan's books agree", async || {
        let month = traffic(&customer, &site).await?["this_month"]["bytes_out"].as_u64()?;
        let agree = used(&owner, &customer.tenant).await == month && used(&owner, &owner.tenant).await >= month;
        agree.then_some(())
    })
    .await;
    assert_eq!(used(&owner, &stranger.tenant).await, 0);
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
    let (site, _) = site_of(&customer, &browser, &host).await;
    // All at one moment: should a month end here, it is used up once more.
    let answer = eventually("the page says so", async || {
        let answer = browser.get(&host, "/").await.ok()?;
        let status = customer.api.get(&format!("/sites/{site}")).await.expect(200);
        let used_up =
            status.text("/status/summary").contains("used up") && used(&owner, &customer.tenant).await > 50_000;
        (answer.status != 200 && used_up).then_some(answer)
    })
    .await;
    assert_eq!(answer.status, 503, "{answer}");
    assert!(
        String::from_utf8_lossy(&answer.bytes).contains("taking a break"),
        "{answer}"
    );
    assert!(answer.header("retry-after").ends_with(" 00:00:00 GMT"), "{answer}");
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
