use serde_json::json;

use crate::harness::accounts::claim;
use crate::harness::{System, eventually, website};
use crate::main_job::api::dig;

#[tokio::test]
async fn sites_and_names_are_served_with_everything_else_dead() {
    let mut system = System::start().await;
    let owner = claim(&system).await;
    owner
        .api
        .post("/zones", json!({"apex": "alone.example"}))
        .await
        .expect(201);
    let site = owner.site("www.alone.example").await;
    owner.publish(&site, &website::page("still here")).await;
    let authority = system.authority().await;
    let browser = system.browser_trusting(&authority, &["www.alone.example"]);
    browser.shows("www.alone.example", "/", "still here").await;
    eventually("DNS answers", async || {
        (dig(&system, "www.alone.example", "A") == "127.0.0.1").then_some(())
    })
    .await;

    // The supervisor first, or it would bring the others back.
    system.kill_supervisor().await;
    for process in ["serve", "agent", "postgres"] {
        system.kill(process).await;
    }
    for _ in 0..5 {
        browser.shows("www.alone.example", "/", "still here").await;
        assert_eq!(dig(&system, "www.alone.example", "A"), "127.0.0.1");
    }
    // The panel says so, calmly.
    let panel = system
        .api()
        .request("GET", "/api/v1/me")
        .send_unchecked()
        .await
        .unwrap();
    assert_eq!(panel.status, 503, "{panel}");

    // Edge and name servers too; then all but the database starts again.
    system.up().await;
    system.power_cut().await;
    system.option("--database-url", "postgres://127.0.0.1:1/nothing");
    system.spawn();
    eventually("the edge is back", async || {
        system.pid("edge").filter(|_| system.pid("dns-1").is_some())
    })
    .await;
    let browser = system.browser_trusting(&authority, &["www.alone.example"]);
    browser.shows("www.alone.example", "/", "still here").await;
    eventually("DNS answers", async || {
        (dig(&system, "www.alone.example", "A") == "127.0.0.1").then_some(())
    })
    .await;
}
