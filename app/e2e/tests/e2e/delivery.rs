//! What browsers get of a site, from the call that sets it to the bytes at the edge.

use std::io::Read;

use reqwest::{StatusCode, Version};
use serde_json::json;

use crate::harness::accounts::unique;
use crate::harness::shared::{owner, shared};
use crate::harness::website::{self, Browser};
use crate::harness::{Account, Answer, System, client, eventually};

/// A page long enough to be worth compressing.
fn index() -> String {
    format!(
        "<!doctype html><title>Delivered</title>{}",
        "<p>delivered to the door</p>\n".repeat(400)
    )
}

fn archive() -> Vec<u8> {
    website::zip_of([
        ("index.html".to_owned(), index().into_bytes()),
        (
            "404.html".to_owned(),
            b"<h1>the site's own page of what is not there</h1>".to_vec(),
        ),
        ("film.bin".to_owned(), website::noise(600_000)),
    ])
}

/// A published site of a customer of its own, and a browser that finds `more` names too.
struct Published {
    system: &'static System,
    customer: Account,
    site: String,
    domain: String,
    browser: Browser,
}

impl Published {
    async fn new(more: &[&str]) -> Self {
        let (owner, system) = (owner(), &shared().system);
        let plan = owner.plan(None).await;
        let customer = owner.tenant_below("customer", &plan).await;
        let domain = format!("www{}.delivered.example", unique());
        let site = customer.site(&domain).await;
        customer.publish(&site, &archive()).await;
        let names = [&[domain.as_str()], more].concat();
        let browser = system.browser(&names).await;
        browser.shows(&domain, "/", "delivered to the door").await;
        Self {
            system,
            customer,
            site,
            domain,
            browser,
        }
    }

    /// Of the domain, with these fields in the request.
    async fn get(&self, path: &str, fields: &[(&str, &str)]) -> reqwest::Response {
        let url = format!("https://{}{path}", self.at(&self.domain));
        let request = self.browser.http.get(url);
        let request = fields
            .iter()
            .fold(request, |request, (name, value)| request.header(*name, *value));
        request.send().await.unwrap()
    }

    /// With the port that people see.
    fn at(&self, host: &str) -> String {
        format!("{host}:{}", self.system.address("edge_https").port())
    }

    async fn set(&self, settings: serde_json::Value) {
        let path = format!("/sites/{}", self.site);
        let request = self.customer.api.request("PATCH", &path);
        request.json(&json!({"settings": settings})).send().await.expect(200);
    }
}

fn field<'a>(answer: &'a reqwest::Response, name: &str) -> &'a str {
    answer.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

#[tokio::test]
async fn a_site_is_at_its_preview_name_from_the_beginning() {
    let customer = owner().tenant_below("customer", &owner().plan(None).await).await;
    let body = json!({"name": format!("Preview {}", unique())});
    let site = customer.api.post("/sites", body).await.expect(201);
    let preview = reqwest::Url::parse(&site.text("/preview_url")).unwrap();
    let system = &shared().system;
    assert_eq!(preview.scheme(), "https");
    assert_eq!(preview.port(), Some(system.address("edge_https").port()));
    let host = preview.host_str().unwrap();
    assert!(host.ends_with(".localhost"), "{preview}");
    let browser = system.browser(&[host]).await;
    // Nothing is published yet: a page says so.
    eventually("the preview answers over HTTPS", async || {
        browser.get(host, "/").await.ok()
    })
    .await;
    customer.publish(&site.id(), &archive()).await;
    browser.shows(host, preview.path(), "delivered to the door").await;
}

