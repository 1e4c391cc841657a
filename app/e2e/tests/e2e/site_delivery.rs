//! What a customer says about how a site is delivered, as visitors meet it.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::harness::accounts::{claim, unique};
use crate::harness::website::Browser;
use crate::harness::{Account, System, eventually, website};

/// A server of a customer, which counts what it is asked.
fn server(says: &'static str) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (stream, count) = (stream.unwrap(), Arc::clone(&count));
            std::thread::spawn(move || answer(stream, says, &count));
        }
    });
    (address, asked)
}

fn answer(stream: TcpStream, says: &str, count: &AtomicUsize) {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    while stream.read_line(&mut line).is_ok_and(|read| read > 0) {
        if line == "\r\n" {
            let body = format!("{says} {}", count.fetch_add(1, Ordering::SeqCst) + 1);
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-length: {}\r\ncache-control: max-age=600",
                body.len()
            );
            // Whoever asked may be gone.
            let _gone = write!(stream.get_mut(), "{head}\r\n\r\n{body}");
        }
        line.clear();
    }
}

async fn set(customer: &Account, site: &str, document: Value) -> Value {
    let answer = customer.api.put(&format!("/sites/{site}/delivery"), document).await;
    answer.expect(200).body
}

/// Waits until visitors get this status.
async fn answers(browser: &Browser, host: &str, path: &str, status: u16) -> crate::harness::Answer {
    eventually(&format!("{path} answers {status}"), async || {
        browser
            .get(host, path)
            .await
            .ok()
            .filter(|answer| answer.status == status)
    })
    .await
}

#[tokio::test]
async fn rules_servers_and_cache_of_a_site_hold_for_its_visitors() {
    let system = System::start_with(&[("MPANEL_OUTBOUND_ALLOW", "127.0.0.0/8")]).await;
    let owner = claim(&system).await;
    let domain = format!("delivered{}.example", unique());
    let site = owner.site(&domain).await;
    owner.publish(&site, &website::page("from the files")).await;
    let browser = system.browser(&[&domain]).await;
    browser.shows(&domain, "/", "from the files").await;

    let document = json!({
        "redirects": [{"from": "/old/*", "to": "/new/:splat", "status": 308}],
        "headers": [{"set": {"X-Frame-Options": "DENY"}}],
        "areas": [{"path": "/staff/*", "realm": "Staff", "users": {"ann": "correct horse"}}],
        "access": [{"path": "/office/*", "allow": ["192.0.2.0/24"]}],
        "hsts": {"max_age": 300},
    });
    let shown = set(&owner, &site, document).await;
    assert_eq!(shown["areas"][0]["users"], json!({"ann": null}));
    let moved = answers(&browser, &domain, "/old/page?x=1", 308).await;
    assert_eq!(moved.header("location"), "/new/page?x=1");
    assert_eq!(moved.header("strict-transport-security"), "max-age=300");
    answers(&browser, &domain, "/office/plan.html", 403).await;
    answers(&browser, &domain, "/staff/", 401).await;
    let url = format!("https://{domain}:{}/staff/", system.address("edge_https").port());
    let let_in = browser
        .http
        .get(&url)
        .basic_auth("ann", Some("correct horse"))
        .send()
        .await
        .unwrap();
    assert_eq!(let_in.status(), 404, "there is nothing, and ann may know");
    let page = answers(&browser, &domain, "/", 200).await;
    assert_eq!(page.header("x-frame-options"), "DENY");

    // A part of it is passed on, and kept.
    let (address, asked) = server("from the server");
    let document = json!({
        "servers": {"path": "/api", "addresses": [{"address": address}]},
        "cache": {"mode": "standard"},
    });
    set(&owner, &site, document).await;
    browser.shows(&domain, "/api/now", "from the server 1").await;
    let again = answers(&browser, &domain, "/api/now", 200).await;
    assert!(again.header("cache-status").contains("hit"), "{again}");
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    browser.shows(&domain, "/", "from the files").await;
    let purge = async |what: Value| {
        let answer = owner
            .api
            .post(&format!("/sites/{site}/cache/purge"), what)
            .await
            .expect(200);
        assert_eq!(answer.text("/state"), "everywhere");
    };
    // Once the answer is there, nobody gets what was purged.
    let url = format!("https://{domain}:{}/api/now", system.address("edge_https").port());
    let parts = [
        json!({"urls": [url]}),
        json!({"prefixes": [url]}),
        json!({"everything": true}),
    ];
    for (count, what) in parts.into_iter().enumerate() {
        purge(what).await;
        let fresh = browser.get(&domain, "/api/now").await.unwrap();
        let said = format!("from the server {}", count + 2);
        assert_eq!(String::from_utf8_lossy(&fresh.bytes), said);
    }
    let others = json!({"urls": ["https://elsewhere.example/"]});
    owner
        .api
        .post(&format!("/sites/{site}/cache/purge"), others)
        .await
        .expect(422);

    // A site needs no release when servers answer for all of it.
    let other = format!("passed{}.example", unique());
    let passed = owner.site(&other).await;
    set(
        &owner,
        &passed,
        json!({"servers": {"addresses": [{"address": address}]}}),
    )
    .await;
    let visitor = system.browser(&[&other]).await;
    visitor.shows(&other, "/anything", "from the server").await;
    eventually("it is ready", async || {
        let shown = owner.api.get(&format!("/sites/{passed}")).await.expect(200);
        (shown.body["status"]["ready"] == true).then_some(())
    })
    .await;

    set(
        &owner,
        &site,
        json!({"maintenance": {"title": "Back soon", "text": "We paint the walls."}}),
    )
    .await;
    let closed = answers(&browser, &domain, "/", 503).await;
    assert!(String::from_utf8_lossy(&closed.bytes).contains("We paint the walls."));
    set(&owner, &site, json!({})).await;
    browser.shows(&domain, "/", "from the files").await;
    // What is gone with the server is said so, and nothing inside is reached where the provider opens nothing.
    let inside = json!({"servers": {"addresses": [{"address": "10.0.0.1:80"}]}});
    let refused = owner
        .api
        .put(&format!("/sites/{site}/delivery"), inside)
        .await
        .expect(422);
    assert_eq!(refused.text("/errors/0/pointer"), "/servers/addresses/0/address");
}
