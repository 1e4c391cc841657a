//! Each operation succeeds once, and its answer is what openapi.json promises: the document is no wish.

use serde_json::json;

use super::audited;
use super::calls::new_issuer;
use super::estate::{Estate, call, node};
use super::operations;
use crate::harness::accounts::{PASSWORD, assume, claim};
use crate::harness::client::Credential;
use crate::harness::{Account, Api, System, totp, website};

/// Operations that are not seen to succeed. It may only become shorter.
const EXCUSED: [&str; 0] = [];

/// Those whose success needs more than a call; [`account`], [`cancel`] and the test itself make them.
const BY_HAND: [&str; 22] = [
    "assumptions_agree",
    "email_change",
    "email_confirm",
    "operations_cancel",
    "password_change",
    "realms_create",
    "realms_get",
    "realms_list",
    "realms_update",
    "sessions_end",
    "sessions_end_all",
    "sessions_end_current",
    "sessions_step_up",
    "tenants_end",
    "tenants_merge",
    "tenants_merge_preview",
    "tenants_move",
    "tenants_restore",
    "tenants_subscribe",
    "totp_confirm",
    "totp_disable",
    "totp_start",
];

/// Those that the platform does: to its machines, and to a tenant below it.
const OF_PLATFORM: [&str; 17] = [
    "assumptions_create",
    "certificate_issuers_create",
    "certificate_issuers_delete",
    "certificate_issuers_get",
    "certificate_issuers_list",
    "dead_events_discard",
    "dead_events_list",
    "dead_events_retry",
    "dead_events_retry_all",
    "event_consumers_list",
    "event_consumers_rebuild",
    "mail_test",
    "nodes_get",
    "nodes_list",
    "reconcilers_list",
    "reconcilers_run",
    "tenants_update",
];

