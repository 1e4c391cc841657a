use std::process::Command;

use serde_json::json;

use crate::harness::shared::{owner, shared};
use crate::harness::{Account, System, eventually, website};

#[tokio::test]
async fn a_customers_real_website_is_live_at_its_domain() {
    let owner = owner();
    let system = &shared().system;
    let plan = owner.plan(None).await;
    let customer = owner.tenant_below("customer", &plan).await;
    let api = &customer.api;
    let manual = website::manual();
    let (domain, alias) = ("www.manual.example", "docs.manual.example");

    // The zone first: names of sites in it are answered without anybody writing a record.
    api.post("/zones", json!({"apex": "manual.example"})).await.expect(201);
    let site = customer.site(domain).await;
    let body = json!({"name": alias, "kind": "alias"});
    api.post(&format!("/sites/{site}/domains"), body).await.expect(201);
    let (operation, first) = customer.release(&site, "manual.zip", &website::zip(&manual)).await;
    customer.succeeded(&operation).await;

    let browser = system.browser(&[domain, alias]).await;
    let index = std::fs::read(manual.join("index.html")).unwrap();
    let answer = browser.shows(domain, "/", "PostgreSQL").await;
    assert_eq!(answer.bytes, index);
    assert!(answer.header("content-type").starts_with("text/html"), "{answer}");
    assert_eq!(browser.shows(alias, "/index.html", "PostgreSQL").await.bytes, index);
    for page in ["sql-select.html", "stylesheet.css"] {
        let file = std::fs::read(manual.join(page)).unwrap();
        assert_eq!(
            browser.get(domain, &format!("/{page}")).await.unwrap().bytes,
            file,
            "{page}"
        );
    }
    assert_eq!(browser.get(domain, "/no-such-page").await.unwrap().status, 404);
    eventually("DNS answers the site's address", async || {
        (dig(system, domain, "A") == "127.0.0.1").then_some(())
    })
    .await;

    // Another format and other content; then back, at once.
    let other = system.scratch().join("other");
    std::fs::create_dir_all(other.join("css")).unwrap();
    std::fs::write(other.join("index.html"), "<h1>the second release</h1>").unwrap();
    std::fs::write(other.join("css/site.css"), "h1 { color: brown }").unwrap();
    let (operation, second) = customer.release(&site, "other.tar.gz", &website::tar_gz(&other)).await;
    customer.succeeded(&operation).await;
    browser.shows(domain, "/", "the second release").await;
    let path = format!("/sites/{site}/releases/{first}/activate");
    let back = api.request("POST", &path).send().await.expect(202);
    customer.succeeded(&back.text("/operation_id")).await;
    assert_eq!(browser.shows(domain, "/", "PostgreSQL").await.bytes, index);
    let states = api.list(&format!("/sites/{site}/releases")).await;
    let states: Vec<(&str, &str)> = states
        .iter()
        .map(|release| (release["id"].as_str().unwrap(), release["state"].as_str().unwrap()))
        .collect();
    assert_eq!(states, [(second.as_str(), "ready"), (first.as_str(), "active")]);

    delete_and_look(system, &customer, &site, (domain, alias)).await;
}

/// Deletes the site: no name, file, record, certificate or count is left of it.
async fn delete_and_look(system: &System, customer: &Account, site: &str, (domain, alias): (&str, &str)) {
    let api = &customer.api;
    assert!(system.data().join("sites").join(site).exists());
    let deleted = api.delete(&format!("/sites/{site}")).await.expect(202);
    customer.succeeded(&deleted.text("/operation_id")).await;
    api.get(&format!("/sites/{site}")).await.expect(404);
    assert!(
        !system.data().join("sites").join(site).exists(),
        "files of the site are left"
    );
    assert!(api.list("/sites").await.is_empty());
    let browser = system.browser(&[domain, alias]).await;
    eventually("the domain serves nothing", async || {
        let serves = browser.get(domain, "/").await.is_ok_and(|answer| answer.status == 200);
        (!serves).then_some(())
    })
    .await;
    eventually("DNS answers no address", async || {
        dig(system, domain, "A").is_empty().then_some(())
    })
    .await;
    eventually("no certificate is left", async || {
        api.list("/certificates").await.is_empty().then_some(())
    })
    .await;
    let usage = api
        .get(&format!("/tenants/{}/usage", customer.tenant))
        .await
        .expect(200);
    for item in usage.body["items"].as_array().unwrap() {
        let left = match item["key"].as_str().unwrap() {
            // The zone stays, and takes over the place of the site's last domain.
            "domains" => 1,
            // What was sent was sent.
            "traffic_bytes_month" => continue,
            _ => 0,
        };
        assert_eq!(item["used"], left, "{usage}");
    }
    // The name is free again.
    let again = customer.site(domain).await;
    let deleted = api.delete(&format!("/sites/{again}")).await.expect(202);
    customer.succeeded(&deleted.text("/operation_id")).await;
}

/// What `dig +short` prints.
pub fn dig(system: &System, name: &str, kind: &str) -> String {
    dig_at(system.address("dns"), name, kind)
}

/// The same of the server at `address`.
pub fn dig_at(address: std::net::SocketAddr, name: &str, kind: &str) -> String {
    let output = Command::new("dig")
        .arg(format!("@{}", address.ip()))
        .args([
            "-p",
            &address.port().to_string(),
            "+short",
            "+time=2",
            "+tries=2",
            name,
            kind,
        ])
        .output()
        .expect("install dnsutils: `make deps-test`");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}
