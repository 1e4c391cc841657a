use serde_json::json;

use crate::harness::shared::{owner, shared};
use crate::harness::{accounts, eventually, website};

/// Texts that were commands elsewhere: Coolify CVE-2025-66209, Dokploy CVE-2026-27130, CyberPanel CVE-2024-51378.
const COMMANDS: &[&str] = &[
    "$(touch /tmp/mpanel-owned)",
    "`touch /tmp/mpanel-owned`",
    "x; touch /tmp/mpanel-owned #",
    "x | touch /tmp/mpanel-owned",
    "x && touch /tmp/mpanel-owned",
    "'; drop table sites.sites; --",
    "{{7*7}} ${7*7} <script>alert(1)</script>",
    "-rf --help",
    "%s%n%x ../../../etc/passwd",
];

/// The fields of a body that take any text keep these as they are; the others refuse them by name. No outcome is left open.
#[tokio::test]
async fn cve_2025_66209_names_are_names_and_never_commands() {
    let owner = owner();
    let plan = owner.plan(None).await;
    let customer = owner.tenant_below("customer", &plan).await;
    let api = &customer.api;
    for text in COMMANDS {
        let site = api.post("/sites", json!({"name": text})).await.expect(201);
        assert_eq!(site.text("/name"), *text);
        let filename = format!("{text}.zip");
        let upload = api
            .post(
                &format!("/sites/{}/uploads", site.id()),
                json!({"filename": filename, "size": 10}),
            )
            .await;
        if text.contains('/') {
            assert_eq!(upload.expect(422).text("/errors/0/code"), "sites.upload.bad_filename");
        } else {
            upload.expect(201);
        }
        let zone = json!({"apex": text});
        for (path, body, pointer) in [
            ("/sites", json!({"name": "x", "slug": text}), "/slug"),
            ("/sites", json!({"name": "x", "domain": text}), "/domain"),
            ("/zones", zone, "/apex"),
            ("/api-tokens", json!({"name": "x", "scopes": [text]}), "/scopes/0"),
        ] {
            let refused = api.post(path, body).await.expect(422);
            assert_eq!(refused.text("/errors/0/pointer"), pointer, "{refused}");
        }
    }
    let shown = api.list("/sites").await;
    let names: Vec<&str> = shown.iter().filter_map(|site| site["name"].as_str()).collect();
    for text in COMMANDS {
        assert!(names.contains(text), "{text} is not kept");
    }
    assert!(!std::path::Path::new("/tmp/mpanel-owned").exists());
}

/// A name is shown as what it is: as data to programs, and never as a page.
#[tokio::test]
async fn a_name_that_looks_like_a_page_is_never_one() {
    let owner = owner();
    let plan = owner.plan(None).await;
    let customer = owner.tenant_below("customer", &plan).await;
    let name = "<script>alert(1)</script><img src=x onerror=alert(2)>";
    let domain = format!("hostile{}.example", accounts::unique());
    let body = json!({"name": name, "domain": domain});
    let site = customer.api.post("/sites", body).await.expect(201).id();
    for path in [format!("/sites/{site}"), "/sites".to_owned(), "/audit".to_owned()] {
        let answer = customer.api.get(&path).await.expect(200);
        assert!(answer.header("content-type").starts_with("application/json"), "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
    }
    assert_eq!(
        customer
            .api
            .get(&format!("/sites/{site}"))
            .await
            .expect(200)
            .text("/name"),
        name
    );
    // The page that the edge shows until there is a release has it as text.
    let browser = shared().system.browser(&[&domain]).await;
    let page = eventually("the edge answers for the site", async || {
        browser.get(&domain, "/").await.ok()
    })
    .await;
    let text = String::from_utf8_lossy(&page.bytes);
    assert!(!text.contains("<script") && !text.contains("<img"), "{page}");
}

/// Plesk's and others' error texts told who owns a name. Here a name is taken, and nobody learns by whom.
#[tokio::test]
async fn a_taken_domain_is_refused_without_telling_whose_it_is() {
    let owner = owner();
    let plan = owner.plan(None).await;
    let (one, two) = (
        owner.tenant_below("customer", &plan).await,
        owner.tenant_below("customer", &plan).await,
    );
    let site = one.site("taken.example").await;
    for domain in ["taken.example", "below.taken.example"] {
        let refused = two
            .api
            .post("/sites", json!({"name": "Mine", "domain": domain}))
            .await
            .expect(409);
        let text = refused.to_string();
        assert!(
            !text.contains(&one.tenant) && !text.contains(&site) && !text.contains(&one.email),
            "{text}"
        );
    }
    assert!(two.api.list("/sites").await.is_empty());
}

/// A host header that is no site's reaches nobody's files and not the panel.
#[tokio::test]
async fn unknown_hosts_get_no_site() {
    let owner = owner();
    let plan = owner.plan(None).await;
    let customer = owner.tenant_below("customer", &plan).await;
    let site = customer.site("known.example").await;
    customer.publish(&site, &website::page("a secret page")).await;
    let browser = shared().system.browser(&["known.example"]).await;
    browser.shows("known.example", "/", "a secret page").await;
    for host in [
        "unknown.example",
        "known.example.evil.example",
        "..",
        "known.example/..",
        "127.0.0.1",
    ] {
        let url = format!(
            "https://known.example:{}/",
            shared().system.address("edge_https").port()
        );
        let answer = browser.http.get(url).header("host", host).send().await;
        let Ok(answer) = answer else { continue };
        let status = answer.status().as_u16();
        let text = answer.text().await.unwrap_or_default();
        assert!(
            status >= 300 && !text.contains("a secret page"),
            "{host}: {status} {text}"
        );
    }
}
