use serde_json::json;

use crate::harness::accounts::PASSWORD;
use crate::harness::client::Credential;
use crate::harness::shared::owner;

/// Hestia CVE-2026-43634 trusted a header for the visitor's address. The edge overwrites whatever a client claims.
#[tokio::test]
async fn cve_2026_43634_forwarded_headers_of_clients_are_not_believed() {
    let owner = owner();
    let plan = owner.plan(None).await;
    let customer = owner.tenant_below("customer", &plan).await;
    let api = owner.api.with(Credential::None);
    let login = json!({"email": customer.email, "password": PASSWORD});
    let mut request = api.request("POST", "/sessions").json(&login);
    for name in [
        "x-forwarded-for",
        "x-real-ip",
        "cf-connecting-ip",
        "true-client-ip",
        "forwarded",
    ] {
        request = request.header(name, "203.0.113.77");
    }
    let request = request
        .header("x-forwarded-host", "evil.example")
        .header("x-forwarded-proto", "https");
    let signed_in = request.send().await.expect(201);
    let here = api.with(Credential::Session(signed_in.cookie()));
    let sessions = here.get("/sessions").await.expect(200);
    assert!(!sessions.to_string().contains("203.0.113.77"), "{sessions}");
    assert_eq!(sessions.text("/items/0/address"), "127.0.0.1");
}

/// cPanel CVE-2026-41940, CloudPanel CVE-2023-35885: what one parser took for a session another had not checked.
#[tokio::test]
async fn cve_2026_41940_a_credential_is_only_what_it_was_made_as() {
    let owner = owner();
    let plan = owner.plan(None).await;
    let customer = owner.tenant_below("customer", &plan).await;
    let Credential::Session(session) = customer.api.credential.clone() else {
        unreachable!()
    };
    let token = customer.token().await;
    let Credential::Token(token) = token.credential else {
        unreachable!()
    };
    let nobody = owner.api.with(Credential::None);
    // A session is no token, a token is no session, and neither counts when there are two of it.
    nobody
        .with(Credential::Token(session.clone()))
        .get("/me")
        .await
        .expect(401);
    nobody
        .with(Credential::Session(token.clone()))
        .get("/me")
        .await
        .expect(401);
    let two = format!("__Host-mpanel_session={session}; __Host-mpanel_session=AAAA");
    for cookie in [
        format!("__Secure-mpanel_session={session}"),
        format!("mpanel_session={session}"),
        format!("__Host-mpanel_session=\"{session}\""),
        format!("__Host-mpanel_session={session}x"),
        format!("__Host-mpanel_session= {session}%0d%0auser=root"),
        two,
    ] {
        let answer = nobody.request("GET", "/me").header("cookie", &cookie).send().await;
        assert!([400, 401].contains(&answer.status), "{cookie}: {answer}");
    }
    for authorization in [
        format!("Basic {token}"),
        format!("Bearer {token} x"),
        token.clone(),
        format!("Bearer  {token}\u{7f}"),
    ] {
        let Ok(value) = reqwest::header::HeaderValue::from_str(&authorization) else {
            continue;
        };
        let answer = nobody
            .request("GET", "/me")
            .header("authorization", value.to_str().unwrap_or(""))
            .send()
            .await;
        assert!([400, 401].contains(&answer.status), "{authorization}: {answer}");
    }
    nobody.with(Credential::Token(token)).get("/me").await.expect(200);
}

/// CyberPanel's filter looked at POST alone. Every method that changes something needs the page's own header and origin.
#[tokio::test]
async fn cve_2024_51378_no_method_passes_without_its_check() {
    let owner = owner();
    let plan = owner.plan(None).await;
    let customer = owner.tenant_below("customer", &plan).await;
    let Credential::Session(session) = customer.api.credential.clone() else {
        unreachable!()
    };
    let nobody = owner.api.with(Credential::None);
    let cookie = format!("__Host-mpanel_session={session}");
    let own = format!("http://{}", owner.api.panel);
    for (method, path) in [
        ("POST", "/sites".to_owned()),
        ("PATCH", format!("/tenants/{}", customer.tenant)),
        ("PUT", format!("/tenants/{}/subscription", customer.tenant)),
        ("DELETE", "/sessions/current".to_owned()),
    ] {
        let body = json!({"name": "forged"});
        let plain = || nobody.request(method, &path).header("cookie", &cookie).json(&body);
        plain().send().await.expect(403);
        plain()
            .header("mpanel-csrf", "1")
            .header("origin", "https://evil.example")
            .send()
            .await
            .expect(403);
        plain()
            .header("mpanel-csrf", "1")
            .header("origin", "null")
            .send()
            .await
            .expect(403);
        plain().header("origin", &own).send().await.expect(403);
        let cross = plain()
            .header("mpanel-csrf", "1")
            .header("origin", &own)
            .header("sec-fetch-site", "cross-site");
        cross.send().await.expect(403);
    }
    customer.api.get("/me").await.expect(200);
    assert!(customer.api.list("/sites").await.is_empty());
}