#[tokio::test]
async fn every_operation_is_seen_to_succeed_as_promised() {
    let system = System::start().await;
    let nobody = system.api();
    nobody.get("/setup").await.expect(200);
    nobody.get("/certificate-authority").await.expect(200);
    let platform = claim(&system).await;
    let (node, plan) = (node(&platform).await, platform.plan(None).await);
    let seller = platform.tenant_below("reseller", &plan).await;
    let mut estate = Estate::of(seller.clone(), "reseller", &node, &plan).await;

    let path = format!("/tenants/{}/subscription", seller.tenant);
    let larger = json!({"plan_id": platform.plan(None).await});
    platform.api.put(&path, larger).await.expect(200);
    tree(&platform, &seller).await;
    account(&seller).await;
    address(&system, &seller).await;
    consent(&platform, &seller).await;
    realms(&platform, &plan).await;
    cancel(&system, &seller).await;
    let site = format!("/sites/{}", estate.id("site_id"));
    let live = seller.api.get(&site).await.expect(200).text("/active_release_id");
    let issuer = platform
        .api
        .post("/certificate-issuers", new_issuer())
        .await
        .expect(201)
        .id();
    estate.set("issuer_id", issuer);
    let mut problems = Vec::new();
    for (operation, how) in operations(&seller.api).await {
        let id = operation.id.as_str();
        if BY_HAND.contains(&id) {
            continue;
        }
        let api = if OF_PLATFORM.contains(&id) {
            &platform.api
        } else {
            &seller.api
        };
        let path = operation.path_with(|name| estate.id(name));
        let answer = call(api, &operation, &how, &path, &estate).await;
        if answer.status / 100 != 2 {
            problems.push(format!("{id}: {answer}"));
        }
        if let Some(operation) = answer.body["operation_id"].as_str() {
            seller.ended(operation).await;
        }
        estate.renew_dead(id).await;
        if id == "releases_activate" {
            // What is live cannot be deleted: the other one can now.
            estate.set("release_id", live.clone());
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    let spec = nobody.spec().await;
    assert_eq!(spec.never_succeeded(), EXCUSED, "and nothing else is excused");
    audited::every_change_is_written_down(&platform, &spec).await;
    audited::nobody_is_named(&platform, &[&platform, &seller]).await;
}

/// Whoever wants to be asked agrees.
async fn consent(platform: &Account, seller: &Account) {
    let path = format!("/tenants/{}/support-access", seller.tenant);
    let set = async |wanted| {
        seller
            .api
            .put(&path, json!({"consent_required": wanted}))
            .await
            .expect(200)
    };
    set(true).await;
    let waiting = assume(&platform.api, &seller.tenant).await;
    assert_eq!(waiting.text("/state"), "waiting");
    let path = format!("/tenants/{}/assumptions/{}/agree", seller.tenant, waiting.id());
    let agreed = seller.api.post(&path, json!({})).await.expect(200);
    assert_eq!(agreed.text("/state"), "open");
    set(false).await;
}

/// What the platform does for a seller with a brand.
async fn realms(platform: &Account, plan: &str) {
    let api = &platform.api;
    let brand = platform.tenant_below("reseller", plan).await;
    let body = json!({"name": "Brand", "tenant_id": brand.tenant, "hosts": ["panel.brand.example"]});
    let realm = api.post("/realms", body).await.expect(201).id();
    brand.api.get("/me").await.expect(401);
    assert_eq!(api.list("/realms").await.len(), 2);
    let path = format!("/realms/{realm}");
    let renamed = api
        .request("PATCH", &path)
        .json(&json!({"name": "Renamed"}))
        .send()
        .await;
    assert_eq!(renamed.expect(200).text("/hosts/0"), "panel.brand.example");
    assert_eq!(api.get(&path).await.expect(200).text("/name"), "Renamed");
}

/// What one does to tenants below.
async fn tree(platform: &Account, seller: &Account) {
    let api = &platform.api;
    let new = json!({"kind": "customer", "name": "Goes about"});
    let id = api.post("/tenants", new).await.expect(201).text("/tenant/id");
    let tenant = format!("/tenants/{id}");
    let place = json!({"parent_id": seller.tenant});
    let moved = api.put(&format!("{tenant}/place"), place).await.expect(200);
    assert_eq!(moved.text("/parent_id"), seller.tenant);
    let other = json!({"kind": "customer", "name": "Takes over"});
    let other = api.post("/tenants", other).await.expect(201).text("/tenant/id");
    let gone = json!({"kind": "customer", "name": "Is taken over"});
    let gone = api.post("/tenants", gone).await.expect(201).text("/tenant/id");
    let shown = api
        .get(&format!("/tenants/{gone}/merge?into={other}"))
        .await
        .expect(200);
    assert_eq!(shown.body["in_the_way"], json!([]));
    let body = json!({"into": other, "name": "Is taken over"});
    let merged = api.post(&format!("/tenants/{gone}/merge"), body).await.expect(200);
    assert_eq!(merged.text("/state"), "terminating");
    let ending = api.request("DELETE", &tenant).json(&json!({"name": "Goes about"}));
    assert_eq!(ending.send().await.expect(200).text("/state"), "terminating");
    let restored = api.request("POST", &format!("{tenant}/restore")).send().await;
    assert_eq!(restored.expect(200).text("/state"), "active");
}

/// What people do to their own account.
async fn account(tenant: &Account) {
    const NEXT: &str = "marble orchard telegraph 9";
    let person = tenant.member("developer").await;
    let goes_on = |api: &Api, cookie: String| api.with(Credential::Session(cookie));
    let body = json!({"current_password": PASSWORD, "new_password": NEXT});
    let changed = person.api.post("/me/password", body).await.expect(204);
    let api = goes_on(&person.api, changed.cookie());

    let password = json!({"password": NEXT});
    let secret = api.post("/me/totp", password.clone()).await.expect(200).text("/secret");
    let body = json!({"code": totp::code(&secret, 0)});
    let confirmed = api.post("/me/totp/confirm", body).await.expect(200);
    let api = goes_on(&api, confirmed.cookie());
    let nobody = api.with(Credential::None);
    let plain = json!({"email": person.email, "password": NEXT});
    let refused = nobody.post("/sessions", plain.clone()).await.expect(401);
    assert_eq!(refused.text("/code"), "identity.session.totp_required");
    let mut with_code = plain.clone();
    with_code["totp"] = json!(totp::code(&secret, 1));
    let there = nobody.post("/sessions", with_code).await.expect(201);
    let there = goes_on(&nobody, there.cookie());
    there.delete("/sessions/current").await.expect(204);

    let off = api.request("DELETE", "/me/totp").json(&password).send().await;
    let api = goes_on(&api, off.expect(204).cookie());
    let proven = api.post("/sessions/current/step-up", password).await.expect(200);
    let api = goes_on(&api, proven.cookie());
    api.delete("/sessions?keep=current").await.expect(200);
    let there = nobody.post("/sessions", plain).await.expect(201);
    let there = goes_on(&nobody, there.cookie());
    let sessions = there.list("/sessions").await;
    let its_own = sessions.iter().find(|session| session["current"] == true).unwrap();
    let path = format!("/sessions/{}", its_own["id"].as_str().unwrap());
    api.delete(&path).await.expect(204);
    there.get("/me").await.expect(401);
}

/// Another address, which a mail to it proves.
async fn address(system: &System, tenant: &Account) {
    let person = tenant.member("viewer").await;
    let email = format!("new.{}", person.email);
    let body = json!({"email": email, "password": PASSWORD});
    person.api.post("/me/email", body).await.expect(202);
    let token = system.mailed(&email, "confirm-email").await;
    let body = json!({"token": token});
    person.api.post("/me/email/confirm", body).await.expect(204);
    let me = person.api.get("/me").await.expect(200);
    assert_eq!(me.text("/user/email"), email);

    // A password that was forgotten, by the address that is new.
    let nobody = person.api.with(Credential::None);
    nobody
        .post("/password-resets", json!({"email": email}))
        .await
        .expect(202);
    let token = system.mailed(&email, "reset").await;
    let body = json!({"token": token, "password": "marble orchard telegraph 9"});
    nobody.post("/password-resets/accept", body).await.expect(201);
}

/// A deployment that is called off while it is under way.
async fn cancel(system: &System, tenant: &Account) {
    let site = tenant.site("called-off.example").await;
    let hold = system.hold("sites.release.deploy,account,before");
    let (operation, _) = tenant.release(&site, "site.zip", &website::page("called off")).await;
    hold.reached().await;
    let path = format!("/operations/{operation}/cancel");
    tenant.api.request("POST", &path).send().await.expect(200);
    hold.go_on();
    assert_eq!(tenant.ended(&operation).await["state"], "cancelled");
}
