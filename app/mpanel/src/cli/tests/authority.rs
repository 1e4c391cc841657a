//! Whom the client believes: a panel over HTTPS whose certificate authority is not the one it was.

use std::sync::Arc;

use mpanel_crypto::Secret;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::json;
use tokio_rustls::TlsAcceptor;

use super::login::line;
use super::server::{Fake, say};
use crate::cli::api::{Server, Trust, fingerprint};
use crate::cli::authority;
use crate::cli::login::sign_in;

/// A certificate authority, and what a server that it has certified presents.
struct Authority {
    pem: String,
    acceptor: TlsAcceptor,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        let issuer = Issuer::new(params, key);
        let leaf_key = KeyPair::generate().unwrap();
        let leaf = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        let leaf = leaf.signed_by(&leaf_key, &issuer).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![CertificateDer::from(leaf.der().to_vec())],
                PrivateKeyDer::try_from(leaf_key.serialize_der()).unwrap(),
            )
            .unwrap();
        Self {
            pem,
            acceptor: TlsAcceptor::from(Arc::new(config)),
        }
    }

    /// A panel with this authority's certificate that shows `shown` as its authority.
    async fn panel(&self, shown: &str) -> Fake {
        let shown = shown.to_owned();
        Fake::over_tls(self.acceptor.clone(), move |asked| match asked.path.as_str() {
            "/api/v1/certificate-authority" => say(200, &shown),
            "/api/v1/sessions" => say(201, json!({"user": {"email": "ada@example.com"}}))
                .with("set-cookie", "__Host-mpanel_session=abc; Path=/; Secure; HttpOnly"),
            "/api/v1/api-tokens" => say(201, json!({"id": "tok_1", "token": "mpk_new"})),
            _ => say(204, ""),
        })
        .await
    }
}

async fn log_in(fake: &Fake, kept: &str) -> Result<(), crate::cli::failure::Failure> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cli.toml");
    let url = fake.https_url();
    let profile = json!({"profile": {"default": {"url": url, "token": "mpk_old", "token_id": "tok_1", "ca": kept}}});
    std::fs::write(&file, toml::to_string(&profile).unwrap()).unwrap();
    let password = || Ok(Secret::new("secret".to_owned()));
    sign_in(&line(&url, &[]), password, &file).await.map(drop)
}

#[tokio::test]
async fn network_a_panel_whose_authority_has_changed_gets_neither_password_nor_token() {
    let (before, after) = (Authority::new(), Authority::new());
    let same = before.panel(&before.pem).await;
    log_in(&same, &before.pem).await.unwrap();
    assert!(!same.asked().is_empty());

    let changed = after.panel(&after.pem).await;
    let failure = log_in(&changed, &before.pem).await.unwrap_err();
    assert_eq!(failure.exit_code(), 8, "{failure}");
    assert!(
        failure.to_string().contains("no authority that is trusted here"),
        "{failure}"
    );
    assert!(changed.asked().is_empty(), "something was sent");
}

#[tokio::test]
async fn network_the_expected_fingerprint_decides_and_not_what_the_panel_shows() {
    let (real, other) = (Authority::new(), Authority::new());
    let expected = fingerprint(&real.pem).unwrap();
    let trust = async |fake: &Fake| {
        let server = Server::parse(&fake.https_url()).unwrap();
        authority::trust(&server, Some(&expected)).await
    };
    let honest = real.panel(&real.pem).await;
    assert_eq!(trust(&honest).await.unwrap(), Trust::Also(real.pem.clone()));
    let another = other.panel(&other.pem).await;
    let failure = trust(&another).await.unwrap_err();
    assert_eq!(failure.exit_code(), 2, "{failure}");
    // Everybody may show the real one's certificate, but has no certificate from it.
    let pretender = other.panel(&real.pem).await;
    let failure = trust(&pretender).await.unwrap_err();
    assert_eq!(failure.exit_code(), 8, "{failure}");
    let sent = pretender.asked();
    assert!(sent.iter().all(|asked| asked.method == "GET" && asked.body.is_empty()));
}
