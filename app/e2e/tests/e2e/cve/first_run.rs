use std::net::{IpAddr, UdpSocket};

use serde_json::json;

use crate::harness::accounts::{PASSWORD, claim};
use crate::harness::{Api, System};

fn body(token: &str, email: &str) -> serde_json::Value {
    json!({"token": token, "email": email, "name": "Eve", "password": PASSWORD})
}

/// Coolify's and CapRover's first run: whoever opened the page first, or knew the default password, owned the server.
#[tokio::test]
async fn open_first_run_only_the_holder_of_the_link_owns_it_and_only_once() {
    let system = System::start().await;
    let api = system.api();
    assert_eq!(api.get("/setup").await.expect(200).body["claimed"], false);
    for token in ["", "captain42", "claim", &"A".repeat(43)] {
        let answer = api.post("/claim", body(token, "eve@example.com")).await;
        assert!([401, 403, 410, 422].contains(&answer.status), "{answer}");
    }
    // Of many who come at the same moment with the right token, one gets it.
    let token = system.claim_token().await;
    let race = (0..6).map(|number| {
        let (api, token) = (Api::new(system.address("panel")), token.clone());
        async move {
            api.post("/claim", body(&token, &format!("eve{number}@example.com")))
                .await
                .status
        }
    });
    let mut statuses = futures_util::future::join_all(race).await;
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 410, 410, 410, 410, 410]);
    api.post("/claim", body(&token, "late@example.com")).await.expect(410);
    assert_eq!(api.get("/setup").await.expect(200).body["claimed"], true);
    assert!(!system.data().join("run/claim").exists(), "the token is still on disk");
}

/// Plain HTTP is for loopback: neither a password nor a claim crosses a network in clear.
#[tokio::test]
async fn open_first_run_plain_http_from_elsewhere_is_refused() {
    let Some(address) = outward() else {
        eprintln!("this machine has no address but loopback: nothing to test");
        return;
    };
    let mut system = System::prepare(&[]);
    system.option("--panel", "0.0.0.0:0");
    system.up().await;
    let port = system.address("panel").port();
    let token = system.claim_token().await;
    let api = Api::new((address, port).into());
    let answer = api
        .request("POST", "/claim")
        .json(&body(&token, "eve@example.com"))
        .send_unchecked()
        .await
        .unwrap();
    assert_eq!(answer.status, 403, "{answer}");
    for path in ["/setup", "/api/v1/openapi.json", "/metrics", "/readyz"] {
        let answer = api.request("GET", path).send_unchecked().await.unwrap();
        assert_eq!(answer.status, 403, "{answer}");
    }
    // It was not used up.
    let here = Api::new(([127, 0, 0, 1], port).into());
    here.post("/claim", body(&token, "olga@provider.example"))
        .await
        .expect(201);
}

fn outward() -> Option<IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("192.0.2.1:9").ok()?;
    Some(socket.local_addr().ok()?.ip()).filter(|ip| !ip.is_loopback() && !ip.is_unspecified())
}

/// Coolify CVE-2025-64423: an invitation opened by somebody else. A link works once, for the account it was made for.
#[tokio::test]
async fn cve_2025_64423_an_activation_link_works_once() {
    let system = System::start().await;
    let owner = claim(&system).await;
    let new = json!({"kind": "customer", "name": "Bakery", "owner": {"email": "carl@bakery.example", "name": "Carl"}});
    let created = owner.api.post("/tenants", new).await.expect(201);
    let link = created.text("/activation/url_path");
    let (_, token) = link.split_once('#').unwrap();
    let api = system.api();
    let first = api
        .post("/activations", json!({"token": token, "password": PASSWORD}))
        .await
        .expect(201);
    assert_eq!(first.text("/user/email"), "carl@bakery.example");
    api.post(
        "/activations",
        json!({"token": token, "password": "another password 99"}),
    )
    .await
    .expect(410);
    let login = json!({"email": "carl@bakery.example", "password": "another password 99"});
    api.post("/sessions", login).await.expect(401);
}
