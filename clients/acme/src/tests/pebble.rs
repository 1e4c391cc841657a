//! A real pebble that refuses half of all nonces.

use std::sync::Arc;

use base64::Engine as _;
use rcgen::{CertificateParams, KeyPair};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

use crate::pebble::{HMAC, KID, Pebble, Running};
use crate::{
    Account, AccountKey, Acme as _, AuthorizationStatus, ChallengeKind, Error, ExternalAccount, Network, Order,
    OrderStatus, ProblemKind, Rfc8555,
};

fn client() -> Rfc8555 {
    Rfc8555::new(Network {
        allow: vec!["127.0.0.0/8".parse().unwrap()],
    })
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

async fn account(pebble: &Running) -> Arc<dyn Account> {
    let key = AccountKey::generate().unwrap();
    let contact = names(&["mailto:ops@example.com"]);
    let credentials = client()
        .new_account(&pebble.directory, &key, &contact, None)
        .await
        .unwrap();
    client().account(&pebble.directory, &credentials).await.unwrap()
}

/// Looks until the order is no longer as it was.
async fn changed(account: &dyn Account, order: &Order) -> Order {
    loop {
        let now = account.order(&order.url).await.unwrap();
        if now.status != order.status && now.status != OrderStatus::Processing {
            return now;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

fn csr(names: &[String]) -> Vec<u8> {
    let params = CertificateParams::new(names.to_vec()).unwrap();
    let key = KeyPair::generate().unwrap();
    params.serialize_request(&key).unwrap().der().to_vec()
}

/// This pebble shows fifteen a page.
#[tokio::test(flavor = "multi_thread")]
async fn an_open_order_is_found_among_many_others() {
    let pebble = Pebble::default().start();
    let account = account(&pebble).await;
    let mut made = Vec::new();
    for at in 0..40 {
        let wanted = names(&[format!("h{at}.example.com").as_str()]);
        made.push((account.new_order(&wanted, None).await.unwrap().url, wanted));
    }
    for (url, wanted) in made.iter().rev().step_by(13) {
        let open = account.open_orders(wanted).await.unwrap();
        assert_eq!(open.iter().map(|order| &order.url).collect::<Vec<_>>(), [url]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_becomes_a_certificate_though_nonces_are_refused() {
    let pebble = Pebble {
        believes_all: true,
        ..Pebble::default()
    }
    .start();
    let account = account(&pebble).await;
    let wanted = names(&["shop.example.com", "*.example.com"]);
    let order = account.new_order(&wanted, None).await.unwrap();
    assert_eq!(order.status, OrderStatus::Pending);
    let open = account.open_orders(&wanted).await.unwrap();
    assert_eq!(open.iter().map(|order| &order.url).collect::<Vec<_>>(), [&order.url]);
    assert!(
        account
            .open_orders(&names(&["shop.example.com"]))
            .await
            .unwrap()
            .is_empty()
    );

    let all = account.authorizations(&order.url).await.unwrap();
    let mut seen: Vec<_> = all.iter().map(|one| (one.name.as_str(), one.wildcard)).collect();
    seen.sort_unstable();
    assert_eq!(seen, [("example.com", true), ("shop.example.com", false)]);
    for one in &all {
        assert_eq!(one.status, AuthorizationStatus::Pending);
        let kinds: Vec<_> = one.challenges.iter().map(|challenge| challenge.kind).collect();
        assert!(kinds.contains(&ChallengeKind::Dns01));
        assert_eq!(kinds.contains(&ChallengeKind::Http01), !one.wildcard);
        for challenge in &one.challenges {
            assert!(
                challenge
                    .key_authorization
                    .starts_with(&format!("{}.", challenge.token))
            );
            assert_eq!(challenge.dns_value.len(), 43);
        }
    }

    account.ready(&order.url, ChallengeKind::Dns01).await.unwrap();
    account.ready(&order.url, ChallengeKind::Dns01).await.unwrap();
    let ready = changed(&*account, &order).await;
    assert_eq!(ready.status, OrderStatus::Ready, "{ready:?}");
    let finalised = account.finalize(&order.url, &csr(&wanted)).await.unwrap();
    let valid = match finalised.status {
        OrderStatus::Valid => finalised,
        _ => changed(&*account, &ready).await,
    };
    assert_eq!(valid.status, OrderStatus::Valid);
    let chain = account.certificate(&order.url).await.unwrap();
    let chain: Vec<_> = CertificateDer::pem_slice_iter(chain.as_bytes())
        .map(Result::unwrap)
        .collect();
    assert!(chain.len() > 1, "leaf and intermediate");
    assert!(account.open_orders(&wanted).await.unwrap().is_empty(), "it is done");

    assert!(
        matches!(account.renewal("YQ.Yg").await, Err(Error::Unsupported(_))),
        "this pebble has no ARI"
    );
    account.revoke(&chain[0]).await.unwrap();
    let again = account.revoke(&chain[0]).await.unwrap_err();
    assert_eq!(again.kind(), Some(ProblemKind::AlreadyRevoked));
    assert_eq!(pebble.orders(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn asking_twice_with_one_key_is_one_account() {
    let pebble = Pebble::default().start();
    let key = AccountKey::generate().unwrap();
    let first = client().new_account(&pebble.directory, &key, &[], None).await.unwrap();
    let second = client().new_account(&pebble.directory, &key, &[], None).await.unwrap();
    assert_eq!(first.url, second.url);
    assert_eq!(first.key.as_bytes(), key.as_bytes());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_bound_to_an_external_one() {
    let pebble = Pebble {
        external: true,
        ..Pebble::default()
    }
    .start();
    let key = AccountKey::generate().unwrap();
    let without = client().new_account(&pebble.directory, &key, &[], None).await;
    assert_eq!(
        without.err().and_then(|error| error.kind()),
        Some(ProblemKind::ExternalAccountRequired)
    );
    let hmac = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(HMAC).unwrap();
    let external = ExternalAccount {
        kid: KID.to_owned(),
        hmac,
    };
    let made = client()
        .new_account(&pebble.directory, &key, &[], Some(&external))
        .await
        .unwrap();
    client().account(&pebble.directory, &made).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_it_refuses_says_which_name_and_why() {
    let pebble = Pebble::default().start();
    let account = account(&pebble).await;
    let refused = account
        .new_order(&names(&["not_a_name.example.com"]), None)
        .await
        .unwrap_err();
    let Error::Problem(problem) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!(
        (problem.kind, problem.status),
        (ProblemKind::Malformed, Some(400)),
        "{problem}"
    );
    let order = account.new_order(&names(&["nobody.invalid"]), None).await.unwrap();
    account.ready(&order.url, ChallengeKind::Http01).await.unwrap();
    let failed = changed(&*account, &order).await;
    assert_eq!(failed.status, OrderStatus::Invalid);
    let all = account.authorizations(&order.url).await.unwrap();
    assert_eq!(all[0].status, AuthorizationStatus::Dead);
    let why = all[0].challenges.iter().find_map(|challenge| challenge.error.clone());
    assert!(why.is_some(), "{all:?}");
}