#[tokio::test]
async fn pages_come_compressed_validated_in_parts_and_over_http_2() {
    let site = Published::new(&[]).await;
    let plain = site.get("/", &[]).await;
    assert_eq!((plain.status(), plain.version()), (StatusCode::OK, Version::HTTP_2));
    assert_eq!(field(&plain, "content-encoding"), "");
    assert_eq!(field(&plain, "vary"), "accept-encoding");
    let etag = field(&plain, "etag").to_owned();
    assert!(etag.starts_with('"'), "{plain:?}");
    assert_eq!(plain.bytes().await.unwrap(), index());

    for coding in ["gzip", "br"] {
        let packed = site.get("/", &[("accept-encoding", coding)]).await;
        assert_eq!(field(&packed, "content-encoding"), coding);
        assert_ne!(field(&packed, "etag"), etag, "{coding} is another representation");
        let bytes = packed.bytes().await.unwrap();
        assert!(bytes.len() < index().len() / 2, "{coding}: {} bytes", bytes.len());
        let mut text = String::new();
        match coding {
            "gzip" => flate2::read::GzDecoder::new(&bytes[..]).read_to_string(&mut text),
            _ => brotli::Decompressor::new(&bytes[..], 4096).read_to_string(&mut text),
        }
        .unwrap();
        assert_eq!(text, index());
    }

    let known = site.get("/", &[("if-none-match", &etag)]).await;
    assert_eq!((known.status().as_u16(), field(&known, "etag")), (304, etag.as_str()));
    assert_eq!(known.bytes().await.unwrap().len(), 0);

    let film = website::noise(600_000);
    let part = site.get("/film.bin", &[("range", "bytes=300000-300099")]).await;
    assert_eq!(part.status(), 206);
    assert_eq!(field(&part, "content-range"), "bytes 300000-300099/600000");
    assert_eq!(part.bytes().await.unwrap(), film[300_000..300_100]);
    let beyond = site.get("/film.bin", &[("range", "bytes=600000-")]).await;
    assert_eq!(
        (beyond.status().as_u16(), field(&beyond, "content-range")),
        (416, "bytes */600000")
    );
    assert_eq!(site.get("/film.bin", &[]).await.bytes().await.unwrap(), film);
}

#[tokio::test]
async fn the_settings_of_a_site_say_what_stands_for_missing_pages() {
    let site = Published::new(&[]).await;
    let page = [("accept", "text/html,*/*;q=0.8")];
    let text = async |path: &str, status: u16, what: &str| {
        let wanted = format!("{path} answers {status} with {what}");
        eventually(&wanted, async || {
            let answer = site.get(path, &page).await;
            let is = answer.status() == status;
            (answer.text().await.unwrap().contains(what) && is).then_some(())
        })
        .await;
    };
    text("/orders/17", 404, "the site's own page").await;
    site.set(json!({"spa_fallback": true})).await;
    text("/orders/17", 200, "delivered to the door").await;
    // A script that is missing is no page.
    text("/missing.js", 404, "the site's own page").await;
    site.set(json!({"spa_fallback": false, "not_found_page": "index.html"}))
        .await;
    text("/orders/17", 404, "delivered to the door").await;
}

#[tokio::test]
async fn redirects_keep_the_path_and_plain_http_leads_to_https() {
    let (old, away) = (format!("old{}.example", unique()), format!("away{}.example", unique()));
    let site = Published::new(&[&old, &away]).await;
    let domains = format!("/sites/{}/domains", site.site);
    for body in [
        json!({"name": old, "kind": "redirect"}),
        json!({"name": away, "kind": "redirect", "status": 307, "target": "https://target.example"}),
    ] {
        site.customer.api.post(&domains, body).await.expect(201);
    }
    let redirected = async |host: &str| -> Answer {
        eventually(&format!("{host} redirects"), async || {
            let answer = site.browser.get(host, "/a/b%20c?d=e&f").await.ok()?;
            (300..400).contains(&answer.status).then_some(answer)
        })
        .await
    };
    let to_own = redirected(&old).await.expect(301);
    assert_eq!(
        to_own.header("location"),
        format!("https://{}/a/b%20c?d=e&f", site.at(&site.domain))
    );
    let to_other = redirected(&away).await.expect(307);
    assert_eq!(to_other.header("location"), "https://target.example/a/b%20c?d=e&f");

    let http = site.system.address("edge_http");
    let plain = client::builder().resolve(&site.domain, http).build().unwrap();
    let ask = async || {
        let url = format!("http://{}:{}/a?b=c", site.domain, http.port());
        plain.get(url).send().await.unwrap()
    };
    let answer = ask().await;
    let secure = format!("https://{}/a?b=c", site.at(&site.domain));
    assert_eq!(
        (answer.status().as_u16(), field(&answer, "location")),
        (301, secure.as_str())
    );
    site.set(json!({"https_redirect": false})).await;
    eventually("the site is served over plain HTTP", async || {
        (ask().await.status() == 404).then_some(())
    })
    .await;
}
