//! The panel at its own name over HTTPS, where strangers can reach it.

use reqwest::header::SET_COOKIE;
use serde_json::{Value, json};

use crate::harness::accounts::{PASSWORD, claim};
use crate::harness::website::Browser;
use crate::harness::{Account, System, client, totp};

const HOST: &str = "panel.provider.example";
const METRICS_TOKEN: &str = "a token for the collector";

/// A browser with the panel's page open.
struct Page {
    http: reqwest::Client,
    origin: String,
    cookie: String,
}

impl Page {
    async fn send(&mut self, method: &str, path: &str, body: Value) -> (u16, Value) {
        let url = format!("{}/api/v1{path}", self.origin);
        let mut request = self.http.request(method.parse().unwrap(), url);
        request = request.header("origin", &self.origin).header("mpanel-csrf", "1");
        if !self.cookie.is_empty() {
            request = request.header("cookie", &self.cookie);
        }
        if !body.is_null() {
            request = request.json(&body);
        }
        let answer = request.send().await.unwrap();
        if let Some(cookie) = answer.headers().get(SET_COOKIE) {
            let cookie = cookie.to_str().unwrap();
            assert!(cookie.starts_with("__Host-") && cookie.contains("Secure"), "{cookie}");
            self.cookie = cookie.split(';').next().unwrap().to_owned();
        }
        let status = answer.status().as_u16();
        (status, answer.json().await.unwrap_or_default())
    }

    async fn expect(&mut self, status: u16, method: &str, path: &str, body: Value) -> Value {
        let (given, answer) = self.send(method, path, body).await;
        assert_eq!(given, status, "{method} {path}: {answer}");
        answer
    }

    async fn log_in(system: &System, browser: &Browser, who: &Account) -> Self {
        let mut page = Self::new(system, browser);
        let body = json!({"email": who.email, "password": PASSWORD});
        page.expect(201, "POST", "/sessions", body).await;
        page
    }

    fn new(system: &System, browser: &Browser) -> Self {
        Self {
            http: browser.http.clone(),
            origin: format!("https://{HOST}:{}", system.address("edge_https").port()),
            cookie: String::new(),
        }
    }
}

#[tokio::test]
async fn at_its_name_the_panel_demands_https_of_all_and_a_second_factor_of_its_owners() {
    let system = System::start_with(&[("MPANEL_HOSTS", HOST), ("MPANEL_METRICS_TOKEN", METRICS_TOKEN)]).await;
    let owner = claim(&system).await;
    let customer = owner.tenant_below("customer", &owner.plan(None).await).await;
    let browser = system.browser(&[HOST]).await;
    browser.shows(HOST, "/readyz", "ready").await;
    browser.shows(HOST, "/", "<title>").await;

    // Plain HTTP leads there and answers nothing itself.
    let http = system.address("edge_http");
    let plain = client::builder().resolve(HOST, http).build().unwrap();
    let url = format!("http://{HOST}:{}/api/v1/setup", http.port());
    let answer = plain.get(url).send().await.unwrap();
    assert_eq!(answer.status(), 301);
    let secure = format!("https://{HOST}:{}/api/v1/setup", system.address("edge_https").port());
    assert_eq!(answer.headers()["location"], secure.as_str());

    // Customers need none; the owner may set one up, and nothing else before.
    let mut customers = Page::log_in(&system, &browser, &customer).await;
    customers.expect(200, "GET", "/sites", Value::Null).await;
    let mut owners = Page::log_in(&system, &browser, &owner).await;
    let me = owners.expect(200, "GET", "/me", Value::Null).await;
    assert_eq!(me["totp_setup_required"], true);
    for (method, path, body) in [
        ("GET", "/sites", Value::Null),
        ("GET", "/tenants", Value::Null),
        ("POST", "/api-tokens", json!({"name": "sneaky", "scopes": ["*"]})),
    ] {
        let refused = owners.expect(403, method, path, body).await;
        assert_eq!(refused["code"], "identity.totp.setup_required", "{path}: {refused}");
    }
    owner.api.get("/sites").await.expect(200);
    let started = owners
        .expect(200, "POST", "/me/totp", json!({"password": PASSWORD}))
        .await;
    let secret = started["secret"].as_str().unwrap();
    let used = totp::code(secret, 0);
    let confirmed = owners
        .expect(200, "POST", "/me/totp/confirm", json!({"code": used}))
        .await;
    assert!(
        confirmed["backup_codes"]
            .as_array()
            .is_some_and(|codes| codes.len() >= 8)
    );
    owners.expect(200, "GET", "/sites", Value::Null).await;

    // From now on the password alone opens nothing, here or elsewhere.
    let mut again = Page::new(&system, &browser);
    let mut body = json!({"email": owner.email, "password": PASSWORD});
    let refused = again.expect(401, "POST", "/sessions", body.clone()).await;
    assert_eq!(refused["code"], "identity.session.totp_required");
    system.api().post("/sessions", body.clone()).await.expect(401);
    body["totp"] = json!(used);
    again.expect(401, "POST", "/sessions", body.clone()).await;
    body["totp"] = json!(totp::code(secret, 1));
    again.expect(201, "POST", "/sessions", body).await;
    again.expect(200, "GET", "/tenants", Value::Null).await;

    metrics(&system, &browser).await;
}

/// Figures are for this machine, and for collectors that know the token.
async fn metrics(system: &System, browser: &Browser) {
    let url = format!("https://{HOST}:{}/metrics", system.address("edge_https").port());
    let ask = async |token: Option<&str>| {
        let request = browser.http.get(&url);
        let request = match token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    for wrong in [None, Some("another token, as long"), Some("")] {
        let (status, text) = ask(wrong).await;
        assert!(
            status == 404 && !text.contains("http_requests"),
            "{wrong:?}: {status} {text}"
        );
    }
    let (status, text) = ask(Some(METRICS_TOKEN)).await;
    assert!(status == 200 && text.contains("http_requests_total"), "{status} {text}");
    let here = system.api().request("GET", "/metrics").send_unchecked().await.unwrap();
    assert!(here.expect(200).to_string().contains("# "));
}
