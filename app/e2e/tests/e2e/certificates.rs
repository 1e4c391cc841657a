//! Certificates of a real authority (Debian's pebble, which refuses half of all nonces).

use std::net::TcpListener;

use mpanel_client_acme::pebble::{Names, Pebble, Running};
use mpanel_client_acme::{AccountKey, Acme as _, ChallengeKind, Network, OrderStatus, Rfc8555};
use mpanel_engine_edge::{Challenge, Delta, Edge, EdgeConfig, EdgeOptions, Listener, Proof, Role};
use serde_json::json;

use crate::harness::accounts::{claim, unique};
use crate::harness::{Account, System, eventually, website};

/// Whom an installation asks.
async fn ask(owner: &Account, name: &str, pebble: &Running, preference: u32) {
    let body = json!({
        "name": name,
        "directory_url": pebble.directory.url,
        "root_pem": pebble.directory.root_pem,
        "contact": ["ops@example.com"],
        "agree_terms": true,
        "preference": preference,
    });
    let issuer = owner.api.post("/certificate-issuers", body).await.expect(201).id();
    eventually("there is an account", async || {
        let issuer = owner
            .api
            .get(&format!("/certificate-issuers/{issuer}"))
            .await
            .expect(200);
        (issuer.text("/state") == "ready").then_some(())
    })
    .await;
}

/// Waits until a certificate of `issuer` for `name` is listed.
async fn issued(account: &Account, issuer: &str, name: &str) {
    eventually(&format!("{name} has a certificate of {issuer}"), async || {
        let all = account.api.list("/certificates").await;
        let mut of_name = all.iter().filter(|one| one["names"] == json!([name]));
        of_name.find(|one| one["issuer"] == issuer).map(|_| ())
    })
    .await;
}

async fn system() -> System {
    System::start_with(&[("MPANEL_OUTBOUND_ALLOW", "127.0.0.0/8")]).await
}

#[tokio::test]
async fn sites_get_public_certificates_by_our_own_dns_and_each_is_ordered_once_though_serve_is_killed() {
    let system = system().await;
    let owner = claim(&system).await;
    let pebble = Pebble {
        dns: Some(system.address("dns")),
        // Nobody answers there: only the records of our own DNS can be found.
        http_port: 1,
        tls_port: 1,
        ..Pebble::default()
    }
    .start();
    ask(&owner, "pebble", &pebble, 1).await;
    let mut domains = Vec::new();
    for _ in 0..6 {
        let domain = format!("acme{}.net", unique());
        let site = owner.site(&domain).await;
        owner.publish(&site, &website::page("kept private")).await;
        domains.push(domain);
        if domains.len() % 2 == 0 {
            let before = system.kill("serve").await;
            system.wait_restarted("serve", before).await;
            system.wait_ready().await;
        }
    }
    let trusted = pebble.root().await;
    let names: Vec<&str> = domains.iter().map(String::as_str).collect();
    let browser = system.browser_trusting(trusted.as_bytes(), &names);
    for domain in &domains {
        issued(&owner, "pebble", domain).await;
        browser.shows(domain, "/", "kept private").await;
    }
    assert_eq!(pebble.orders(), domains.len());
    eventually("no record is left of it", async || {
        let zones = owner.api.list("/zones").await;
        let mut left = 0;
        for zone in &zones {
            let records = owner
                .api
                .list(&format!("/zones/{}/records", zone["id"].as_str().unwrap()))
                .await;
            left += records.iter().filter(|record| record["type"] == "TXT").count();
        }
        (left == 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn names_whose_dns_is_elsewhere_are_shown_over_http_and_another_authority_steps_in() {
    let system = system().await;
    let owner = claim(&system).await;
    let dns = Names::start();
    let at_edge = Pebble {
        dns: Some(dns.address),
        http_port: system.address("edge_http").port(),
        tls_port: system.address("edge_https").port(),
        ..Pebble::default()
    };
    let (first, second) = (at_edge.start(), at_edge.start());
    ask(&owner, "first", &first, 1).await;
    ask(&owner, "second", &second, 2).await;
    // Below somebody's domain there is no zone by itself.
    let place = |name: &str| format!("{name}.elsewhere{}.net", unique());
    let domain = place("shop");
    owner.site(&domain).await;
    issued(&owner, "first", &domain).await;
    drop(first);
    let domain = place("blog");
    owner.site(&domain).await;
    issued(&owner, "second", &domain).await;
    let paused = owner.api.list("/certificate-issuers").await;
    let paused = paused.iter().find(|issuer| issuer["name"] == "first").unwrap();
    assert_eq!(paused["state"], "paused", "{paused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_authority_finds_what_an_edge_shows_in_both_ways() {
    let folder = tempfile::tempdir().unwrap();
    let options = EdgeOptions::new(folder.path().join("sites"), folder.path().join("none.sock"));
    let (edge, _) = Edge::new(options, EdgeConfig::default());
    let (http, https) = (
        TcpListener::bind("127.0.0.1:0").unwrap(),
        TcpListener::bind("127.0.0.1:0").unwrap(),
    );
    let dns = Names::start();
    let pebble = Pebble {
        dns: Some(dns.address),
        http_port: http.local_addr().unwrap().port(),
        tls_port: https.local_addr().unwrap().port(),
        ..Pebble::default()
    }
    .start();
    let listeners = vec![
        Listener::new(Role::EdgeHttp, http),
        Listener::new(Role::EdgeHttps, https),
    ];
    let _running = edge.start(listeners).unwrap();
    let client = Rfc8555::new(Network {
        allow: vec!["127.0.0.0/8".parse().unwrap()],
    });
    let key = AccountKey::generate().unwrap();
    let credentials = client.new_account(&pebble.directory, &key, &[], None).await.unwrap();
    let account = client.account(&pebble.directory, &credentials).await.unwrap();
    for kind in [ChallengeKind::Http01, ChallengeKind::TlsAlpn01] {
        let name = format!("{}.example.net", kind.word());
        let order = account.new_order(std::slice::from_ref(&name), None).await.unwrap();
        let all = account.authorizations(&order.url).await.unwrap();
        let challenge = all[0]
            .challenges
            .iter()
            .find(|challenge| challenge.kind == kind)
            .unwrap();
        let key_authorization = challenge.key_authorization.clone();
        let proof = match kind {
            ChallengeKind::Http01 => Proof::Http {
                token: challenge.token.clone(),
                key_authorization,
            },
            _ => Proof::TlsAlpn { key_authorization },
        };
        let challenge = Challenge { host: name, proof };
        let id = kind.word().to_owned();
        assert_eq!(edge.apply([Delta::UpsertChallenge { id, challenge }]), []);
        account.ready(&order.url, kind).await.unwrap();
        eventually("the authority has looked", async || {
            let now = account.order(&order.url).await.unwrap();
            assert_ne!(now.status, OrderStatus::Invalid, "{kind:?}: {}", pebble.log());
            (now.status == OrderStatus::Ready).then_some(())
        })
        .await;
    }
}
