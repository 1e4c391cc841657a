use serde_json::json;

use crate::harness::shared::{owner, shared};
use crate::harness::website;

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

#[tokio::test]
async fn cve_2025_66209_names_are_names_and_never_commands() {
    let owner = owner();
    let plan = owner.plan(None).await;
    let customer = owner.tenant_below("customer", &plan).await;
    let api = &customer.api;
    for text in COMMANDS {
        // Where any text is allowed it is kept as it is; where not, the field is named.
        let site = api.post("/sites", json!({"name": text})).await;
        if site.status == 201 {
            assert_eq!(site.text("/name"), *text);
            let uploads = format!("/sites/{}/uploads", site.id());
            let upload = api
                .post(&uploads, json!({"filename": format!("{text}.zip"), "size": 10}))
                .await;
            assert!([201, 422].contains(&upload.status), "{upload}");
        } else {
            site.expect(422);
        }
        for body in [json!({"name": "x", "slug": text}), json!({"name": "x", "domain": text})] {
            api.post("/sites", body).await.expect(422);
        }
        api.post("/zones", json!({"apex": text})).await.expect(422);
        let shown = api.post("/api-tokens", json!({"name": "x", "scopes": [text]})).await;
        assert_eq!(shown.status, 422, "{shown}");
    }
    assert!(!std::path::Path::new("/tmp/mpanel-owned").exists());
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
